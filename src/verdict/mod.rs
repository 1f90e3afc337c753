//! Judges a run: its numbers, its expectations, and what they mean in plain words.
//!
//! Everything here is a function of a [`Run`](crate::record::Run): nothing is measured, opened or printed, so a kept
//! result is judged exactly as a fresh one. The choice not taken: rules written in the scenario file, which would need a
//! language of their own; an [`Expectation`] compares one field of the summary with one value, and a finding is code.

mod baseline;
mod compare;
mod error;
mod expectation;
mod findings;
#[cfg(test)]
mod fixture;
mod interval;
mod judge;
mod literal;
mod parse;
mod paths;
mod summarise;

pub use baseline::apply_baseline;
pub use compare::{FLOORS, MergeError, compare, merge};
pub use error::ExpectationError;
pub use expectation::{Expectation, Op};
pub use findings::findings;
pub use literal::Literal;
pub use summarise::summarise;
