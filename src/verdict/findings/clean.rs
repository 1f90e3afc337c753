//! The note that says how it looks when a client closes: every port free again.
//!
//! Of repetitions it is told once, of all that are clean: their logins together, and the most of any.

use super::evidence::{close_wait_peak, exhausted, held, peak};
use super::pile::LATE_PEAK;
use super::{finding, late_closer};
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

pub(super) fn rule(arms: &[&ArmRun]) -> Option<Finding> {
    let clean: Vec<&ArmRun> = arms.iter().copied().filter(|arm| is_clean(arm)).collect();
    let first = *clean.first()?;
    let sum = |of: fn(&ArmRun) -> u64| clean.iter().map(|arm| of(arm)).sum::<u64>();
    let most = |of: fn(&ArmRun) -> u64| clean.iter().map(|arm| of(arm)).max().unwrap_or_default();
    let accepted = sum(|arm| arm.outcomes.of(Outcome::LoggedIn));
    let refused = sum(|arm| arm.outcomes.of(Outcome::LoginRejected));
    let logins = match (accepted, refused) {
        (0, refused) => format!("{} logins refused", Count(refused)),
        (accepted, 0) => format!("{} logins", Count(accepted)),
        (accepted, refused) => format!("{} logins and {} refused ones", Count(accepted), Count(refused)),
    };
    // Only a ledger that missed nothing has seen every change.
    let exact = clean.iter().all(|arm| arm.ledger.as_ref().is_some_and(|ledger| !ledger.missed()));
    let resting = match most(|arm| peak(arm, Side::Server, TcpState::TimeWait)) {
        0 => String::new(),
        resting => format!(" TIME_WAIT lay on the server ({}), which closed first.", Count(resting)),
    };
    let repeated = match arms.len() {
        1 => String::new(),
        all => format!(" (In {} of {all} repetitions.)", clean.len()),
    };
    let text = format!(
        "the {} arm is clean: {logins}, at most {} sockets {}in CLOSE_WAIT at once and {} of {} ports in use, and every port \
         free again at the end.{resting}{repeated}",
        first.facts.name,
        Count(most(close_wait_peak)),
        if exact { "" } else { "seen " },
        Count(most(|arm| arm.ports.peak())),
        Count(u64::from(first.facts.ephemeral_ports.count)),
    );
    finding("clean", first, Severity::Note, text)
}

fn is_clean(arm: &ArmRun) -> bool {
    let Some(table) = arm.last.get(&Side::Client).filter(|_| arm.has_final_table) else { return false };
    let in_use: u64 = table.iter().filter(|(state, _)| *state != TcpState::Listen).map(|(_, n)| n).sum();
    let done = arm.end.as_ref().is_some_and(|end| end.complete);
    let late = late_closer::is_late(arm) || close_wait_peak(arm).max(arm.held_peak) >= LATE_PEAK;
    let leaks = exhausted(arm) || held(arm) > 0 || in_use > 0 || late;
    done && !leaks && arm.outcomes.of(Outcome::LoggedIn) + arm.outcomes.of(Outcome::LoginRejected) > 0
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::record::{Gauge, LedgerInterval};
    use crate::verdict::fixture::{Story, run_of};

    fn found_in(story: Story) -> Option<Finding> {
        rule(&[&arm(story)])
    }

    fn told(end: &[(TcpState, u64)]) -> Story {
        Story::new("orderly").outcome(Outcome::LoginRejected, 5000).client(500, &[(TcpState::CloseWait, 3)]).last(
            2700,
            Side::Client,
            end,
        )
    }

    #[test]
    fn notes_a_client_that_closes() {
        let found = found_in(told(&[])).unwrap();
        assert!(found.text.contains("5,000 logins refused, at most 3 sockets seen in"), "{}", found.text);
        assert_eq!(found.severity, Severity::Note);
    }

    #[test]
    fn what_was_held_between_two_tables_is_not_clean() {
        let hill = |held| told(&[]).held(held).load(0, 400, 1, 1).held(0).load(400, 500, 1, 1);
        assert!(found_in(hill(LATE_PEAK)).is_none());
        assert!(found_in(hill(LATE_PEAK - 1)).is_some());
    }

    fn wire(peak: u64) -> LedgerInterval {
        LedgerInterval { close_wait: Gauge { now: 0, peak }, ..LedgerInterval::default() }
    }

    /// "At most 0" stood beside a ledger of 26, and "at most 32" of 142, which is not clean.
    #[test]
    fn what_the_wire_tells_is_the_most() {
        let found = found_in(told(&[]).ledger(wire(26))).unwrap();
        assert!(found.text.contains("at most 26 sockets in CLOSE_WAIT at once"), "{}", found.text);
        let found = found_in(told(&[]).ledger(LedgerInterval { lost: 1, ..wire(2) })).unwrap();
        assert!(found.text.contains("at most 3 sockets seen in CLOSE_WAIT at once"), "{}", found.text);
        assert!(found_in(told(&[]).ledger(wire(142))).is_none());
    }

    #[test]
    fn of_repetitions_the_most_of_any_that_is_clean() {
        let mut run = run_of(&[told(&[]).ledger(wire(4))], &[]);
        run.merge(run_of(&[told(&[]).ledger(wire(26))], &[]));
        run.merge(run_of(&[told(&[]).ledger(wire(142))], &[]));
        let arms: Vec<&ArmRun> = run.arms.iter().collect();
        let text = rule(&arms).unwrap().text;
        assert!(text.contains("10,000 logins refused, at most 26 sockets in CLOSE_WAIT"), "{text}");
        assert!(text.ends_with("(In 2 of 3 repetitions.)"), "{text}");
    }

    #[test]
    fn ports_still_in_use_are_not_clean() {
        assert_eq!(found(told(&[(TcpState::TimeWait, 1)])), Vec::<String>::new());
        assert_eq!(found(told(&[]).held(1).load(0, 1, 1, 1)), Vec::<String>::new());
    }
}
