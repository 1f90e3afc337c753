//! How one group of sockets goes on: CLOSE_WAIT that only grows, and the rate at which local ports are used up.
//!
//! A leak is not a number of sockets but what becomes of them: a busy correct client has some in CLOSE_WAIT at every
//! look, but never the same ones for long. So two numbers are followed: of all of them, as long as none leaves, which
//! tells a program that never closes after five seconds; and of those that have stayed for [`STAYED`], which tells one
//! that leaks on its error path alone, whatever else comes and goes. A late closer has as many of these at every look.
//! The choice not taken: a threshold on the count.

use std::collections::VecDeque;

use super::growth::{Counted, Growth, PRESENT, PRESENT_LOOKS, keep};
use crate::units::Monotonic;

pub(super) use super::growth::{Leak, STAYED};

/// Sockets in CLOSE_WAIT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// All of them.
    pub(super) all: u32,
    /// Those that have stayed.
    pub(super) stayed: u32,
}

/// One look at the group.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: Monotonic,
    used: u32,
}

/// How one group goes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trend {
    points: VecDeque<Point>,
    all: Growth,
    stayed: Growth,
}

impl Trend {
    pub(super) fn new(at: Monotonic, waiting: Waiting, used: u32) -> Self {
        Self {
            points: VecDeque::from([Point { at, used }]),
            all: Growth::new(Counted::All, at, waiting.all),
            stayed: Growth::new(Counted::Stayed, at, waiting.stayed),
        }
    }

    /// Takes a look in; `left` of those that were in CLOSE_WAIT are not any more.
    pub(super) fn push(&mut self, at: Monotonic, waiting: Waiting, used: u32, left: Waiting) {
        self.all.push(at, waiting.all, left.all);
        self.stayed.push(at, waiting.stayed, left.stayed);
        keep(&mut self.points, Point { at, used });
    }

    /// The leak, if it is one: of all where none leaves, or of those that have stayed.
    pub(super) fn leak(&self) -> Option<Leak> {
        let now = self.points.back()?.at;
        self.all.leak(now).or_else(|| self.stayed.leak(now))
    }

    /// Ports a second at present, by least squares over all that are used, or as the leak grows where that is more; none
    /// unless the slope is above zero by more than twice its standard error, and the later half of the present grows too.
    pub(super) fn ports_per_s(&self) -> Option<f64> {
        let last = self.points.back()?;
        let age = |point: &Point| last.at.since(point.at);
        let old = self.points.iter().filter(|point| age(point) > PRESENT).count();
        let skip = old.min(self.points.len().saturating_sub(PRESENT_LOOKS));
        let present: Vec<&Point> = self.points.iter().skip(skip).collect();
        let half = age(present.first()?) / 2;
        let middle = present.iter().rev().find(|point| age(point) >= half)?;
        let line: Vec<(f64, f64)> =
            present.iter().map(|point| (-age(point).as_secs_f64(), f64::from(point.used))).collect();
        let used = slope(&line).filter(|_| last.used > middle.used);
        let leak = self.leak().and_then(|leak| leak.per_s);
        used.into_iter().chain(leak).reduce(f64::max)
    }
}

fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 32 points")]
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, it| (sum.0 + it.0 / n, sum.1 + it.1 / n));
    let sum = |term: &dyn Fn(f64, f64) -> f64| points.iter().map(|it| term(it.0 - x, it.1 - y)).sum::<f64>();
    let (xx, xy) = (sum(&|x, _| x * x), sum(&|x, y| x * y));
    let slope = xy / xx;
    let error = (sum(&|x, y| (y - slope * x).powi(2)) / (n - 2.0) / xx).sqrt();
    (slope > 0.0 && slope > 2.0 * error).then_some(slope)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_nanos(seconds * 1_000_000_000)
    }

    /// Looks a second apart at sockets of which none stays: (in CLOSE_WAIT and ports used, left).
    fn trend(looks: &[(u32, u32)]) -> Trend {
        let all = |all| Waiting { all, stayed: 0 };
        let mut trend = Trend::new(at(0), all(looks[0].0), looks[0].0);
        for (second, &(count, left)) in looks.iter().enumerate().skip(1) {
            trend.push(at(second as u64), all(count), count, all(left));
        }
        trend
    }

    #[test]
    fn growth_without_an_end_is_a_leak() {
        let leaky: Vec<_> = (0..=10).map(|second| (40 * second, 0)).collect();
        let leak = trend(&leaky).leak().unwrap();
        assert_eq!((leak.lasts, leak.grown), (Duration::from_secs(10), 400));
        assert!((leak.per_s.unwrap() - 40.0).abs() < 1e-9);
        assert!((trend(&leaky).ports_per_s().unwrap() - 40.0).abs() < 1e-9);
        assert_eq!(trend(&leaky[..5]).leak(), None, "too soon to say");
    }

    /// What a screen says of a group at one second: the leak's rate and the ports', a minute; 0 where there is none.
    fn said(looks: &[(u32, u32)], second: usize) -> (u32, u32) {
        let trend = trend(&looks[..=second]);
        let a_minute = |per_s: Option<f64>| format!("{:.0}", 60.0 * per_s.unwrap_or(0.0)).parse().unwrap();
        (a_minute(trend.leak().unwrap().per_s), a_minute(trend.ports_per_s()))
    }

    #[test]
    fn growth_that_has_ended_has_no_rate_and_is_a_leak_still() {
        // Ten a second for six seconds, and then nothing: a user saw it called `+2.2/s` for a quarter of a minute.
        let ended: Vec<_> = (0..=60u32).map(|second| (10 * second.min(6), 0)).collect();
        assert_eq!((said(&ended, 6), said(&ended, 10)), ((600, 600), (600, 600)), "until it is sure");
        for second in 11..=60 {
            assert_eq!(said(&ended, second), (0, 0), "{second}");
        }
        let leak = trend(&ended).leak().unwrap();
        assert_eq!((leak.grown, leak.lasts), (60, Duration::from_secs(60)), "what it holds it still holds");
        // It begins again: at its own rate, not at that of both parts.
        let again: Vec<_> =
            (0..=90u32).map(|second| (10 * second.min(6) + 30 * second.saturating_sub(60), 0)).collect();
        assert_eq!(said(&again, 90), (1_800, 1_800));
        // It slows down: the present rate is the slow one.
        let slower: Vec<_> = (0..=60u32).map(|second| (50 * second.min(20) + second.saturating_sub(20), 0)).collect();
        assert_eq!(said(&slower, 60), (60, 60));
    }

    #[test]
    fn a_slow_leak_grows_between_two_sockets_too() {
        // One every 20 seconds.
        let slow: Vec<_> = (0..=300u32).map(|second| (second / 20, 0)).collect();
        for second in 120..=300 {
            assert_eq!(said(&slow, second).0, 3, "{second}");
        }
        assert_eq!(said(&slow, 300).1, 3, "ports too, though ten seconds are too short to see it");
        // Bursts of 20 every 10 seconds.
        let bursts: Vec<_> = (0..=120u32).map(|second| (second / 10 * 20, 0)).collect();
        for second in 60..=120 {
            assert_eq!(said(&bursts, second).0, 120, "{second}");
        }
    }

    #[test]
    fn a_busy_client_is_none() {
        // As many or more at every look, but others.
        let busy: Vec<_> = (0..=30).map(|second| (3 + second, 2)).collect();
        assert_eq!(trend(&busy).leak(), None);
        // One burst, nothing since.
        let burst: Vec<_> = (0..=30).map(|second| (if second < 2 { 0 } else { 100 }, 0)).collect();
        assert_eq!(trend(&burst).leak(), None);
        // A finalizer that closes at last: no leak from then on.
        let mut late: Vec<_> = (0..=20).map(|second| (10 * second, 0)).collect();
        assert!(trend(&late).leak().is_some());
        late.push((0, 200));
        assert_eq!(trend(&late).leak(), None);
    }

    #[test]
    fn only_a_rate_that_is_one_is_told() {
        assert_eq!(trend(&[(5, 0); 20]).ports_per_s(), None, "still");
        let noise: Vec<_> = (0..20).map(|second| (if second % 2 == 0 { 100 } else { 110 }, 1)).collect();
        assert_eq!(trend(&noise).ports_per_s(), None);
        let falls: Vec<_> = (0..20).map(|second| (100 - second, 1)).collect();
        assert_eq!(trend(&falls).ports_per_s(), None);
        // The present alone: it began to grow 20 seconds ago.
        let begun: Vec<_> = (0u32..60).map(|second| (second.saturating_sub(40) * 7, 0)).collect();
        assert!((trend(&begun).ports_per_s().unwrap() - 7.0).abs() < 1e-9);
        assert_eq!(trend(&[(0, 0), (9, 0)]).ports_per_s(), None, "two looks are a line of any slope");
    }
}
