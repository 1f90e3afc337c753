//! Ports ran out while most of them lay in TIME_WAIT: the client closes first, and often.

use super::evidence::after;
use super::{finding, holders};
use crate::record::{ArmRun, Finding, Outcome, Severity, TcpState};
use crate::units::Count;

/// How long Linux keeps TIME_WAIT; fixed in the kernel (`TCP_TIMEWAIT_LEN`, `include/net/tcp.h`), and not
/// `tcp_fin_timeout`.
const TIME_WAIT_S: u32 = 60;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let holders = holders::mostly(arm, TcpState::TimeWait)?;
    let ports = arm.facts.ephemeral_ports.count;
    let text = format!(
        "the {} arm used {} of {} ports{}; connect then failed with EADDRNOTAVAIL ({} attempts). Most of the sockets were in \
         TIME_WAIT ({} seen): this client closes first, and each of its ports then rests {TIME_WAIT_S} s, so that {} \
         ports carry {} connections a second to one server, unless Linux takes them again sooner.{} Fix: keep connections \
         and use them again (a pool); net.ipv4.tcp_tw_reuse=1 (here {}) lets Linux take such a port again after about 1 s.",
        arm.facts.name,
        Count(arm.ports.peak()),
        Count(u64::from(ports)),
        after(arm),
        Count(arm.outcomes.of(Outcome::PortsExhausted)),
        Count(holders.of(TcpState::TimeWait)),
        Count(u64::from(ports)),
        Count(u64::from(ports / TIME_WAIT_S)),
        holders.others(TcpState::TimeWait),
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
        assert!(rule(&arm).unwrap().text.contains("carry 33 connections a second"));
    }
}
