//! The note that says how it looks when a client closes: every port free again.

use super::evidence::{exhausted, held, peak};
use super::pile::LATE_PEAK;
use super::{finding, late_closer};
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    if late_closer::is_late(arm) {
        return None;
    }
    let table = arm.last.get(&Side::Client).filter(|_| arm.has_final_table)?;
    let in_use: u64 = table.iter().filter(|(state, _)| *state != TcpState::Listen).map(|(_, n)| n).sum();
    let close_wait = peak(arm, Side::Client, TcpState::CloseWait);
    let (accepted, refused) = (arm.outcomes.of(Outcome::LoggedIn), arm.outcomes.of(Outcome::LoginRejected));
    let done = arm.end.as_ref().is_some_and(|end| end.complete);
    let leaks = exhausted(arm) || held(arm) > 0 || in_use > 0 || close_wait.max(arm.held_peak) >= LATE_PEAK;
    if !done || leaks || accepted + refused == 0 {
        return None;
    }
    let logins = match (accepted, refused) {
        (0, refused) => format!("{} logins refused", Count(refused)),
        (accepted, 0) => format!("{} logins", Count(accepted)),
        (accepted, refused) => format!("{} logins and {} refused ones", Count(accepted), Count(refused)),
    };
    let resting = match peak(arm, Side::Server, TcpState::TimeWait) {
        0 => String::new(),
        resting => format!(" TIME_WAIT lay on the server ({}), which closed first.", Count(resting)),
    };
    let text = format!(
        "the {} arm is clean: {logins}, at most {} sockets in CLOSE_WAIT at once and {} of {} ports in use, and every port \
         free again at the end.{resting}",
        arm.facts.name,
        Count(close_wait),
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
    );
    finding("clean", arm, Severity::Note, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::verdict::fixture::Story;

    fn told(end: &[(TcpState, u64)]) -> Story {
        Story::new("orderly").outcome(Outcome::LoginRejected, 5000).client(500, &[(TcpState::CloseWait, 3)]).last(
            2700,
            Side::Client,
            end,
        )
    }

    #[test]
    fn notes_a_client_that_closes() {
        let found = rule(&arm(told(&[]))).unwrap();
        assert!(found.text.contains("5,000 logins refused, at most 3 sockets"), "{}", found.text);
        assert_eq!(found.severity, Severity::Note);
    }

    #[test]
    fn what_was_held_between_two_tables_is_not_clean() {
        let hill = |held| told(&[]).held(held).load(0, 400, 1, 1).held(0).load(400, 500, 1, 1);
        assert!(rule(&arm(hill(LATE_PEAK))).is_none());
        assert!(rule(&arm(hill(LATE_PEAK - 1))).is_some());
    }

    #[test]
    fn ports_still_in_use_are_not_clean() {
        assert_eq!(found(told(&[(TcpState::TimeWait, 1)])), Vec::<String>::new());
        assert_eq!(found(told(&[]).held(1).load(0, 1, 1, 1)), Vec::<String>::new());
    }
}
