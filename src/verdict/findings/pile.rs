//! CLOSE_WAIT over time, by the sampler's tables: what is known of an arm without a ledger.

use std::time::Duration;

use super::evidence::{last, peak};
use crate::record::{ArmRun, Outcome, Side, TcpState};

/// A prompt client at thousands of logins a second has some dozens in CLOSE_WAIT at once; below this nothing is late.
pub(super) const LATE_PEAK: u64 = 100;

/// One in ten left at the end is what attempts under way may leave.
const LEFT: u64 = 10;

/// Refused logins without which it cannot be told whether the pile grew with them.
const LEAST_REFUSED: u64 = 50;

/// Whether tables show a pile of sockets in CLOSE_WAIT that the client takes down, although late.
pub(super) fn is_late(arm: &ArmRun) -> bool {
    let (peak, left) = (peak(arm, Side::Client, TcpState::CloseWait), last(arm, Side::Client, TcpState::CloseWait));
    peak >= LATE_PEAK && ((arm.has_final_table && left <= peak / LEFT) || is_flat(arm))
}

/// Whether the pile grew with the refused logins until it was nearly as high as it came to be, and from then on by less
/// than half as much for each: as many were closed as came.
pub(super) fn is_flat(arm: &ArmRun) -> bool {
    let tables = tables(arm);
    let Some(top) = tables.iter().map(|(_, n)| *n).max().filter(|top| *top > 0) else { return false };
    let Some(&(full, at_full)) = tables.iter().find(|(_, n)| n * 10 >= top * 9) else { return false };
    let until = tables.last().map_or(full, |(at, _)| *at);
    // What was refused in the interval in which a table was read may be in it or not.
    let refused = |from: Duration, to: Duration| {
        let within = arm.intervals().filter(|interval| interval.from >= from && interval.to <= to);
        within.map(|interval| interval.outcomes.of(Outcome::LoginRejected)).sum::<u64>()
    };
    let (before, after) = (refused(Duration::ZERO, full), refused(full, until));
    let (grew, all) = (top - at_full, arm.outcomes.of(Outcome::LoginRejected));
    // grew / after < (at_full / before) / 2, without a division.
    after.min(before) >= LEAST_REFUSED && 2 * grew * before < at_full * after && all * 10 >= top * 11
}

/// The client's sockets in CLOSE_WAIT in each table, until ports ran out or load ended.
pub(super) fn tables(arm: &ArmRun) -> Vec<(Duration, u64)> {
    let end = [arm.exhausted_after, Some(arm.last_start).filter(|last| !last.is_zero())].into_iter().flatten().min();
    let end = end.unwrap_or(Duration::MAX);
    let tables = arm.samples.values().iter().filter(|sample| sample.at <= end).filter_map(|sample| {
        let table = sample.side(Side::Client)?.table.as_ref()?;
        Some((sample.at, table.states.of(TcpState::CloseWait)))
    });
    tables.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::arm;
    use super::*;
    use crate::verdict::fixture::Story;

    /// A hundred logins refused each 500 ms for 6 s, and a table each time; the pile stops growing after 2 s, or goes on to
    /// grow by half of them.
    pub(in super::super) fn refused(plateau: bool) -> Story {
        let pile = |step: u64| if plateau { step.min(4) * 100 } else { step * 50 };
        let story = (1..=12).fold(Story::new("app"), |story, step| {
            let story = story.outcome(Outcome::LoginRejected, 100).behind(step * 500);
            let story = story.load(step * 500 - 500, step * 500, 100, 100);
            story.client(step * 500, &[(TcpState::CloseWait, pile(step))])
        });
        story.last(6200, Side::Client, &[(TcpState::CloseWait, pile(12))])
    }

    #[test]
    fn a_pile_that_no_longer_grows_with_the_refusals_is_closed_late() {
        assert!(is_late(&arm(refused(true))));
        assert!(!is_late(&arm(refused(false))), "half of the connections leak, to the end");
        let small = Story::new("app").client(500, &[(TcpState::CloseWait, 30)]).last(2000, Side::Client, &[]);
        assert!(!is_late(&arm(small)));
    }

    #[test]
    fn bursts_that_leak_are_no_plateau() {
        // The table is read before the workers tell of the burst that it saw.
        let story = (0..4).fold(Story::new("burst"), |story, burst| {
            let (at, pile) = (burst * 1000, (burst + 1) * 500);
            let story = story.client(at + 250, &[(TcpState::CloseWait, pile)]).outcome(Outcome::LoginRejected, 500);
            story.behind(at + 300).load(at + 200, at + 300, 500, 500)
        });
        assert!(!is_late(&arm(story.last(3800, Side::Client, &[(TcpState::CloseWait, 2000)]))));
    }
}
