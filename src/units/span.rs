//! A length of time as a person writes it: `250ms`, `2s`, `1m 30s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ParseError, text_form};

/// A length of time; reads and prints `250ms`, `2s`, `1m 30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&humantime::format_duration(self.0), f)
    }
}

impl FromStr for Span {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        humantime::parse_duration(text.trim()).map(Self).map_err(|error| {
            ParseError::new(format!(
                "`{text}` is not a duration ({error}); write it as \"250ms\", \"2s\" or \"1m 30s\""
            ))
        })
    }
}

text_form!(Span, r"^\s*[0-9]+(\.[0-9]+)?\s*[a-zA-Zµ]+", "a length of time, such as \"250ms\", \"2s\" or \"1m 30s\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in ["250ms", "2s", "1m 30s", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_unit_names_the_right_ones() {
        let error = "5 parsecs".parse::<Span>().unwrap_err().to_string();
        assert!(error.contains("250ms"), "{error}");
        assert!("250".parse::<Span>().is_err(), "a bare number has no unit");
    }
}
