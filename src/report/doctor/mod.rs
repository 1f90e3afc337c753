//! A machine's walls for their readers: the terminal and JSON.

#[cfg(test)]
pub(super) mod fixture;
mod terminal;

pub use terminal::doctor_terminal;

use super::{ReportError, json};
use crate::record::Doctor;

/// The document as JSON (`closewait.doctor/1`), indented, with a line's end after it.
///
/// # Errors
/// Only where a value has no JSON, which plain data always has.
pub fn doctor_json(doctor: &Doctor) -> Result<String, ReportError> {
    json::indented(doctor)
}
