//! How one group of sockets goes on: CLOSE_WAIT that only grows, and the rate at which local ports are used up.
//!
//! A leak is not a number of sockets but what becomes of them: a busy correct client has some in CLOSE_WAIT at every
//! look, but never the same ones for long. So one that leaves the state, known by its cookie, ends the suspicion. The
//! choice not taken: a threshold on the count.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::Monotonic;

/// Looks that are kept.
const KEPT: usize = 64;
/// CLOSE_WAIT that grows for a shorter time, in fewer looks or by fewer sockets may be one burst.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
const RISES: u32 = 3;
const GROWN: u32 = 5;
/// The present is the last 15 seconds, or the last 5 looks where that is longer.
const PRESENT: Duration = Duration::from_secs(15);
const PRESENT_LOOKS: usize = 5;

/// One look at the group.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: Monotonic,
    close_wait: u32,
    used: u32,
}

/// How one group goes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trend {
    points: VecDeque<Point>,
    /// Since when nothing has left CLOSE_WAIT, and how many were in it then.
    since: Monotonic,
    base: u32,
    /// Looks since then that found more than the one before.
    rises: u32,
}

/// CLOSE_WAIT that only grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leak {
    /// For how long none has left it.
    pub(super) lasts: Duration,
    /// By how many it has grown in that time.
    pub(super) grown: u32,
}

impl Leak {
    /// Sockets a second.
    pub(super) fn per_s(self) -> f64 {
        f64::from(self.grown) / self.lasts.as_secs_f64().max(0.001)
    }
}

impl Trend {
    pub(super) fn new(at: Monotonic, close_wait: u32, used: u32) -> Self {
        Self { points: VecDeque::from([Point { at, close_wait, used }]), since: at, base: close_wait, rises: 0 }
    }

    /// Takes a look in; `left` of those that were in CLOSE_WAIT are not any more.
    pub(super) fn push(&mut self, at: Monotonic, close_wait: u32, used: u32, left: u32) {
        let before = self.points.back().map_or(close_wait, |point| point.close_wait);
        if left > 0 {
            (self.since, self.base, self.rises) = (at, close_wait, 0);
        } else if close_wait > before {
            self.rises += 1;
        }
        if self.points.len() == KEPT {
            self.points.pop_front();
        }
        self.points.push_back(Point { at, close_wait, used });
    }

    /// The leak, if it is one: it has grown for a while, more than once, and nothing has ever left.
    pub(super) fn leak(&self) -> Option<Leak> {
        let last = self.points.back()?;
        let leak = Leak { lasts: last.at.since(self.since), grown: last.close_wait.saturating_sub(self.base) };
        (leak.lasts >= LONG_ENOUGH && leak.grown >= GROWN && self.rises >= RISES).then_some(leak)
    }

    /// Ports a second at present, by least squares; none unless it is above zero by more than twice its standard error.
    pub(super) fn ports_per_s(&self) -> Option<f64> {
        let last = self.points.back()?.at;
        let old = self.points.iter().filter(|point| last.since(point.at) > PRESENT).count();
        let skip = old.min(self.points.len().saturating_sub(PRESENT_LOOKS));
        let present: Vec<(f64, f64)> = self
            .points
            .iter()
            .skip(skip)
            .map(|point| (-last.since(point.at).as_secs_f64(), f64::from(point.used)))
            .collect();
        slope(&present)
    }
}

fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 64 points")]
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
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_nanos(seconds * 1_000_000_000)
    }

    /// Looks a second apart: (in CLOSE_WAIT and ports used, left).
    fn trend(looks: &[(u32, u32)]) -> Trend {
        let mut trend = Trend::new(at(0), looks[0].0, looks[0].0);
        for (second, &(count, left)) in looks.iter().enumerate().skip(1) {
            trend.push(at(second as u64), count, count, left);
        }
        trend
    }

    #[test]
    fn growth_without_an_end_is_a_leak() {
        let leaky: Vec<_> = (0..=10).map(|second| (40 * second, 0)).collect();
        let leak = trend(&leaky).leak().unwrap();
        assert_eq!((leak.lasts, leak.grown), (Duration::from_secs(10), 400));
        assert!((leak.per_s() - 40.0).abs() < 1e-9);
        assert!((trend(&leaky).ports_per_s().unwrap() - 40.0).abs() < 1e-9);
        assert_eq!(trend(&leaky[..5]).leak(), None, "too soon to say");
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
