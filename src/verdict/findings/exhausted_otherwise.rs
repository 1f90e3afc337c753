//! Ports ran out, and neither CLOSE_WAIT, TIME_WAIT nor ESTABLISHED held most of them: another state did, or several, or
//! nobody looked.

use super::evidence::after;
use super::{finding, holders};
use crate::record::{ArmRun, Finding, Named as _, Outcome, Severity, TcpState};
use crate::units::Count;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let holders = holders::of(arm)?;
    let by = match holders.most() {
        Some(TcpState::CloseWait | TcpState::TimeWait | TcpState::Established) => return None,
        Some(state) => format!("-by-{}", state.name().replace('_', "-")),
        None if holders.named(None).is_empty() => String::new(),
        None => "-by-several-states".to_owned(),
    };
    let named = holders.named(None);
    let held = match holders::told(&named) {
        nobody if nobody.is_empty() => "No table of sockets tells what held them".to_owned(),
        held => format!("Of the sockets there were {held}"),
    };
    let mut fixes = Vec::new();
    for fix in named.iter().map(|(state, _)| fix(*state)) {
        // States that share one need not be neighbours.
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    let fix =
        if fixes.is_empty() { "look at the client with `ss -tan` when it happens".into() } else { fixes.join("; ") };
    let text = format!(
        "the {} arm used {} of {} ports{}; connect then failed with EADDRNOTAVAIL ({} attempts). {held}. Fix: {fix}.",
        arm.facts.name,
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
        after(arm),
        Count(arm.outcomes.of(Outcome::PortsExhausted)),
    );
    finding(&format!("ports-exhausted{by}"), arm, Severity::Failure, text)
}

/// What takes sockets out of `state`.
const fn fix(state: TcpState) -> &'static str {
    match state {
        TcpState::Established => {
            "give every login a time-out, and close the connection when it has failed or timed out"
        }
        TcpState::CloseWait => "close the connection on a failed login too, which frees its port at once",
        TcpState::TimeWait => "keep connections and use them again (a pool)",
        TcpState::FinWait2 => "let the server close too, since its end is still open",
        TcpState::SynSent | TcpState::SynRecv => {
            "see why nobody answers (a full accept queue, a firewall), and give connect a time-out"
        }
        TcpState::FinWait1 | TcpState::LastAck | TcpState::Closing | TcpState::Close | TcpState::Listen => {
            "see why nobody acknowledges the client's FIN"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::verdict::fixture::Story;

    fn out(states: &[(TcpState, u64)]) -> Story {
        Story::new("app").outcome(Outcome::PortsExhausted, 30).client(990, states).exhausted(1000)
    }

    #[test]
    fn several_states_are_told_each_with_its_meaning_and_fix() {
        let mix = [(TcpState::CloseWait, 1000), (TcpState::TimeWait, 999), (TcpState::Established, 1)];
        assert_eq!(found(out(&mix)), ["ports-exhausted-by-several-states"]);
        let text = rule(&arm(out(&mix))).unwrap().text;
        for part in [
            "1,000 in CLOSE_WAIT (the server had closed, the client had not)",
            "999 in TIME_WAIT (the client had closed first; Linux keeps such a port for 60 s)",
            "close the connection on a failed login too, which frees its port at once",
            "(a pool)",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("ESTABLISHED"), "one socket is nobody's cause: {text}");
    }

    #[test]
    fn a_fix_of_several_states_is_told_once() {
        let mix = [(TcpState::FinWait1, 800), (TcpState::CloseWait, 700), (TcpState::LastAck, 500)];
        let text = rule(&arm(out(&mix))).unwrap().text;
        assert!(text.contains("500 in LAST_ACK"), "{text}");
        assert_eq!(text.matches("see why nobody acknowledges the client's FIN").count(), 1, "{text}");
    }

    #[test]
    fn no_exhaustion_falls_through() {
        for &state in TcpState::ALL {
            let found = found(out(&[(state, 2000)]));
            assert_eq!(found.len(), 1, "{state}: {found:?}");
            assert!(found[0].starts_with("ports-exhausted"), "{state}: {found:?}");
        }
        assert_eq!(found(out(&[(TcpState::FinWait2, 2000)])), ["ports-exhausted-by-fin-wait-2"]);
        assert_eq!(found(Story::new("unseen").exhausted(10)), ["ports-exhausted"]);
        assert_eq!(found(Story::new("app").client(990, &[(TcpState::SynSent, 2000)])), Vec::<String>::new());
    }
}
