//! `none` and `slow`: a good server, and one whose every reply is late.

use super::definition::{Definition, Phase, Scope, or};
use super::parameters::{Key, Parameters};
use super::{Action, Stage};
use crate::units::Span;

/// How late `slow` is.
const LATE: Span = Span::from_secs(1);

pub(super) const FAULTS: &[Definition] = &[
    Definition {
        name: "none",
        phase: Phase::Any,
        wire: "nothing goes wrong",
        incident: "none: the other half of every comparison",
        client: "logs in, and closes when it has done its work",
        own: &[],
        scope: Scope::Nothing,
        never_over: false,
        whole: true,
        act: |_, _| Action::Proceed,
    },
    Definition {
        name: "slow",
        phase: Phase::Any,
        wire: "every reply is right and comes late: PRELOGIN, TLS handshake, login, and every request of the session",
        incident: "a server short of CPU or worker threads, a link over a continent, a firewall that inspects",
        client: "logs in late; or it meets its own time-out, reports that, and closes",
        own: &[or(Key::For, "1s")],
        scope: Scope::Connection,
        never_over: false,
        whole: true,
        act: late,
    },
];

fn late(parameters: &Parameters, stage: &Stage<'_>) -> Action {
    match stage {
        // Nothing is answered yet.
        Stage::Accepted => Action::Proceed,
        _ => Action::Delay(parameters.time.unwrap_or(LATE)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::{act, at_accept, at_handshake, at_login, at_prelogin, at_request};
    use super::*;

    #[test]
    fn every_reply_is_late_by_a_second_or_as_asked() {
        let second = Action::Delay(LATE);
        assert_eq!(at_accept("slow"), Action::Proceed);
        assert_eq!(
            [at_prelogin("slow"), at_login("slow"), at_request("slow", 7)],
            [second.clone(), second.clone(), second]
        );
        assert_eq!(at_handshake("slow:for=20ms", true), Action::Delay(Span::from_millis(20)));
    }

    #[test]
    fn none_does_nothing_anywhere() {
        assert!(act("none").iter().all(|action| *action == Action::Proceed));
    }
}
