//! Student's t: the interval of a mean, and of the difference between two (Welch 1947).

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// The chance that any interval of a family misses.
const ALPHA: f64 = 0.05;

/// Repetitions without which nothing is said: two tell a spread only by luck.
pub(super) const LEAST: usize = 3;

/// A mean, and where it may lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Interval {
    fn around(mean: f64, half: f64) -> Self {
        Self { mean, low: mean - half, high: mean + half }
    }

    /// Whether it excludes zero.
    pub(super) fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The interval of the mean of `values`, one of `family` that hold at once (Bonferroni: Dunn 1961); none of fewer than
/// [`LEAST`]. The standard deviation is taken for `resolution` where it is less.
pub(super) fn of_mean(values: &[f64], resolution: f64, family: usize) -> Option<Interval> {
    let (mean, variance) = moments(values, resolution)?;
    let n = values.len() as f64;
    Some(Interval::around(mean, critical(n - 1.0, family)? * (variance / n).sqrt()))
}

/// The interval of the mean of `other` less that of `base`, which vary on their own.
pub(super) fn of_difference(base: &[f64], other: &[f64], resolution: f64, family: usize) -> Option<Interval> {
    let ((base_mean, base_variance), (mean, variance)) = (moments(base, resolution)?, moments(other, resolution)?);
    let (a, b) = (base_variance / base.len() as f64, variance / other.len() as f64);
    let freedom = (a + b).powi(2) / (a * a / (base.len() - 1) as f64 + b * b / (other.len() - 1) as f64);
    Some(Interval::around(mean - base_mean, critical(freedom, family)? * (a + b).sqrt()))
}

/// The interval of a rate: what came in each of `steps`, and how long the step took. Steps vary on their own, and a step of
/// twice the time counts twice; none of fewer than [`LEAST`], or of no time at all.
pub(super) fn of_rate(steps: &[(f64, f64)]) -> Option<Interval> {
    let (came, took) = steps.iter().fold((0.0, 0.0), |(n, t), step| (n + step.0, t + step.1));
    if steps.len() < LEAST || took <= 0.0 {
        return None;
    }
    let (rate, n) = (came / took, steps.len() as f64);
    let squares: f64 = steps.iter().map(|(came, took)| (came - rate * took).powi(2)).sum();
    Some(Interval::around(rate, critical(n - 1.0, 1)? * (n / (n - 1.0) * squares).sqrt() / took))
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean, and the variance of one value.
fn moments(values: &[f64], resolution: f64) -> Option<(f64, f64)> {
    let mean = mean(values).filter(|_| values.len() >= LEAST)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (values.len() - 1) as f64).max(resolution.powi(2))))
}

fn critical(freedom: f64, family: usize) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(t.inverse_cdf(1.0 - ALPHA / (2.0 * family.max(1) as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-3
    }

    #[test]
    fn agrees_with_the_tables() {
        // Two-sided 5 % of Student's t, as printed in every table: 4.303, 2.776, 2.262.
        for (freedom, expected) in [(2.0, 4.3027), (4.0, 2.7764), (9.0, 2.2622)] {
            assert!(close(critical(freedom, 1).unwrap(), expected), "{freedom}");
        }
        // scipy 1.16: stats.t.ppf(1 - .05 / 16, 4).
        assert!(close(critical(4.0, 8).unwrap(), 5.2611));
    }

    #[test]
    fn the_mean_of_five_has_the_interval_of_a_textbook() {
        // Sd 1.5811, n 5: half is 2.7764 * 1.5811 / sqrt(5) = 1.9632.
        let interval = of_mean(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.0, 1).unwrap();
        assert!(close(interval.mean, 3.0) && close(interval.high - 3.0, 1.9632), "{interval:?}");
    }

    #[test]
    fn welch_agrees_with_an_independent_computation() {
        // scipy 1.16: ttest_ind([5, 6, 7, 8], [1, 2, 4], equal_var=False).confidence_interval().
        let interval = of_difference(&[1.0, 2.0, 4.0], &[5.0, 6.0, 7.0, 8.0], 0.0, 1).unwrap();
        assert!(close(interval.mean, 4.1667), "{interval:?}");
        assert!(close(interval.low, 1.1199) && close(interval.high, 7.2134), "{interval:?}");
    }

    #[test]
    fn a_rate_of_equal_steps_is_the_mean_of_their_rates() {
        let steps: Vec<_> = [1.0, 2.0, 3.0, 4.0, 5.0].map(|came| (came, 0.5)).into();
        let (rate, mean) = (of_rate(&steps).unwrap(), of_mean(&[2.0, 4.0, 6.0, 8.0, 10.0], 0.0, 1).unwrap());
        assert!(close(rate.mean, 6.0) && close(rate.low, mean.low) && close(rate.high, mean.high), "{rate:?}");
        assert_eq!(of_rate(&[(1.0, 0.0), (1.0, 0.0), (1.0, 0.0)]), None);
    }

    #[test]
    fn agreement_to_the_last_digit_is_no_certainty() {
        assert_eq!(of_mean(&[1.0, 1.0], 1.0, 1), None);
        assert!(!of_mean(&[1.0, 1.0, 1.0], 1.0, 8).unwrap().excludes_zero());
        assert!(of_mean(&[900.0, 900.0, 901.0], 1.0, 8).unwrap().excludes_zero());
    }
}
