//! Where the document of a check goes, and where an earlier one comes from.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::failure::Failure;
use crate::cli::outputs::{Documents, OutputArgs, bug};
use crate::record::Check;
use crate::report;

/// Writes everything that was asked for, the report last; `shown` is whether the command's output was passed on.
pub(super) fn write(outputs: &OutputArgs, check: &Check, shown: bool, news: &[String]) -> Result<(), Failure> {
    let documents = Documents {
        json: report::check_json(check).map_err(bug)?,
        junit: report::check_junit(check).map_err(Failure::machine)?,
        markdown: report::check_markdown(check),
    };
    outputs.write(&documents, |style| {
        let mut text = report::check_terminal(check, shown, style);
        for sentence in news {
            text.push_str(&format!("baseline: {sentence}\n"));
        }
        text
    })
}

/// A document that an earlier check wrote.
pub(super) fn read_baseline(path: &Path) -> Result<Check, Failure> {
    let hint = "a baseline is what `closewait check --json FILE` writes";
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    let text = text.map_err(|error| Failure::usage(error).hint(hint))?;
    let parsed = serde_json::from_str::<Check>(&text).with_context(|| format!("take {} for a check", path.display()));
    parsed.map_err(|error| Failure::usage(error).hint(hint))
}
