//! A check for its readers: the terminal, JSON, JUnit and Markdown.
//!
//! One fault fills a screen with all that is known of it; several are a matrix with the reasons of those that fail. The
//! choice not taken: a screen a fault, through which the one that fails would have to be looked for.

pub(super) mod columns;
mod connections;
#[cfg(test)]
pub(super) mod fixture;
mod junit;
mod markdown;
mod matrix;
mod terminal;
mod words;

pub use junit::check_junit;
pub use markdown::check_markdown;
pub use terminal::check_terminal;

use super::{ReportError, json};
use crate::record::Check;

/// The check as a JSON document (`closewait.check/1`), indented, with a line's end after it.
///
/// # Errors
/// Only where a value has no JSON, which plain data always has.
pub fn check_json(check: &Check) -> Result<String, ReportError> {
    json::indented(check)
}
