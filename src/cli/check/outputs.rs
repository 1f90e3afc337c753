//! Where the document of a check goes.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::outputs::{Files, print, say};
use crate::record::Check;
use crate::report::{self, Style};

/// Where results go beside the terminal.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Results")]
pub(in crate::cli) struct CheckOutputs {
    /// Write the check as JSON (closewait.check/1); `-` is stdout, and then nothing else goes there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write JUnit XML, a case for each fault
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write Markdown; it is appended to $GITHUB_STEP_SUMMARY as well when that is set
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// No progress, no report, not the command's output: only errors, and what was asked for
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl CheckOutputs {
    fn files(&self) -> Files<'_> {
        Files { json: self.json.as_deref(), junit: self.junit.as_deref(), markdown: self.markdown.as_deref() }
    }

    /// Refuses what cannot be written, before anything is played for it.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.files().check(1)
    }

    /// Writes everything that was asked for, the report last.
    pub(super) fn write(&self, check: &Check, news: &[String]) -> Result<(), Failure> {
        let json = report::check_json(check)
            .map_err(|error| Failure::machine(error).hint("this is a bug: please report it"))?;
        let junit = report::check_junit(check).map_err(Failure::machine)?;
        self.files().write(&json, &junit, &report::check_markdown(check))?;
        if self.quiet {
            return Ok(());
        }
        let on_stdout = self.json.as_deref() != Some(Path::new("-"));
        let style = if on_stdout { Style::of(&std::io::stdout()) } else { Style::of(&std::io::stderr()) };
        let mut text = report::check_terminal(check, style);
        for sentence in news {
            text.push_str(&format!("baseline: {sentence}\n"));
        }
        if on_stdout {
            return print(&text);
        }
        say(&text);
        Ok(())
    }
}

/// A document that an earlier check wrote.
pub(super) fn read_baseline(path: &Path) -> Result<Check, Failure> {
    let hint = "a baseline is what `closewait check --json FILE` writes";
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    let text = text.map_err(|error| Failure::usage(error).hint(hint))?;
    let parsed = serde_json::from_str::<Check>(&text).with_context(|| format!("take {} for a check", path.display()));
    parsed.map_err(|error| Failure::usage(error).hint(hint))
}
