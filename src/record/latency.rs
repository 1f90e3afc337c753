//! Latency by phase, in HDR histograms of nanoseconds.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use super::{Named, named_enum};

named_enum! {
    /// A part of an attempt that is timed on its own.
    pub enum Phase {
        /// TCP connect that succeeded.
        Connect = "connect",
        /// TCP connect that failed, whatever the cause.
        ConnectFailed = "connect_failed",
        /// PRELOGIN sent to PRELOGIN reply read.
        Prelogin = "prelogin",
        /// The TLS handshake.
        Tls = "tls",
        /// LOGIN7 sent to the login's answer read.
        Login = "login",
        /// The client's own close: from the outcome until its descriptor was closed.
        Close = "close",
        /// From the *intended* start to the outcome: what a user of an open-loop service waits.
        Total = "total",
    }
}

/// An HDR histogram of nanoseconds, from 100 ns to an hour at three significant digits; longer values count as an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

impl Histogram {
    const LOW: u64 = 100;
    const HIGH: u64 = 3_600_000_000_000;
    const DIGITS: u8 = 3;

    /// Counts one value.
    pub fn record(&mut self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX).min(Self::HIGH);
        self.0.record(nanos).expect("it grows up to HIGH");
    }

    /// Adds every value of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("histograms of one resolution always add up");
    }

    /// How many values it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value at `quantile` (0 to 1); none when it is empty.
    #[must_use]
    pub fn at(&self, quantile: f64) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.0.value_at_quantile(quantile)))
    }

    /// The largest value; none when it is empty.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.0.max()))
    }

    /// Forgets every value and keeps the room.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// The histogram itself, for writers of HdrHistogram's own formats.
    #[must_use]
    pub const fn hdr(&self) -> &hdrhistogram::Histogram<u64> {
        &self.0
    }
}

impl Default for Histogram {
    fn default() -> Self {
        let smallest = hdrhistogram::Histogram::new_with_bounds(Self::LOW, 2 * Self::LOW, Self::DIGITS);
        Self(growing(smallest.expect("the bounds are constants in order")))
    }
}

/// A histogram that makes room as values come: most hold some milliseconds, and room for an hour would be 230 KB in each of
/// thousands that a long record has.
fn growing(mut histogram: hdrhistogram::Histogram<u64>) -> hdrhistogram::Histogram<u64> {
    histogram.auto(true);
    histogram
}

/// HdrHistogram's own V2 compressed form, in base64, so that other tools can read the events.
impl Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.0, &mut bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        let read: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(serde::de::Error::custom)?;
        // One of our own is taken as it is.
        if (read.low(), read.sigfig()) == (Self::LOW, Self::DIGITS) {
            return Ok(Self(growing(read)));
        }
        let mut histogram = Self::default();
        histogram.0.add(&read).map_err(serde::de::Error::custom)?;
        Ok(histogram)
    }
}

impl schemars::JsonSchema for Histogram {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Histogram".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "an HdrHistogram of nanoseconds, V2 compressed, in base64" })
    }
}

/// One histogram a phase, made when the phase is first seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct LatencySet(std::collections::BTreeMap<Phase, Histogram>);

impl LatencySet {
    /// Counts one value of `phase`.
    pub fn record(&mut self, phase: Phase, value: Duration) {
        self.0.entry(phase).or_default().record(value);
    }

    /// Adds every value of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (&phase, histogram) in &other.0 {
            self.0.entry(phase).or_default().merge(histogram);
        }
    }

    /// The histogram of `phase`, if it was ever seen.
    #[must_use]
    pub fn of(&self, phase: Phase) -> Option<&Histogram> {
        self.0.get(&phase)
    }

    /// Every phase with values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, &Histogram)> {
        Phase::ALL.iter().filter_map(|phase| Some((*phase, self.0.get(phase)?))).filter(|(_, h)| h.count() > 0)
    }

    /// Hands over what was recorded and starts anew.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_survives_its_text() {
        let mut histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        let text = serde_json::to_string(&histogram).unwrap();
        let read: Histogram = serde_json::from_str(&text).unwrap();
        assert_eq!((read.count(), read.at(0.5), read.max()), (1000, histogram.at(0.5), histogram.max()));
        let p50 = histogram.at(0.5).unwrap();
        assert!(p50.abs_diff(Duration::from_micros(500)) < Duration::from_micros(1), "{p50:?}");
    }

    #[test]
    fn an_empty_one_has_no_percentiles() {
        assert_eq!((Histogram::default().at(0.99), Histogram::default().max()), (None, None));
    }

    #[test]
    fn a_value_beyond_an_hour_counts() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_secs(10_000));
        assert_eq!(histogram.count(), 1);
    }
}
