//! Latencies in steps of about 3 %: little room and short text, for many small groups of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Steps between a value and its double are this many bits: 32 steps, each at most 3.2 % wide.
const BITS: u32 = 5;

/// How many latencies fell on each step; a step is told by its lower end in nanoseconds.
///
/// The choice not taken: an HDR histogram, which takes 200 KB at three digits whatever it holds, where fifty groups an
/// arm are kept and a worker sends some every 100 ms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct CoarseHistogram(BTreeMap<u64, u64>);

impl CoarseHistogram {
    /// Counts one value.
    pub fn record(&mut self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        *self.0.entry(step(nanos)).or_insert(0) += 1;
    }

    /// Adds every value of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (&nanos, &n) in &other.0 {
            *self.0.entry(nanos).or_insert(0) += n;
        }
    }

    /// How many values it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at `quantile` (0 to 1), to the middle of its step; none when it is empty.
    #[must_use]
    pub fn at(&self, quantile: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((quantile.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let found = self.0.iter().find(|(_, n)| {
            seen += **n;
            seen >= rank
        });
        found.map(|(&nanos, _)| Duration::from_nanos(nanos + width(nanos) / 2))
    }
}

/// The lower end of the step that `nanos` falls on.
fn step(nanos: u64) -> u64 {
    nanos - nanos % width(nanos)
}

/// How wide the step is that `nanos` falls on.
fn width(nanos: u64) -> u64 {
    1 << nanos.checked_ilog2().unwrap_or(0).saturating_sub(BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_step() {
        let mut histogram = CoarseHistogram::default();
        (1..=1000).for_each(|micros| histogram.record(Duration::from_micros(micros)));
        for (quantile, micros) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let at = histogram.at(quantile).unwrap().as_secs_f64() * 1e6;
            assert!((at / micros - 1.0).abs() < 0.032, "{quantile}: {at}");
        }
        assert_eq!((histogram.count(), CoarseHistogram::default().at(0.5)), (1000, None));
    }

    #[test]
    fn groups_add_up_and_survive_their_text() {
        let (mut one, mut other) = (CoarseHistogram::default(), CoarseHistogram::default());
        one.record(Duration::from_micros(17));
        other.record(Duration::from_micros(17));
        other.record(Duration::MAX);
        one.merge(&other);
        assert_eq!(one.count(), 3);
        let text = serde_json::to_string(&one).unwrap();
        assert!(text.starts_with("{\"16896\":2,"), "{text}");
        assert_eq!(serde_json::from_str::<CoarseHistogram>(&text).unwrap(), one);
    }

    #[test]
    fn every_value_falls_into_its_step() {
        for nanos in [0, 1, 31, 32, 33, 63, 64, 1000, 1 << 40, u64::MAX] {
            let low = step(nanos);
            assert!(low <= nanos && nanos - low < width(nanos) && step(low) == low, "{nanos}");
            assert!(width(nanos) == 1 || width(nanos) as f64 / nanos as f64 <= 1.0 / 32.0, "{nanos}");
        }
    }
}
