//! What became of the connections that the server had closed: by the connection ledger, which times each of them.
//!
//! Nobody can see that a connection is never closed. What can be seen is that it stays in CLOSE_WAIT longer than any that
//! was closed; younger ones may yet be. The choice not taken: a time after which a connection counts as leaked, which
//! would be wrong for every finalizer that is slower.

use std::time::Duration;

use crate::record::{ArmRun, Histogram};
use crate::units::Count;

/// From here on a close is late: a client that closes at once does so within some milliseconds, on a busy machine too.
pub(super) const LATE: Duration = Duration::from_millis(100);

/// Fewer late ones than this, or than one in a hundred, are what a machine that stood still for a moment makes.
const LEAST_LATE: u64 = 10;

/// A ledger that missed more than one segment in a hundred connections is no evidence.
const MISSED: u64 = 100;

/// What became of them.
pub(super) struct Closes<'a> {
    /// Those that left CLOSE_WAIT by the client's close.
    pub(super) ended: u64,
    /// Those that the server's side reset meanwhile.
    pub(super) reset: u64,
    /// Those among them that had been in it for [`LATE`] or longer; 0 where they are too few to say so.
    pub(super) late: u64,
    /// The median of those.
    pub(super) late_median: Duration,
    /// The longest that any was in it before it left.
    pub(super) longest: Duration,
    /// Those that were in it at the arm's end.
    pub(super) open: u64,
    /// Those among them that had been in it for longer than those that left.
    pub(super) left: u64,
    /// The longest that any of them had been in it.
    pub(super) oldest: Duration,
    ages: &'a Histogram,
    end: Duration,
}

/// By the ledger of `arm`; none where there was none, where it missed too much, or where the arm was cut short.
pub(super) fn of(arm: &ArmRun) -> Option<Closes<'_>> {
    let ledger = arm.ledger.as_ref()?;
    let ages = ledger.close_wait_age.as_ref()?;
    let missed = ledger.lost + ledger.omitted;
    if missed * MISSED > ledger.opened {
        return None;
    }
    let times = &ledger.close_wait_time;
    let (longest, ended) = (times.max().unwrap_or_default(), times.count());
    let late: u64 = cells(times).filter(|cell| cell.from >= LATE).map(|cell| cell.count).sum();
    let late = if late >= LEAST_LATE && late * 100 >= ended { late } else { 0 };
    let median = |late: u64| times.at(1.0 - late as f64 / (2.0 * ended as f64)).filter(|_| late > 0);
    let mut closes = Closes {
        ended,
        reset: ledger.close_wait_reset.unwrap_or(0),
        late,
        late_median: median(late).unwrap_or_default(),
        longest,
        open: ages.count(),
        left: 0,
        oldest: ages.max().unwrap_or_default(),
        ages,
        end: ledger.to,
    };
    // Each that was missed may be the end of a connection that looks open.
    closes.left = closes.overdue().map(|cell| cell.count).sum::<u64>().saturating_sub(missed);
    Some(closes)
}

impl Closes<'_> {
    /// What is known of the client's closes, as a sentence.
    pub(super) fn told(&self) -> String {
        let (ended, longest, oldest) = (Count(self.ended), time(self.longest), time(self.oldest));
        let left = match self.left {
            0 => String::new(),
            n => format!("; {} were still in it when the arm ended, for at most {oldest}", Count(n)),
        };
        let younger = match self.open - self.left {
            0 => String::new(),
            n => format!("; of {} that were in it at the end for less long it is too early to tell", Count(n)),
        };
        let reset = match self.reset {
            0 => String::new(),
            n => format!(" The server's side reset {} that the client had not closed.", Count(n)),
        };
        match self.ended {
            0 if self.reset > 0 => format!(
                "The client closed none before the arm ended, at most {oldest} after it came to CLOSE_WAIT.{reset}"
            ),
            0 => format!("None left CLOSE_WAIT before the arm ended, at most {oldest} after it came to it."),
            _ => format!("{ended} left CLOSE_WAIT, after at most {longest}{left}{younger}.{reset}"),
        }
    }

    /// When those that were left open had come to CLOSE_WAIT, after the arm's start, earliest last.
    pub(super) fn left_since(&self) -> impl Iterator<Item = Cell> {
        let since = |age: Duration| self.end.saturating_sub(age);
        self.overdue().map(move |cell| Cell { from: since(cell.to), to: since(cell.from), count: cell.count })
    }

    /// The ages of those that are open for longer than any that left: clearly, as a close may be delayed.
    fn overdue(&self) -> impl Iterator<Item = Cell> {
        let least = self.longest + self.longest / 10 + LATE;
        cells(self.ages).filter(move |cell| cell.from > least)
    }
}

/// `count` values that lie between two others: a histogram knows no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) count: u64,
}

fn cells(histogram: &Histogram) -> impl Iterator<Item = Cell> {
    let hdr = histogram.hdr();
    hdr.iter_recorded().map(|recorded| {
        let value = recorded.value_iterated_to();
        Cell {
            from: Duration::from_nanos(hdr.lowest_equivalent(value)),
            to: Duration::from_nanos(hdr.next_non_equivalent(value)),
            count: recorded.count_at_value(),
        }
    })
}

/// `250 ms`, `5.0 s`.
pub(super) fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arm;
    use super::*;
    use crate::record::LedgerInterval;
    use crate::verdict::fixture::Story;

    /// How long, in milliseconds, and how many.
    type Times = &'static [(u64, u64)];

    fn closes(left: Times, open: Times, check: impl Fn(Option<Closes<'_>>)) {
        check(of(&arm(Story::new("app").close_waits(6000, left, open))));
    }

    #[test]
    fn only_what_is_open_for_longer_than_any_close_took_is_left() {
        let cases: [(Times, Times, [u64; 3]); 7] = [
            // Nothing was closed: all that is open is left, late ones, and what is left.
            (&[], &[(1200, 500), (300, 500)], [0, 1000, 0]),
            (&[(2, 900)], &[(1200, 500), (50, 7)], [0, 500, 7]),
            (&[(5004, 361)], &[(5003, 700), (100, 739)], [361, 0, 1439]),
            (&[(5004, 361)], &[(5200, 300)], [361, 0, 300]),
            (&[(2000, 400)], &[(5000, 300), (1000, 100)], [400, 300, 100]),
            (&[(2, 900), (1000, 100)], &[], [100, 0, 0]),
            (&[(2, 990), (150, 9)], &[], [0, 0, 0]),
        ];
        for (left, open, expected) in cases {
            closes(left, open, |closes| {
                let closes = closes.unwrap();
                assert_eq!([closes.late, closes.left, closes.open - closes.left], expected, "{left:?} {open:?}");
            });
        }
    }

    #[test]
    fn the_median_is_that_of_the_late_ones() {
        closes(&[(1, 900), (1000, 60), (3000, 40)], &[], |closes| {
            let closes = closes.unwrap();
            assert_eq!((time(closes.late_median), time(closes.longest)), ("1.0 s".into(), "3.0 s".into()));
        });
    }

    #[test]
    fn says_what_is_known_and_no_more() {
        let told =
            |left, open, expected: &str| closes(left, open, |closes| assert_eq!(closes.unwrap().told(), expected));
        told(&[], &[(1200, 3)], "None left CLOSE_WAIT before the arm ended, at most 1.2 s after it came to it.");
        told(&[(3000, 796)], &[], "796 left CLOSE_WAIT, after at most 3.0 s.");
        told(
            &[(2000, 400)],
            &[(5000, 300), (1000, 7)],
            "400 left CLOSE_WAIT, after at most 2.0 s; 300 were still in it when the arm ended, for at most 5.0 s; of 7 that \
             were in it at the end for less long it is too early to tell.",
        );
    }

    #[test]
    fn what_the_servers_side_reset_is_no_close_of_the_client() {
        let story = Story::new("app").close_waits(6000, &[], &[(5000, 300)]);
        let from = Duration::from_secs(6);
        let close_wait_age = arm(story).ledger.unwrap().close_wait_age;
        let reset = LedgerInterval {
            from,
            to: from,
            opened: 400,
            close_wait_reset: Some(100),
            close_wait_age,
            ..Default::default()
        };
        let arm = arm(Story::new("app").ledger(reset));
        let closes = of(&arm).unwrap();
        assert_eq!((closes.ended, closes.late, closes.left), (0, 0, 300));
        assert!(
            closes.told().ends_with("The server's side reset 100 that the client had not closed."),
            "{}",
            closes.told()
        );
        assert!(closes.told().starts_with("The client closed none before the arm ended"), "{}", closes.told());
    }

    #[test]
    fn a_ledger_that_missed_much_or_has_no_end_is_no_evidence() {
        let story = |lost| {
            let story = Story::new("app").close_waits(6000, &[], &[(1200, 500)]);
            let from = Duration::from_secs(6);
            let close_wait_age =
                arm(Story::new("app").close_waits(0, &[], &[(1200, 500)])).ledger.unwrap().close_wait_age;
            story.ledger(LedgerInterval { from, to: from, lost, close_wait_age, ..LedgerInterval::default() })
        };
        assert_eq!(of(&arm(story(5))).map(|closes| closes.left), Some(495), "each may be an end that nobody saw");
        assert!(of(&arm(story(6))).is_none());
        assert!(of(&arm(story(0).ledger(LedgerInterval::default()))).is_none(), "cut short");
        assert!(of(&arm(Story::new("app"))).is_none());
    }
}
