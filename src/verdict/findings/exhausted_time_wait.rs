//! Ports ran out while most of them lay in TIME_WAIT: the client closes first, and often.

use super::evidence::{after, peak, share_at_exhaustion};
use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

/// From here on TIME_WAIT is the cause: it holds more ports than all other states together.
const SHARE: f64 = 0.5;

/// How long Linux keeps TIME_WAIT; fixed in the kernel (`TCP_TIMEWAIT_LEN`, `include/net/tcp.h`), and not
/// `tcp_fin_timeout`.
const TIME_WAIT_S: u32 = 60;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    share_at_exhaustion(arm, TcpState::TimeWait).filter(|share| *share >= SHARE)?;
    let ports = arm.facts.ephemeral_ports.count;
    let text = format!(
        "the {} arm used {} of {} ports{}; connect then failed with EADDRNOTAVAIL ({} attempts). The sockets were in \
         TIME_WAIT (at most {} seen): this client closes first, and each of its ports then rests {TIME_WAIT_S} s, so {} \
         ports carry at most {} connections a second to one server. Fix: keep connections and use them again (a pool); \
         net.ipv4.tcp_tw_reuse=1 (here {}) lets Linux take such a port again after about 1 s.",
        arm.facts.name,
        Count(arm.ports.peak()),
        Count(u64::from(ports)),
        after(arm),
        Count(arm.outcomes.of(Outcome::PortsExhausted)),
        Count(peak(arm, Side::Client, TcpState::TimeWait)),
        Count(u64::from(ports)),
        Count(u64::from(ports / TIME_WAIT_S)),
        arm.facts.tcp_tw_reuse,
    );
    finding("ports-exhausted-by-time-wait", arm, Severity::Failure, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::verdict::fixture::Story;

    #[test]
    fn fires_on_time_wait_alone() {
        let churn = |state| {
            let story = Story::new("churn").outcome(Outcome::PortsExhausted, 10).exhausted(1000);
            story.client(990, &[(state, 1900), (TcpState::Established, 100)])
        };
        assert_eq!(found(churn(TcpState::TimeWait)), ["ports-exhausted-by-time-wait"]);
        assert_eq!(found(churn(TcpState::CloseWait)), ["ports-exhausted-by-close-wait"]);
    }

    #[test]
    fn tells_how_many_connections_the_range_carries() {
        let arm = super::super::tests::arm(Story::new("churn").exhausted(1000).client(990, &[(TcpState::TimeWait, 9)]));
        assert!(rule(&arm).unwrap().text.contains("at most 33 connections a second"));
    }
}
