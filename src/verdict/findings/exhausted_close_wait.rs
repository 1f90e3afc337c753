//! Ports ran out while the client held most of them in CLOSE_WAIT: the leak that this program is named for.

use super::evidence::{after, peak, share_at_exhaustion};
use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

/// From here on CLOSE_WAIT is the cause: it holds more ports than all other states together.
const SHARE: f64 = 0.5;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    share_at_exhaustion(arm, TcpState::CloseWait).filter(|share| *share >= SHARE)?;
    let failed = arm.outcomes.of(Outcome::PortsExhausted);
    let hidden = match peak(arm, Side::Server, TcpState::FinWait2) {
        0 => String::new(),
        waiting => format!(
            " The server's side of them was FIN_WAIT_2 (at most {} seen), which vanishes after tcp_fin_timeout ({} s): \
             a look at the server after that shows nothing wrong.",
            Count(waiting),
            arm.facts.tcp_fin_timeout_s
        ),
    };
    let text = format!(
        "the {} arm held {} of {} ports{}; connect then failed with EADDRNOTAVAIL ({} attempts). The sockets were in \
         CLOSE_WAIT (at most {} seen): the server had closed, the client never did.{hidden} Fix: close the connection \
         on a failed login too; the client's FIN frees its port at once.",
        arm.facts.name,
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
        after(arm),
        Count(failed),
        Count(peak(arm, Side::Client, TcpState::CloseWait)),
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
}
