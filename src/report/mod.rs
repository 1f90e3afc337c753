//! A run or a check for its readers: the terminal, JSON, HTML, JUnit, Markdown, and the directory that keeps it.
//!
//! Every format is a function of a [`Run`](crate::record::Run) and its [`Summary`](crate::record::Summary), so that a kept
//! result renders as a fresh one does. The choice not taken: a trait of exporters; the formats share no state and no
//! order, and a caller names the one it wants. A [`Check`](crate::record::Check) has the same four formats, each named
//! `check_` and the format; a [`Doctor`](crate::record::Doctor) and a [`Trace`](crate::record::Trace) have JSON and the
//! terminal.

mod check;
mod comparison;
mod doctor;
mod error;
mod events;
mod figures;
#[cfg(test)]
mod fixture;
mod hlog;
mod html;
mod json;
mod junit;
mod markdown;
mod place;
mod results;
mod schema;
mod terminal;
mod trace;

pub use check::{check_json, check_junit, check_markdown, check_terminal};
pub use comparison::{comparison_json, comparison_junit, comparison_markdown, comparison_terminal};
pub use doctor::{doctor_json, doctor_terminal};
pub use error::ReportError;
pub use html::html;
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use results::ResultDir;
pub use schema::schema;
pub(crate) use terminal::wrapped;
pub use terminal::{Style, terminal};
pub use trace::{trace_json, trace_terminal};
