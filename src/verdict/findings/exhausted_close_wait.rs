//! Ports ran out while the client held most of them in CLOSE_WAIT: the leak that this program is named for.

use super::evidence::{after, peak};
use super::{closes, finding, holders, pile};
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let holders = holders::mostly(arm, TcpState::CloseWait)?;
    let closed = match closes::of(arm) {
        Some(closes) => format!(" {}", closes.told()),
        None if pile::is_late(arm) => " It closes them, but late.".to_owned(),
        None => String::new(),
    };
    let hidden = match peak(arm, Side::Server, TcpState::FinWait2) {
        0 => String::new(),
        waiting => format!(
            " The server's side of them was FIN_WAIT_2 (at most {} seen), which vanishes tcp_fin_timeout ({} s) after \
             the server has closed its descriptor: a look at the server after that shows nothing wrong.",
            Count(waiting),
            arm.facts.tcp_fin_timeout_s
        ),
    };
    let text = format!(
        "the {} arm held {} of {} ports{}; connect then failed with EADDRNOTAVAIL ({} attempts). Most of the sockets were in \
         CLOSE_WAIT ({} seen): the server had closed, the client had not.{}{closed}{hidden} Fix: close the connection \
         on a failed login too; the client's FIN frees its port at once.",
        arm.facts.name,
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
        after(arm),
        Count(arm.outcomes.of(Outcome::PortsExhausted)),
        Count(holders.of(TcpState::CloseWait)),
        holders.others(TcpState::CloseWait),
    );
    finding("ports-exhausted-by-close-wait", arm, Severity::Failure, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::arm;
    use super::*;
    use crate::verdict::fixture::Story;

    fn leaky(state: TcpState) -> Story {
        Story::new("leaky")
            .outcome(Outcome::LoginRejected, 2000)
            .outcome(Outcome::PortsExhausted, 3000)
            .client(990, &[(state, 2000)])
            .server(990, &[(TcpState::FinWait2, 1998)])
            .exhausted(1020)
    }

    #[test]
    fn tells_evidence_cause_and_fix() {
        let found = rule(&arm(leaky(TcpState::CloseWait))).unwrap();
        for part in ["held 2,000 of 2,000 ports after 1.0 s", "3,000 attempts", "1,998 seen", "60 s", "Fix: close"] {
            assert!(found.text.contains(part), "{part}: {}", found.text);
        }
        assert_eq!((found.id.as_str(), found.severity), ("ports-exhausted-by-close-wait", Severity::Failure));
    }

    #[test]
    fn other_states_and_free_ports_are_not_its_business() {
        assert_eq!(rule(&arm(leaky(TcpState::TimeWait))), None);
        assert_eq!(rule(&arm(Story::new("leaky").client(10, &[(TcpState::CloseWait, 500)]))), None);
    }

    #[test]
    fn says_what_became_of_the_sockets() {
        let text = |story: Story| rule(&arm(story)).unwrap().text;
        let closed = text(leaky(TcpState::CloseWait).close_waits(6000, &[(3000, 2796)], &[]));
        assert!(closed.contains("the client had not. 2,796 left CLOSE_WAIT, after at most 3.0 s."), "{closed}");
        let open = text(leaky(TcpState::CloseWait).close_waits(2000, &[], &[(1900, 2000)]));
        assert!(open.contains("None left CLOSE_WAIT before the arm ended, at most 1.9 s after"), "{open}");
        for text in [closed, open, text(leaky(TcpState::CloseWait))] {
            assert!(!text.contains("never"), "{text}");
        }
    }
}
