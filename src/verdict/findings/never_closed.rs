//! Connections still in CLOSE_WAIT at the end, longer than any that was closed, although nothing ran out yet: the leak,
//! before it hurts.

use super::evidence::{exhausted, held, last, peak};
use super::{closes, finding, pile};
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

/// Fewer than this at the end may be connections that were just being closed.
const MANY: u64 = 10;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let (left, known) = match closes::of(arm) {
        Some(closes) => (closes.left, format!(" {}", closes.told())),
        None => (left_in_table(arm), String::new()),
    };
    let ran_out = exhausted(arm) || arm.outcomes.of(Outcome::DescriptorsExhausted) > 0;
    if left < MANY || ran_out {
        return None;
    }
    let text = format!(
        "the {} arm left {} sockets in CLOSE_WAIT ({} held by its close strategy): the server had closed, and when the arm \
         ended the client had not.{known} Each holds a port, of which there are {} towards this server; nothing ran out \
         yet. Fix: close the connection on a failed login too; the client's FIN frees its port at once.",
        arm.facts.name,
        Count(left),
        Count(held(arm)),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
    );
    finding("never-closed", arm, Severity::Failure, text)
}

/// What is left in the last table, of a pile that only grew.
fn left_in_table(arm: &ArmRun) -> u64 {
    let left = last(arm, Side::Client, TcpState::CloseWait);
    // A late closer's pile goes down again; what is left of it will be closed, too.
    let grows = left * 10 >= peak(arm, Side::Client, TcpState::CloseWait) * 9 && !pile::is_late(arm);
    if grows && arm.has_final_table { left } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::verdict::fixture::Story;

    fn left(sockets: u64) -> Story {
        Story::new("leaky").outcome(Outcome::LoginRejected, sockets).last(
            100,
            Side::Client,
            &[(TcpState::CloseWait, sockets)],
        )
    }

    #[test]
    fn fires_when_sockets_stay_behind() {
        let found = rule(&arm(left(500))).unwrap();
        assert!(found.text.contains("left 500 sockets in CLOSE_WAIT"), "{}", found.text);
    }

    #[test]
    fn a_pile_that_went_down_is_a_late_closers() {
        let story = Story::new("late").client(10, &[(TcpState::CloseWait, 500)]);
        let story = story.last(100, Side::Client, &[(TcpState::CloseWait, 50)]);
        assert!(!found(story).contains(&"never-closed".to_owned()));
    }

    #[test]
    fn a_few_may_be_closing_and_exhaustion_is_told_by_its_own_rule() {
        assert!(!found(left(9)).contains(&"never-closed".to_owned()));
        assert!(!found(left(500).exhausted(10)).contains(&"never-closed".to_owned()));
    }

    #[test]
    fn says_for_how_long_and_never_more_than_is_known() {
        let text = rule(&arm(left(500).close_waits(1300, &[(3, 40)], &[(1200, 500)]))).unwrap().text;
        assert!(!text.contains("never"), "{text}");
        let known = "the server had closed, and when the arm ended the client had not. 40 left CLOSE_WAIT, after at most 3 ms; \
                     500 were still in it when the arm ended, for at most 1.2 s.";
        assert!(text.contains(known), "{text}");
    }

    #[test]
    fn without_a_ledger_a_pile_that_stopped_growing_is_a_late_closers() {
        let told = |plateau| found(crate::verdict::findings::pile::tests::refused(plateau));
        assert_eq!(told(true), ["late-closer"]);
        assert_eq!(told(false), ["never-closed", "leak-rate"]);
    }
}
