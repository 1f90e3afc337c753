//! The server's FIN_WAIT_2 vanished while the client's CLOSE_WAIT stayed: the evidence is on one side only.

use super::evidence::{last, peak};
use super::finding;
use crate::record::{ArmRun, Finding, Severity, Side, TcpState};
use crate::units::Count;

/// Fewer than this may come and go with attempts under way.
const LEAST: u64 = 20;

/// One in ten left on the server counts as vanished.
const LEFT: u64 = 10;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    arm.last.get(&Side::Server)?;
    let (most, left) = (peak(arm, Side::Server, TcpState::FinWait2), last(arm, Side::Server, TcpState::FinWait2));
    let stuck = last(arm, Side::Client, TcpState::CloseWait);
    if most < LEAST || left > most / LEFT || stuck < most / 2 {
        return None;
    }
    let text = format!(
        "the {} arm's server had {} sockets in FIN_WAIT_2 and has {} now: tcp_fin_timeout ({} s) took them away, while \
         the client still holds {} in CLOSE_WAIT. Whoever looks at the server alone sees nothing wrong. Fix: look at the \
         client, and close the connection there on a failed login too.",
        arm.facts.name,
        Count(most),
        Count(left),
        arm.facts.tcp_fin_timeout_s,
        Count(stuck),
    );
    finding("fin-wait-2-expired", arm, Severity::Warning, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::verdict::fixture::Story;

    #[test]
    fn fires_when_one_side_forgets() {
        let told = |server_end: u64, client_end: u64| {
            Story::new("leaky")
                .server(500, &[(TcpState::FinWait2, 300)])
                .client(500, &[(TcpState::CloseWait, 300)])
                .server(9000, &[(TcpState::FinWait2, server_end)])
                .client(9000, &[(TcpState::CloseWait, client_end)])
        };
        assert_eq!(found(told(0, 300)), ["fin-wait-2-expired"]);
        assert_eq!(found(told(300, 300)), Vec::<String>::new());
        assert_eq!(found(told(0, 0)), Vec::<String>::new(), "both sides closed");
    }
}
