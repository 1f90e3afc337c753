//! Arms against each other, and a result against an older one: to the terminal, JSON, JUnit, Markdown.

mod arms;
mod documents;
mod words;

pub(super) use arms::{differences, differences_markdown, differences_rows};
pub use documents::{comparison_json, comparison_junit, comparison_markdown, comparison_terminal};
