//! A whole number between two bounds, which stand in its type.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::units::ParseError;

/// A whole number from `LEAST` to `MOST`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<const LEAST: u32, const MOST: u32>(u32);

impl<const LEAST: u32, const MOST: u32> Number<LEAST, MOST> {
    /// A number within the bounds.
    ///
    /// # Errors
    /// When it lies outside of them.
    pub fn new(number: u64) -> Result<Self, ParseError> {
        u32::try_from(number)
            .ok()
            .filter(|number| (LEAST..=MOST).contains(number))
            .map(Self)
            .ok_or_else(|| Self::outside(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    fn outside(number: impl fmt::Display) -> ParseError {
        ParseError::new(format!("{number} is out of range: a whole number from {LEAST} to {MOST} is needed"))
    }
}

impl<const LEAST: u32, const MOST: u32> FromStr for Number<LEAST, MOST> {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map_err(|_| Self::outside(format_args!("`{text}`"))).and_then(Self::new)
    }
}

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Number<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // TOML's integers are signed: a negative one is out of range, and not of a wrong type.
        let number = i128::from(i64::deserialize(deserializer)?);
        u64::try_from(number).map_err(|_| Self::outside(number)).and_then(Self::new).map_err(serde::de::Error::custom)
    }
}

impl<const LEAST: u32, const MOST: u32> JsonSchema for Number<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NumberFrom{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        key: Number<1, 100>,
    }

    #[test]
    fn holds_its_bounds() {
        for (text, number) in [("key = 1", 1), ("key = 100", 100)] {
            assert_eq!(toml::from_str::<Table>(text).unwrap().key.get(), number);
        }
        for text in ["key = 0", "key = 101", "key = -1", "key = 9223372036854775807"] {
            let error = toml::from_str::<Table>(text).unwrap_err().to_string();
            assert!(error.contains("from 1 to 100"), "{text}: {error}");
        }
    }

    #[test]
    fn reads_a_flag() {
        assert_eq!("7".parse::<Number<1, 100>>().unwrap().get(), 7);
        for text in ["0", "x", "-1", ""] {
            assert!(text.parse::<Number<1, 100>>().is_err(), "{text}");
        }
    }
}
