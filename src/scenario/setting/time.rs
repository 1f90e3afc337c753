//! A duration between two bounds, which stand in its type.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::units::{ParseError, Span};

/// A length of time from `LEAST` to `MOST` milliseconds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time<const LEAST: u64, const MOST: u64>(Span);

impl<const LEAST: u64, const MOST: u64> Time<LEAST, MOST> {
    /// A length of time within the bounds.
    ///
    /// # Errors
    /// When it lies outside of them.
    pub fn new(span: Span) -> Result<Self, ParseError> {
        let (least, most) = (Span::from_millis(LEAST), Span::from_millis(MOST));
        if span < least || span > most {
            return Err(ParseError::new(format!("{span} is out of range: a time from {least} to {most} is needed")));
        }
        Ok(Self(span))
    }

    /// The length of time.
    #[must_use]
    pub const fn get(self) -> Span {
        self.0
    }
}

impl<const LEAST: u64, const MOST: u64> FromStr for Time<LEAST, MOST> {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().and_then(Self::new)
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Time<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Span::deserialize(deserializer).and_then(|span| Self::new(span).map_err(serde::de::Error::custom))
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Time<LEAST, MOST> {
    fn schema_name() -> Cow<'static, str> {
        Span::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Span::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Span::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_its_bounds() {
        type Second = Time<10, 1000>;
        assert_eq!("1s".parse::<Second>().unwrap().get(), Span::from_secs(1));
        for text in ["9ms", "1001ms", "0s"] {
            let error = text.parse::<Second>().unwrap_err().to_string();
            assert!(error.contains("from 10ms to 1s"), "{text}: {error}");
        }
        assert!("5 parsecs".parse::<Second>().unwrap_err().to_string().contains("not a duration"));
    }
}
