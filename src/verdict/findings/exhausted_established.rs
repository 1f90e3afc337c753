//! Ports ran out while most of them were in connections that nobody had closed: a server that holds, or that does not answer.

use super::evidence::{after, held};
use super::{finding, holders};
use crate::record::{ArmRun, Finding, Outcome, Severity, TcpState};
use crate::units::Count;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let holders = holders::mostly(arm, TcpState::Established)?;
    let outcome = |outcome| Count(arm.outcomes.of(outcome));
    let text = format!(
        "the {} arm used {} of {} ports{}; connect then failed with EADDRNOTAVAIL ({} attempts). Most of the sockets were \
         ESTABLISHED ({} seen): the server had not closed, and the client had not either.{} In the whole arm {} logins were \
         refused, {} timed out and {} succeeded; the client's close strategy held {} sockets at the end. Such a leak \
         does not show as CLOSE_WAIT. Fix: where the server does not close, only the client can: give every login a time-out, and \
         close the connection when it has failed or timed out; keep fewer connections that are in use (a pool with a limit).",
        arm.facts.name,
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
        after(arm),
        outcome(Outcome::PortsExhausted),
        Count(holders.of(TcpState::Established)),
        holders.others(TcpState::Established),
        outcome(Outcome::LoginRejected),
        outcome(Outcome::TimedOut),
        outcome(Outcome::LoggedIn),
        Count(held(arm)),
    );
    finding("ports-exhausted-by-established", arm, Severity::Failure, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::verdict::fixture::Story;

    fn holding(states: &[(TcpState, u64)]) -> Story {
        let story = Story::new("holding").outcome(Outcome::LoginRejected, 2000).outcome(Outcome::PortsExhausted, 30);
        story.held(2000).client(990, states).exhausted(1000)
    }

    #[test]
    fn tells_who_holds_and_who_can_close() {
        let found = rule(&super::super::tests::arm(holding(&[(TcpState::Established, 2000)]))).unwrap();
        for part in [
            "used 2,000 of 2,000 ports after 1.0 s",
            "(30 attempts)",
            "ESTABLISHED (2,000 seen)",
            "2,000 logins were refused, 0 timed out and 0 succeeded",
            "held 2,000 sockets",
            "Fix: where the server does not close, only the client can",
        ] {
            assert!(found.text.contains(part), "{part}: {}", found.text);
        }
    }

    #[test]
    fn fires_alone() {
        let most = [(TcpState::Established, 1100), (TcpState::CloseWait, 900)];
        assert_eq!(found(holding(&most)), ["ports-exhausted-by-established"]);
        let text = rule(&super::super::tests::arm(holding(&most))).unwrap().text;
        assert!(text.contains("Besides there were 900 in CLOSE_WAIT (the server had closed"), "{text}");
        assert_eq!(found(holding(&[(TcpState::CloseWait, 2000)])), ["ports-exhausted-by-close-wait"]);
    }
}
