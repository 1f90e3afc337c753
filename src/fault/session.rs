//! `session-*`: the login is good, and then the session goes wrong; what a pool finds in its drawer.

use super::definition::{Definition, Phase, STALLS, or, plain};
use super::parameters::{Key, Parameters, Take};
use super::{Action, Script, Stage, Step};
use crate::tds::{Done, ServerMessage, Token};

/// How many requests a later fault answers well: the one that a pool checks a connection with, or the settings that a
/// driver sends of its own.
const WELL: u64 = 1;

const LATER_STALLS: &[Take] = &[or(Key::Requests, "1"), plain(Key::For), plain(Key::End)];

const TEMPLATE: Definition = Definition::template(
    Phase::Session,
    "reports that the connection was lost, and closes; its pool throws the session away",
);

pub(super) const FAULTS: &[Definition] = &[
    Definition {
        name: "session-end",
        wire: "a good login; then the end, before any request",
        incident: "an idle connection that was killed (KILL, failover, a NAT's idle time-out): a pool's dead session",
        client: "finds the session dead when it takes it from its pool, closes it, and opens another",
        act: end,
        ..TEMPLATE
    },
    Definition {
        name: "session-first-stall",
        wire: "a good login; the first request is read and never answered",
        incident: "a database that hangs behind a server that logs in: blocking, a full log, storage that is gone",
        client: "meets its command time-out, sends an attention, waits for its answer a while, and closes",
        own: STALLS,
        never_over: true,
        act: |parameters, stage| at_request(stage, 1, || Script::stall(parameters.time)),
        ..TEMPLATE
    },
    Definition {
        name: "session-first-end",
        wire: "a good login; the first request is read; then the end",
        incident: "a failover right after the login: \"a transport-level error has occurred\"",
        act: |_, stage| at_request(stage, 1, Script::end),
        ..TEMPLATE
    },
    Definition {
        name: "session-first-error",
        wire: "a good login; the first request gets ERROR 596 (class 21: the session is in the kill state) and DONE; \
               then the end",
        incident: "KILL by an administrator, a rollback of its transaction by a failover",
        client: "reports 596, and closes, since class 20 and above ends the connection; its pool throws it away",
        act: first_error,
        ..TEMPLATE
    },
    Definition {
        name: "session-later-stall",
        wire: "a good login and a good answer; the next request is read and never answered",
        incident: "the same as session-first-stall, for clients and pools that check a session first",
        client: "meets its command time-out, sends an attention, waits for its answer a while, and closes",
        own: LATER_STALLS,
        never_over: true,
        act: |parameters, stage| at_request(stage, later(parameters), || Script::stall(parameters.time)),
        ..TEMPLATE
    },
    Definition {
        name: "session-later-end",
        wire: "a good login and a good answer; the next request is read; then the end",
        incident: "a failover in the middle of the work, KILL by an administrator or a time limit",
        own: &[or(Key::Requests, "1"), plain(Key::End)],
        act: |parameters, stage| at_request(stage, later(parameters), Script::end),
        ..TEMPLATE
    },
];

/// The request that a later fault strikes.
fn later(parameters: &Parameters) -> u64 {
    parameters.requests.unwrap_or(WELL).saturating_add(1)
}

fn end(_: &Parameters, stage: &Stage<'_>) -> Action {
    match stage {
        Stage::Login(_) => Script::step(Step::Whole).into(),
        _ => Action::Proceed,
    }
}

/// What SQL Server says to a session that was killed, before it closes the connection.
fn first_error(_: &Parameters, stage: &Stage<'_>) -> Action {
    let Stage::Request { number: 1, dialect } = stage else { return Action::Proceed };
    let error = ServerMessage {
        number: 596,
        state: 1,
        class: 21,
        text: "Cannot continue the execution because the session is in the kill state.".to_owned(),
        server: dialect.server.to_owned(),
        procedure: String::new(),
        line: 1,
    };
    Script::send(dialect.reply(&[Token::Error(error), Token::Done(Done::of(Done::ERROR))])).into()
}

fn at_request(stage: &Stage<'_>, strikes: u64, script: impl FnOnce() -> Script) -> Action {
    match stage {
        Stage::Request { number, .. } if *number == strikes => script().into(),
        _ => Action::Proceed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Then;
    use super::super::testbed::{act, at_login, at_request, reply, script};
    use super::*;

    fn strikes(text: &str) -> Vec<u64> {
        (1..=10).filter(|number| at_request(text, *number) != Action::Proceed).collect()
    }

    #[test]
    fn each_strikes_one_request() {
        for (text, expected) in [
            ("session-end", vec![]),
            ("session-first-stall", vec![1]),
            ("session-first-end", vec![1]),
            ("session-first-error", vec![1]),
            ("session-later-stall", vec![2]),
            ("session-later-end", vec![2]),
            ("session-later-end:requests=7", vec![8]),
        ] {
            assert_eq!(strikes(text), expected, "{text}");
            let early = act(text);
            let login = usize::from(text == "session-end");
            assert_eq!(early[..5].iter().filter(|action| **action != Action::Proceed).count(), login, "{text}");
        }
        assert_eq!(
            later(
                &"session-later-end:requests=18446744073709551615"
                    .parse::<super::super::FaultSpec>()
                    .unwrap()
                    .parameters
            ),
            u64::MAX
        );
    }

    #[test]
    fn a_session_ends_behind_the_whole_good_reply() {
        assert_eq!(script(at_login("session-end")), Script::step(Step::Whole));
        assert_eq!(script(at_request("session-first-end", 1)), Script::end());
        assert_eq!(script(at_request("session-later-stall", 2)).then, Then::Silence);
    }

    #[test]
    fn a_killed_session_is_told_so() {
        for version in super::super::testbed::VERSIONS {
            let tokens = reply("session-first-error", version).unwrap();
            assert!(
                matches!(&tokens[0], Token::Error(error) if (error.number, error.class) == (596, 21)),
                "{tokens:?}"
            );
            assert_eq!(tokens[1..], [Token::Done(Done::of(Done::ERROR))]);
        }
    }
}
