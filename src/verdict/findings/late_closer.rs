//! The client closes, but long after the server has: CLOSE_WAIT that comes and goes, as a finalizer makes it.

use super::closes::{self, Closes, LATE, time};
use super::evidence::{exhausted, last, peak};
use super::{finding, pile};
use crate::record::{ArmRun, Finding, Severity, Side, TcpState};
use crate::units::Count;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let shown = match closes::of(arm) {
        Some(closes) => by_ledger(arm, &closes)?,
        None => by_tables(arm)?,
    };
    let wall = if exhausted(arm) {
        "It ran out of ports"
    } else {
        "At a higher rate, or with a longer delay, the same client runs out of ports"
    };
    let text = format!(
        "the {} arm {shown}. {wall} ({} of {} were in use). Fix: close as soon as the server has, on the failed login itself, \
         and do not leave it to the garbage collector.",
        arm.facts.name,
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
    );
    finding("late-closer", arm, Severity::Warning, text)
}

/// Whether anything shows that the client closes late.
pub(super) fn is_late(arm: &ArmRun) -> bool {
    closes::of(arm).map_or_else(|| pile::is_late(arm), |closes| closes.late > 0)
}

fn by_ledger(arm: &ArmRun, closes: &Closes<'_>) -> Option<String> {
    if closes.late == 0 {
        return None;
    }
    let left = match closes.left {
        0 => String::new(),
        left => format!("; {} others it had not closed at all when the arm ended", Count(left)),
    };
    let peak = arm.ledger.as_ref().map_or(0, |ledger| ledger.close_wait.peak);
    Some(format!(
        "closes connections, but late, as a finalizer, a sweep or a program short of time does: of {} that left CLOSE_WAIT, \
         {} had been in it for {} or more, {} by the median and {} at the longest{left}. At most {} were in it at once",
        Count(closes.ended),
        Count(closes.late),
        time(LATE),
        time(closes.late_median),
        time(closes.longest),
        Count(peak),
    ))
}

fn by_tables(arm: &ArmRun) -> Option<String> {
    let client = |of: fn(&ArmRun, Side, TcpState) -> u64| Count(of(arm, Side::Client, TcpState::CloseWait));
    let flat = if pile::is_flat(arm) { ", a pile that stopped growing while logins went on being refused" } else { "" };
    pile::is_late(arm).then(|| {
        format!(
            "had {} sockets in CLOSE_WAIT at once and {} in its last table{flat}: it closes connections, but late, as a \
             finalizer or a sweep does",
            client(peak),
            client(last),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::verdict::fixture::Story;

    #[test]
    fn fires_on_a_hill_and_not_on_a_plateau() {
        let hill = |end| Story::new("late").client(500, &[(TcpState::CloseWait, 400)]).last(2000, Side::Client, end);
        assert_eq!(found(hill(&[(TcpState::CloseWait, 3)])), ["late-closer"]);
        assert_eq!(found(hill(&[(TcpState::CloseWait, 390)])), ["never-closed"]);
        let prompt = Story::new("orderly").client(500, &[(TcpState::CloseWait, 30)]).last(2000, Side::Client, &[]);
        assert_eq!(found(prompt), Vec::<String>::new());
    }

    #[test]
    fn the_ledger_tells_a_late_closer_from_a_leak_whatever_the_pile_does() {
        // Tables see 1,500 that stay, of which all are closed after 5 s.
        let plateau = |left: &[_], open: &[_]| {
            let story = Story::new("late").client(5000, &[(TcpState::CloseWait, 1500)]).close_waits(6200, left, open);
            found(story.last(6200, Side::Client, &[(TcpState::CloseWait, 1450)]))
        };
        assert_eq!(plateau(&[(5004, 361)], &[(5003, 700), (100, 739)]), ["late-closer"]);
        assert_eq!(plateau(&[(2000, 361)], &[(5000, 739), (100, 300)]), ["never-closed", "late-closer"]);
        assert_eq!(plateau(&[(2, 361)], &[(5000, 1439)]), ["never-closed"]);
        assert_eq!(plateau(&[], &[(900, 1450)]), ["never-closed"]);
    }

    #[test]
    fn tells_how_late_and_what_of_the_rest() {
        let story = Story::new("late").close_waits(6200, &[(2, 400), (2000, 100)], &[(5000, 300)]);
        let text = rule(&super::super::tests::arm(story)).unwrap().text;
        for part in [
            "of 500 that left CLOSE_WAIT, 100 had been in it for 100 ms or more, 2.0 s by the median and 2.0 s at the",
            "300 others it had not closed at all when the arm ended",
            "At most 800 were in it at once. At a higher rate",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn few_late_ones_are_told_and_are_not_clean() {
        let story = Story::new("late").outcome(crate::record::Outcome::LoginRejected, 20);
        let story = story.close_waits(6200, &[(5004, 20)], &[]).client(500, &[(TcpState::CloseWait, 20)]);
        assert_eq!(found(story.last(6200, Side::Client, &[])), ["late-closer"]);
    }
}
