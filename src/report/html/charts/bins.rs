//! Load intervals of several workers, laid into equal bins of time.

use crate::record::{ArmRun, IntervalPoint};

/// A bin is never shorter: workers report as often, or, on a busy machine, less often.
const SHORTEST: f64 = 0.1;

/// Equal bins over an arm's load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bins {
    pub(super) count: usize,
    pub(super) width: f64,
}

impl Bins {
    /// At most `most` bins over all intervals of `arm`; none where it has no load.
    pub(super) fn over(arm: &ArmRun, most: usize) -> Option<Self> {
        let end = arm.intervals().map(|interval| interval.to).max()?.as_secs_f64();
        if end <= 0.0 {
            return None;
        }
        let reports = arm.intervals.values().map(|series| series.values().len()).max().unwrap_or(1);
        let count = ((end / SHORTEST).round() as usize).min(reports).clamp(1, most.max(1));
        Some(Self { count, width: end / count as f64 })
    }

    /// The bin's number in which `at` (seconds) lies.
    pub(super) fn of(self, at: f64) -> usize {
        ((at / self.width) as usize).min(self.count - 1)
    }

    /// The bins whose middle lies in `interval`, or the one in which its own middle lies.
    pub(super) fn around(self, interval: &IntervalPoint) -> std::ops::Range<usize> {
        let (from, to) = (interval.from.as_secs_f64(), interval.to.as_secs_f64());
        let nearest = |at: f64| ((at / self.width).round() as usize).min(self.count);
        let own = self.of((from + to) / 2.0);
        if nearest(from) < nearest(to) { nearest(from)..nearest(to) } else { own..own + 1 }
    }

    /// Where each bin begins, and where the last one ends.
    pub(super) fn edges(self) -> Vec<f64> {
        (0..=self.count).map(|n| millis(n as f64 * self.width)).collect()
    }

    /// The middle of each bin.
    pub(super) fn middles(self) -> Vec<f64> {
        (0..self.count).map(|n| millis((n as f64 + 0.5) * self.width)).collect()
    }

    /// What `count` counts, a second: each worker's intervals spread evenly over the bins that they touch, and divided by
    /// the time that they cover there, since a long series has lost every second one.
    pub(super) fn rates(self, arm: &ArmRun, count: impl Fn(&IntervalPoint) -> u64) -> Vec<Option<f64>> {
        let mut rates = vec![None; self.count];
        for series in arm.intervals.values() {
            let (mut sums, mut covered) = (vec![0.0; self.count], vec![0.0; self.count]);
            for interval in series.values() {
                self.spread(interval, count(interval) as f64, &mut sums, &mut covered);
            }
            for (rate, (sum, covered)) in rates.iter_mut().zip(sums.iter().zip(&covered)) {
                if *covered > 0.0 {
                    *rate = Some(rate.unwrap_or(0.0) + sum / covered);
                }
            }
        }
        rates.into_iter().map(|rate| rate.map(super::super::plot::Number::measured)).collect()
    }

    fn spread(self, interval: &IntervalPoint, count: f64, sums: &mut [f64], covered: &mut [f64]) {
        let (from, to) = (interval.from.as_secs_f64(), interval.to.as_secs_f64());
        let length = to - from;
        for bin in self.of(from)..=self.of(to) {
            let (start, end) = (bin as f64 * self.width, (bin + 1) as f64 * self.width);
            let part = (to.min(end) - from.max(start)).max(0.0);
            if length > 0.0 {
                sums[bin] += count * part / length;
            }
            covered[bin] += part;
        }
    }
}

fn millis(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn rates_add_up_to_what_was_counted() {
        let (run, summary) = fixture::judged();
        for most in [1000, 7, 1] {
            let bins = Bins::over(&run.arms[0], most).unwrap();
            let rates = bins.rates(&run.arms[0], |interval| interval.outcomes.total());
            let total: f64 = rates.iter().flatten().map(|rate| rate * bins.width).sum();
            assert!((total - summary.arms[0].attempts as f64).abs() < 5.0, "{most}: {total}");
        }
    }

    #[test]
    fn every_bin_is_around_some_interval() {
        let bins = Bins { count: 10, width: 0.1 };
        let interval = |from: u64, to: u64| IntervalPoint {
            from: std::time::Duration::from_millis(from),
            to: std::time::Duration::from_millis(to),
            ..IntervalPoint::default()
        };
        let edges = [0, 103, 260, 261, 590, 1000];
        let around: Vec<_> = edges.windows(2).map(|pair| bins.around(&interval(pair[0], pair[1]))).collect();
        assert_eq!(around, [0..1, 1..3, 2..3, 3..6, 6..10]);
    }

    #[test]
    fn what_falls_between_two_bins_is_shared() {
        let bins = Bins { count: 2, width: 1.0 };
        let (mut sums, mut covered) = ([0.0; 2], [0.0; 2]);
        let interval = IntervalPoint {
            from: std::time::Duration::from_millis(750),
            to: std::time::Duration::from_millis(1750),
            ..IntervalPoint::default()
        };
        bins.spread(&interval, 100.0, &mut sums, &mut covered);
        assert_eq!((sums, covered), ([25.0, 75.0], [0.25, 0.75]));
    }
}
