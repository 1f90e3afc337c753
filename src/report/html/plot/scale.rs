//! A scale: a value's place along an axis, and the ticks that a person reads it by.

use serde::Serialize;

use super::unit::Unit;

/// How values are laid along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Evenly.
    Linear,
    /// By their logarithm.
    Log,
    /// Percentiles as HdrHistogram draws them: 0, 90, 99, 99.9 % at equal distances.
    Nines,
}

/// An axis from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Scale {
    pub(crate) kind: Kind,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) unit: Unit,
}

/// A tick: its place from 0 to 1, and its text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// Spaces between ticks of an even axis, about.
const SPACES: f64 = 5.0;

/// Round times in seconds, above a minute or so, where tens are not round.
const TIMES: [f64; 12] = [30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, DAY];
const DAY: f64 = 86_400.0;

impl Scale {
    /// From 0 to a round value at or above `max`.
    pub(crate) fn up_to(max: f64, unit: Unit) -> Self {
        let step = round_step(max, unit);
        Self { kind: Kind::Linear, min: 0.0, max: ((max / step).ceil() * step).max(step), unit }
    }

    /// From 0 to `max`, which the axis ends at.
    pub(crate) fn exactly(max: f64, unit: Unit) -> Self {
        Self { kind: Kind::Linear, min: 0.0, max: if max > 0.0 { max } else { 1.0 }, unit }
    }

    /// Round values around all of `values` that are more than zero.
    pub(crate) fn log(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        if high == 0.0 {
            return Self { kind: Kind::Log, min: 0.1, max: 1.0, unit };
        }
        let min = rungs(low / 10.0, low * 1.0001).last().copied().unwrap_or(low);
        let max = rungs(high * 0.9999, high * 10.0).first().copied().unwrap_or(high);
        Self { kind: Kind::Log, min, max: if max > min { max } else { min * 10.0 }, unit }
    }

    /// Percentiles of at most `count` values.
    pub(crate) fn nines(count: u64) -> Self {
        let max = (count.max(1) as f64).log10().clamp(2.0, 7.0);
        Self { kind: Kind::Nines, min: 0.0, max, unit: Unit::Quantile }
    }

    /// The place of `value`: 0 at `min`, 1 at `max`, and never beyond.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let along = |value: f64| match self.kind {
            Kind::Linear => value,
            Kind::Log => value.max(f64::MIN_POSITIVE).log10(),
            Kind::Nines => nines_of(value),
        };
        let (low, high) = match self.kind {
            Kind::Nines => (self.min, self.max),
            _ => (along(self.min), along(self.max)),
        };
        ((along(value) - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// The ticks, in order.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        let values: Vec<f64> = match self.kind {
            Kind::Linear => {
                let step = round_step(self.max, self.unit);
                (0..=(self.max / step + 1e-9) as u32).map(|n| f64::from(n) * step).collect()
            }
            Kind::Log => {
                let all = rungs(self.min, self.max);
                let decades: Vec<f64> = all.iter().copied().filter(|value| is_decade(*value)).collect();
                if decades.len() >= 3 { decades } else { all }
            }
            Kind::Nines => (0..=self.max as i32).map(|nines| 1.0 - 10f64.powi(-nines)).collect(),
        };
        values.into_iter().map(|value| Tick { at: self.at(value), label: self.unit.tick(value, self.max) }).collect()
    }
}

/// How many nines a quantile has: 0 for 0, 1 for 0.9, 2 for 0.99.
fn nines_of(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-9).log10()
}

/// 1, 2 or 5 times a power of ten, so that `max` is some [`SPACES`] of it; whole where the unit counts things.
fn round_step(max: f64, unit: Unit) -> f64 {
    if unit == Unit::Seconds && max >= 120.0 {
        return TIMES.into_iter().find(|step| *step >= max / SPACES).unwrap_or((max / SPACES / DAY).ceil() * DAY);
    }
    let rough = if max > 0.0 { max / SPACES } else { 0.2 };
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough * 0.9);
    let step = step.unwrap_or(power * 10.0);
    if unit == Unit::Count { step.max(1.0).round() } else { step }
}

/// 1, 2 and 5 times every power of ten from `low` to `high`.
fn rungs(low: f64, high: f64) -> Vec<f64> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(power)));
    all.filter(|value| *value >= low * 0.9999 && *value <= high * 1.0001).collect()
}

fn is_decade(value: f64) -> bool {
    let power = value.log10();
    (power - power.round()).abs() < 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn an_even_axis_ends_on_a_round_value() {
        let scale = Scale::up_to(1870.0, Unit::Count);
        assert_eq!(labels(&scale), ["0", "500", "1,000", "1,500", "2,000"]);
        assert!((scale.at(1000.0) - 0.5).abs() < 1e-9);
        assert_eq!(labels(&Scale::up_to(0.0, Unit::Count)), ["0", "1"], "nothing at all still has an axis");
        assert_eq!(labels(&Scale::up_to(3.0, Unit::Count)), ["0", "1", "2", "3"], "there are no half sockets");
    }

    #[test]
    fn a_time_axis_ends_where_the_run_does() {
        let scale = Scale::exactly(2.7, Unit::Seconds);
        assert_eq!(labels(&scale), ["0", "0.5 s", "1 s", "1.5 s", "2 s", "2.5 s"]);
        assert_eq!(labels(&Scale::exactly(10.07, Unit::Seconds)), ["0", "2 s", "4 s", "6 s", "8 s", "10 s"]);
        assert_eq!((scale.at(2.7), scale.at(5.0)), (1.0, 1.0));
        assert_eq!(labels(&Scale::exactly(126.0, Unit::Seconds)), ["0", "30 s", "1 min", "1:30 min", "2 min"]);
        assert_eq!(labels(&Scale::exactly(30_000.0, Unit::Seconds)), ["0", "2 h", "4 h", "6 h", "8 h"]);
    }

    #[test]
    fn a_logarithmic_axis_shows_decades_or_what_lies_between() {
        let wide = Scale::log([0.017, 2.6].into_iter(), Unit::Millis);
        assert_eq!((wide.min, wide.max), (0.01, 5.0));
        assert_eq!(labels(&wide), ["10 µs", "100 µs", "1 ms"]);
        assert_eq!(labels(&Scale::log([0.13, 0.4].into_iter(), Unit::Millis)), ["100 µs", "200 µs", "500 µs"]);
        let one = Scale::log([1.0].into_iter(), Unit::Millis);
        assert!(one.max > one.min);
        assert!((wide.at(wide.min), wide.at(wide.max)) == (0.0, 1.0));
    }

    #[test]
    fn percentiles_stand_at_equal_distances() {
        let scale = Scale::nines(10_000);
        assert_eq!(labels(&scale), ["0", "90", "99", "99.9", "99.99"]);
        let places: Vec<f64> = scale.ticks().iter().map(|tick| (tick.at * 100.0).round()).collect();
        assert_eq!(places, [0.0, 25.0, 50.0, 75.0, 100.0]);
    }

    #[test]
    fn every_tick_lies_on_its_axis() {
        for max in [1e-6, 0.3, 1.0, 7.0, 99.0, 28_232.0, 3e9] {
            for scale in [Scale::up_to(max, Unit::PerSecond), Scale::log([max, max * 30.0].into_iter(), Unit::Millis)] {
                let ticks = scale.ticks();
                assert!((2..=9).contains(&ticks.len()), "{max}: {ticks:?}");
                assert!(ticks.windows(2).all(|pair| pair[0].at < pair[1].at), "{ticks:?}");
            }
        }
    }
}
