//! When each attempt is meant to start: an iterator of offsets from the arm's start, and nothing else.
//!
//! It is arithmetic: the same settings and seed give the same offsets in every process, so that several workers share one
//! schedule by taking every n-th arrival each, without a word between them.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Arrivals, Config};
use crate::units::Span;

/// Which arrivals of a schedule are one worker's: number `index`, `index + of`, `index + 2 of`, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Share {
    /// Which worker, from 0.
    pub index: u32,
    /// How many workers.
    pub of: u32,
}

impl Share {
    /// All arrivals.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// This worker's part of a limit that all share; never less than one.
    #[must_use]
    pub const fn part_of(self, limit: u32) -> u32 {
        let part = limit / self.of + if self.index < limit % self.of { 1 } else { 0 };
        if part == 0 { 1 } else { part }
    }
}

/// The intended starts of one worker's attempts, in order.
#[derive(Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    attempts: u64,
    duration: Duration,
    share: Share,
    /// How many arrivals of the whole schedule have been passed.
    sent: u64,
    /// When arrival number `sent` falls due.
    due: Duration,
    random: StdRng,
    poisson_at: f64,
}

impl Schedule {
    /// The share of the schedule that these settings ask for.
    #[must_use]
    pub fn new(config: &Config, share: Share) -> Self {
        Self {
            arrivals: config.arrivals,
            attempts: config.attempts.unwrap_or(u64::MAX),
            duration: config.duration.map_or(Duration::MAX, Duration::from),
            share,
            sent: 0,
            due: Duration::ZERO,
            random: StdRng::seed_from_u64(config.seed),
            poisson_at: 0.0,
        }
    }

    /// How long the schedule is up to the last arrival that was given, that arrival's own time included: until the next
    /// one falls due (after a burst, the next burst), or to the schedule's end in time.
    ///
    /// Arrivals by this length are the rate that was asked for, of a single arrival or a single burst too.
    #[must_use]
    pub fn length(&self) -> Duration {
        let next = match self.arrivals {
            Arrivals::Burst { size, every } => bursts(every, self.sent.div_ceil(u64::from(size.max(1)))),
            _ => self.due,
        };
        next.min(self.duration)
    }

    /// When the whole schedule's arrival number `n` falls due. Poisson arrivals are asked for in order.
    fn offset(&mut self, n: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "2^53 arrivals are more than any run makes")]
        let count = n as f64;
        match self.arrivals {
            Arrivals::Constant { rate } => seconds(count / rate.as_per_second()),
            Arrivals::Poisson { rate } => {
                if n > 0 {
                    // The gap's inverse distribution at a uniform variate; 1 - u is never 0.
                    let u: f64 = self.random.random();
                    self.poisson_at -= (1.0 - u).ln() / rate.as_per_second();
                }
                seconds(self.poisson_at)
            }
            Arrivals::Ramp { from, to, over } => {
                seconds(ramp(count, from.as_per_second(), to.as_per_second(), over.0.as_secs_f64()))
            }
            Arrivals::Burst { size, every } => bursts(every, n / u64::from(size.max(1))),
        }
    }
}

/// When `count` arrivals have come at a rate that runs from `from` to `to` within `over` seconds: the inverse of
/// `from t + (to - from) t^2 / (2 over)`, and a straight line after it.
fn ramp(count: f64, from: f64, to: f64, over: f64) -> f64 {
    let during = (from + to) / 2.0 * over;
    if count >= during {
        return over + (count - during) / to;
    }
    let slope = (to - from) / over;
    if slope.abs() < 1e-9 {
        return count / from;
    }
    // Stable for falling and rising rates alike: 2c / (b + sqrt(b^2 + 4ac)).
    2.0 * count / (from + (from * from + 2.0 * slope * count).max(0.0).sqrt())
}

fn bursts(every: Span, n: u64) -> Duration {
    every.0.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX))
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        while self.sent < self.attempts && self.due < self.duration {
            let (n, offset) = (self.sent, self.due);
            self.sent += 1;
            self.due = self.offset(self.sent);
            if n % u64::from(self.share.of) == u64::from(self.share.index) {
                return Some(offset);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Retry;
    use crate::units::Rate;

    fn rate(per_second: f64) -> Rate {
        Rate::per_second(per_second).unwrap()
    }

    fn config(arrivals: Arrivals, attempts: Option<u64>, duration: Option<Span>) -> Config {
        Config { arrivals, attempts, duration, in_flight: 1, max_held: 1, retry: Retry::None, seed: 7 }
    }

    fn millis(arrivals: Arrivals, attempts: u64) -> Vec<u128> {
        Schedule::new(&config(arrivals, Some(attempts), None), Share::ALL).map(|at| at.as_millis()).collect()
    }

    #[test]
    fn constant_is_even() {
        assert_eq!(millis(Arrivals::Constant { rate: rate(500.0) }, 5), [0, 2, 4, 6, 8]);
    }

    #[test]
    fn a_burst_comes_at_once() {
        assert_eq!(
            millis(Arrivals::Burst { size: 3, every: Span::from_millis(100) }, 7),
            [0, 0, 0, 100, 100, 100, 200]
        );
    }

    #[test]
    fn a_ramp_reaches_its_rate_and_stays() {
        // From 0.001/s to 200/s within a second: 100 arrivals in the ramp, then one every 5 ms.
        let at = millis(Arrivals::Ramp { from: rate(0.001), to: rate(200.0), over: Span::from_secs(1) }, 111);
        assert!(at[50].abs_diff(707) <= 1, "half of the arrivals at 1/sqrt 2 of the ramp: {}", at[50]);
        assert!(at[100].abs_diff(1000) <= 1 && at[110].abs_diff(1050) <= 1, "{:?}", &at[100..]);
        let down = millis(Arrivals::Ramp { from: rate(200.0), to: rate(100.0), over: Span::from_secs(1) }, 160);
        assert!(down[150].abs_diff(1000) <= 1 && down[159].abs_diff(1090) <= 1, "{:?}", &down[150..]);
    }

    #[test]
    fn poisson_keeps_its_rate_and_its_seed() {
        let arrivals = Arrivals::Poisson { rate: rate(1000.0) };
        let at = millis(arrivals, 20_000);
        assert!((19_000..21_000).contains(at.last().unwrap()), "20,000 arrivals take about 20 s: {:?}", at.last());
        assert_eq!(at, millis(arrivals, 20_000));
        let gaps: Vec<u128> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let none = gaps.iter().filter(|gap| **gap == 0).count();
        assert!(none > gaps.len() / 3, "gaps vary: {none} of {} below a millisecond", gaps.len());
    }

    #[test]
    fn a_duration_ends_it() {
        let limited = config(Arrivals::Constant { rate: rate(10.0) }, None, Some(Span::from_secs(1)));
        assert_eq!(Schedule::new(&limited, Share::ALL).count(), 10);
    }

    #[test]
    fn its_length_tells_the_rate_that_was_asked_for() {
        let burst = |size, every| Arrivals::Burst { size, every: Span::from_millis(every) };
        for (arrivals, attempts, duration, millis) in [
            (Arrivals::Constant { rate: rate(40_000.0) }, Some(5000), None, 125),
            (Arrivals::Constant { rate: rate(10.0) }, Some(1), None, 100),
            (Arrivals::Constant { rate: rate(10.0) }, None, Some(Span::from_millis(1950)), 1950),
            (burst(300, 1000), Some(300), None, 1000),
            (burst(3, 100), Some(7), None, 300),
            (burst(3, 1000), None, Some(Span::from_millis(2500)), 2500),
        ] {
            let config = config(arrivals, attempts, duration);
            let lengths = (0..3).map(|index| {
                let mut schedule = Schedule::new(&config, Share { index, of: 3 });
                let mut length = Duration::ZERO;
                while schedule.next().is_some() {
                    length = schedule.length();
                }
                length
            });
            assert_eq!(lengths.max().unwrap().as_millis(), millis, "{arrivals}");
        }
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        for arrivals in [Arrivals::Poisson { rate: rate(100.0) }, Arrivals::Constant { rate: rate(100.0) }] {
            let config = config(arrivals, Some(1001), None);
            let whole: Vec<_> = Schedule::new(&config, Share::ALL).collect();
            let mut parts: Vec<_> = (0..3).flat_map(|index| Schedule::new(&config, Share { index, of: 3 })).collect();
            parts.sort();
            assert_eq!(whole, parts);
        }
        assert_eq!((0..3).map(|index| Share { index, of: 3 }.part_of(1000)).sum::<u32>(), 1000);
    }
}
