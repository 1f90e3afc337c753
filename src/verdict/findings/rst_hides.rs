//! The client holds descriptors whose connections a reset ended: a leak in no TCP state at all.

use super::evidence::{held, resets};
use super::finding;
use crate::record::{ArmRun, Finding, Severity, Side, TcpState};
use crate::units::Count;

/// Fewer held sockets than this may be attempts that were under way.
const LEAST_HELD: u64 = 10;

/// At most one held socket in ten may still show in the table for the leak to count as hidden.
const SHOWN: u64 = 10;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let held = held(arm);
    let table = arm.last.get(&Side::Client)?;
    let gone = |state| matches!(state, TcpState::Listen | TcpState::TimeWait | TcpState::Close);
    let shown: u64 = table.iter().filter(|(state, _)| !gone(*state)).map(|(_, n)| n).sum();
    // A client that only shuts down holds its descriptors without a state too; resets tell the two apart.
    let resets = resets(arm);
    if held < LEAST_HELD || shown > held / SHOWN || resets < held / 2 {
        return None;
    }
    let text = format!(
        "the {} arm still held {} sockets at its end, and the client's table shows {} of them: {} ({} resets seen). What was \
         reset is in no TCP state: its port is free, its descriptor is not, and neither netstat nor ss shows the leak. \
         Fix: close the connection on a failed login too; to find such a leak, count the descriptors of the process.",
        arm.facts.name,
        Count(held),
        Count(shown),
        cause(arm),
        Count(resets),
    );
    finding("rst-hides-the-leak", arm, Severity::Failure, text)
}

/// Why the connections were reset, as far as the embedded server's settings tell, and the wire does not deny it.
fn cause(arm: &ArmRun) -> String {
    let end_of = |fault: &str| fault.split([':', ',']).find_map(|part| part.strip_prefix("end=").map(str::to_owned));
    let faults = &arm.facts.faults;
    // The server's own way to close holds where a fault says no other.
    let own = faults.is_empty() || faults.iter().any(|fault| end_of(fault).is_none());
    let close = arm.facts.server_close.as_deref().filter(|_| own);
    let mut on_purpose: Vec<_> =
        faults.iter().filter(|fault| end_of(fault).as_deref() == Some("reset")).cloned().collect();
    on_purpose.extend(close.filter(|close| *close == "abortive").map(|close| format!("server_close = \"{close}\"")));
    let first = arm.ledger.as_ref().map(|ledger| ledger.closed_first.server_rst);
    match (first, close) {
        (None | Some(1..), _) if !on_purpose.is_empty() => {
            format!("the server reset their connections on purpose (`{}`)", on_purpose.join("`, `"))
        }
        (None | Some(1..), Some("unread")) => {
            "the server closed with request bytes unread (`server_close = \"unread\"`), for which its kernel sends RST"
                .to_owned()
        }
        (Some(sent @ 1..), _) => format!("the server ended {} connections by RST and not by FIN", Count(sent)),
        _ => "RST ended their connections".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::record::{ClosedFirst, Counters, LedgerInterval};
    use crate::verdict::fixture::Story;

    fn story(resets: u64, states: &[(TcpState, u64)]) -> Story {
        Story::new("leaky")
            .held(500)
            .load(0, 1000, 500, 500)
            .counters(0, Side::Client, Counters::default())
            .counters(1000, Side::Client, Counters { estab_resets: resets, ..Counters::default() })
            .client(1000, states)
            .counters(1001, Side::Server, Counters::default())
    }

    #[test]
    fn fires_on_held_sockets_that_a_reset_took_from_the_table() {
        let mut resets = story(500, &[]);
        resets = resets.counters(1100, Side::Client, Counters { estab_resets: 500, ..Counters::default() });
        assert_eq!(found(resets), ["rst-hides-the-leak"]);
    }

    #[test]
    fn a_leak_that_shows_or_a_shutdown_is_another_matter() {
        let resets = Counters { estab_resets: 500, ..Counters::default() };
        let shown = Story::new("leaky").held(500).load(0, 1000, 500, 500).counters(0, Side::Client, resets);
        assert_eq!(found(shown.client(1000, &[(TcpState::CloseWait, 500)])), Vec::<String>::new());
        assert_eq!(found(story(0, &[])), Vec::<String>::new(), "nothing was reset");
    }

    /// It named unread bytes where the server reset on purpose, and where nobody knew.
    #[test]
    fn the_cause_is_what_is_known() {
        let told = |close: Option<&str>, faults: &[&str], server_rst: Option<u64>| {
            let mut story = story(500, &[]);
            story.facts.server_close = close.map(str::to_owned);
            story.facts.faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
            if let Some(server_rst) = server_rst {
                let closed_first = ClosedFirst { server_rst, ..ClosedFirst::default() };
                story = story.ledger(LedgerInterval { closed_first, ..LedgerInterval::default() });
            }
            cause(&arm(story))
        };
        let refused: &[&str] = &["login-18456"];
        let rows = [
            (told(Some("unread"), refused, Some(500)), "with request bytes unread"),
            (told(Some("abortive"), refused, Some(500)), "on purpose (`server_close = \"abortive\"`)"),
            (
                told(Some("orderly"), &["login-18456:end=reset,p=0.5"], None),
                "on purpose (`login-18456:end=reset,p=0.5`)",
            ),
            (
                told(Some("abortive"), &["login-18456:end=reset", "slow"], None),
                "(`login-18456:end=reset`, `server_close",
            ),
            (told(Some("unread"), &["login-18456:end=reset"], Some(500)), "on purpose (`login-18456:end=reset`)"),
            (told(Some("orderly"), refused, Some(500)), "the server ended 500 connections by RST"),
            (told(Some("unread"), refused, Some(0)), "RST ended their connections"),
            (told(None, &[], None), "RST ended their connections"),
        ];
        for (text, part) in rows {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
