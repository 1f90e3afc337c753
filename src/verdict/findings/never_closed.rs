//! Sockets in CLOSE_WAIT at the end, although nothing ran out yet: the leak, before it hurts.

use super::evidence::{exhausted, held, last, peak};
use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

/// Fewer than this at the end may be connections that were just being closed.
const MANY: u64 = 10;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let left = last(arm, Side::Client, TcpState::CloseWait);
    let ran_out = exhausted(arm) || arm.outcomes.of(Outcome::DescriptorsExhausted) > 0;
    // A late closer's pile goes down again; what is left of it will be closed, too.
    let grows = left * 10 >= peak(arm, Side::Client, TcpState::CloseWait) * 9;
    if left < MANY || ran_out || !grows || !arm.has_final_table {
        return None;
    }
    let ports = arm.facts.ephemeral_ports.count;
    let text = format!(
        "the {} arm left {} sockets in CLOSE_WAIT ({} held by its close strategy): the server had closed, the client never \
         did. Each holds a port, of which there are {} towards this server; nothing ran out yet. Fix: close the connection \
         on a failed login too; the client's FIN frees its port at once.",
        arm.facts.name,
        Count(left),
        Count(held(arm)),
        Count(u64::from(ports)),
    );
    finding("never-closed", arm, Severity::Failure, text)
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
}
