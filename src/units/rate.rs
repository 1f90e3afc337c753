//! Events per unit of time: `500/s`, `30/m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ParseError, text_form};

/// Events per second, always finite and above zero; reads `500/s`, `0.5/s`, `30/m`, `100/h`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// The largest rate that is taken: above it the schedule's own arithmetic would be what is measured.
    pub const MAX_PER_SECOND: f64 = 1_000_000.0;

    /// Events per second.
    ///
    /// # Errors
    /// When the number is not above zero, not finite, or above [`Rate::MAX_PER_SECOND`].
    pub fn per_second(events: f64) -> Result<Self, ParseError> {
        if !events.is_finite() || events <= 0.0 {
            return Err(ParseError::new(format!("a rate must be above zero, and {events}/s is not")));
        }
        if events > Self::MAX_PER_SECOND {
            return Err(ParseError::new(format!("a rate may be at most {}/s", Self::MAX_PER_SECOND)));
        }
        Ok(Self(events))
    }

    /// Events per second.
    #[must_use]
    pub const fn as_per_second(self) -> f64 {
        self.0
    }

    /// The mean time between two events.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(format!("`{text}` is not a rate; write it as \"500/s\", \"30/m\" or \"100/h\""));
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        Self::per_second(number / seconds)
    }
}

text_form!(Rate, r"^\s*[0-9]+(\.[0-9]+)?\s*/\s*[smh]\s*$", "events per unit of time, such as \"500/s\" or \"30/m\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_units() {
        for (text, per_second) in [("500/s", 500.0), ("30/m", 0.5), ("0.5/s", 0.5), ("3600/h", 1.0)] {
            assert_eq!(text.parse::<Rate>().unwrap().as_per_second(), per_second, "{text}");
        }
        assert_eq!("500/s".parse::<Rate>().unwrap().to_string(), "500/s");
    }

    #[test]
    fn refuses_nothing_and_nonsense() {
        for text in ["0/s", "-1/s", "nan/s", "inf/s", "500", "500/d", "/s", "2000000/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
