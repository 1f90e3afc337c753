//! One expectation: `[ARM:] PATH OP VALUE`, read once and printed back.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::literal::quoted_if_needed;
use super::{ExpectationError, Literal};
use crate::record::named_enum;

named_enum! {
    /// How a field is compared with a value.
    pub enum Op {
        /// `==`
        Equal = "==",
        /// `!=`
        NotEqual = "!=",
        /// `<`
        Less = "<",
        /// `<=`
        AtMost = "<=",
        /// `>`
        Greater = ">",
        /// `>=`
        AtLeast = ">=",
    }
}

impl Op {
    /// Whether it asks for an order, which only numbers have.
    pub(super) const fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// What one field of an arm's summary must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    pub(super) arm: Option<String>,
    pub(super) path: String,
    pub(super) op: Op,
    pub(super) value: Literal,
    pub(super) places: Places,
}

/// Where the parts stand in the text that was read, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) arm: Range<usize>,
    pub(super) path: Range<usize>,
    pub(super) op: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Expectation {
    /// The arm it is about; none when it is about every arm.
    #[must_use]
    pub fn arm(&self) -> Option<&str> {
        self.arm.as_deref()
    }

    /// The field's path in the arm's summary.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The expectation without its arm: `ports.exhausted == true`.
    #[must_use]
    pub fn body(&self) -> String {
        use crate::record::Named as _;
        format!("{} {} {}", self.path, self.op.name(), self.value)
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(arm) = &self.arm {
            write!(f, "{}: ", quoted_if_needed(arm))?;
        }
        f.write_str(&self.body())
    }
}

impl FromStr for Expectation {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Self, ExpectationError> {
        super::parse::expectation(text)
    }
}
