//! What a number on an axis is, and how a person reads it. `behaviour.js` reads values the same way.

use serde::Serialize;

use crate::units::Count;

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Seconds after an arm's start.
    Seconds,
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Milliseconds.
    Millis,
    /// A share from 0 to 100.
    Percent,
    /// A quantile from 0 to 1.
    Quantile,
}

impl Unit {
    /// A tick's text; `max` is the axis' end.
    pub(crate) fn tick(self, value: f64, max: f64) -> String {
        match self {
            Self::Seconds if value == 0.0 => "0".to_owned(),
            Self::Seconds if max < 120.0 => format!("{} s", short(value)),
            Self::Seconds if max < 7200.0 && value < 60.0 => format!("{} s", short(value)),
            Self::Seconds if max < 7200.0 && value % 60.0 == 0.0 => format!("{} min", short(value / 60.0)),
            Self::Seconds if max < 7200.0 => format!("{:.0}:{:02.0} min", (value / 60.0).floor(), value % 60.0),
            Self::Seconds => format!("{} h", short(value / 3600.0)),
            Self::Count | Self::PerSecond if value >= 10_000.0 && value % 100.0 == 0.0 && max >= 100_000.0 => {
                format!("{}k", short(value / 1000.0))
            }
            Self::Count | Self::PerSecond if value.fract() == 0.0 => Count(value as u64).to_string(),
            Self::Count | Self::PerSecond => short(value),
            Self::Millis => latency(value),
            Self::Percent => format!("{} %", short(value)),
            Self::Quantile => short(value * 100.0),
        }
    }
}

/// Milliseconds in the unit that reads best.
fn latency(ms: f64) -> String {
    match ms {
        ms if ms < 0.000_999 => format!("{} ns", short(ms * 1e6)),
        ms if ms < 0.999 => format!("{} µs", short(ms * 1e3)),
        ms if ms < 999.0 => format!("{} ms", short(ms)),
        ms => format!("{} s", short(ms / 1e3)),
    }
}

/// Without digits that say nothing.
fn short(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reads_as_what_it_is() {
        for (unit, value, max, text) in [
            (Unit::Seconds, 1.5, 3.0, "1.5 s"),
            (Unit::Seconds, 300.0, 900.0, "5 min"),
            (Unit::Seconds, 90.0, 126.0, "1:30 min"),
            (Unit::Seconds, 7200.0, 9000.0, "2 h"),
            (Unit::Count, 28_000.0, 30_000.0, "28,000"),
            (Unit::PerSecond, 150_000.0, 200_000.0, "150k"),
            (Unit::PerSecond, 0.5, 2.0, "0.5"),
            (Unit::Millis, 0.01, 10.0, "10 µs"),
            (Unit::Millis, 2000.0, 5000.0, "2 s"),
            (Unit::Percent, 50.0, 100.0, "50 %"),
            (Unit::Quantile, 0.9999, 4.0, "99.99"),
        ] {
            assert_eq!(unit.tick(value, max), text);
        }
    }
}
