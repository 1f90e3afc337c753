//! Where the results of a run go: those of every command, and the HTML report.

use std::path::{Path, PathBuf};

use clap::Args;

use super::destination::{self, Kind};
use super::failure::Failure;
use super::outputs::{Documents, OutputArgs, bug, show, write_or_print};
use crate::record::{Run, Summary};
use crate::report::{self, ResultDir};

/// Where the results of a run go beside the terminal.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RunOutputs {
    #[command(flatten)]
    pub(super) all: OutputArgs,

    /// Write the HTML report, one file with plots; without FILE, into the result directory, where a run leaves it anyway
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    html: Option<Option<PathBuf>>,
}

impl RunOutputs {
    /// Refuses what cannot be written of so many results, before anything is played for it.
    pub(super) fn check(&self, results: usize) -> Result<(), Failure> {
        self.all.one_result(results)?;
        let html = self.html.as_ref().and_then(Option::as_deref);
        // `report --html DIR` takes the directory for the file, `run --html FILE` the scenario.
        destination::may_go(self.all.places().chain(html.map(|path| (Kind::Html, path))))?;
        if results > 1 && html.is_some() {
            return Err(Failure::usage(anyhow::anyhow!("write one HTML report of {results} results"))
                .hint("--html without a file writes each into its own result directory"));
        }
        Ok(())
    }

    /// Writes everything that was asked for, the report last; `dir` is where the results lie.
    pub(super) fn write(&self, run: &Run, summary: &Summary, dir: Option<&Path>) -> Result<(), Failure> {
        self.all.write_files(&Documents {
            json: report::json(summary).map_err(bug)?,
            junit: report::junit(run, summary).map_err(Failure::machine)?,
            markdown: report::markdown(run, summary),
        })?;
        let html = self.html(dir);
        if let Some(path) = &html {
            write_or_print(path, &report::html(run, summary))?;
        }
        // Either document may have stdout for itself.
        let on_stdout = html.as_deref().filter(|path| *path == Path::new("-")).or(self.all.json.as_deref());
        show(self.all.quiet, on_stdout, |style| report::terminal(run, summary, dir, style))
    }

    /// Where the HTML report goes besides the directory of a run: to `dir`, unless a file was named.
    fn html(&self, dir: Option<&Path>) -> Option<PathBuf> {
        self.html.as_ref()?.clone().or_else(|| dir.map(|dir| dir.join(ResultDir::HTML)))
    }
}
