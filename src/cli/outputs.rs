//! Where results go: stdout, and the files that were asked for.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::destination::{self, Kind};
use super::failure::Failure;
use crate::record::Comparison;
use crate::report::{self, Style};

/// Where results go beside the terminal.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Results")]
pub(super) struct OutputArgs {
    /// Write the result as JSON (its schema: `closewait schema`); `-` is stdout, and then nothing else goes there
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Write JUnit XML, a case for each expectation or fault
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write Markdown; it is appended to $GITHUB_STEP_SUMMARY as well when that is set
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// No progress, no report, no output of a command under test: only errors, and what was asked for
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// One result in the formats that go to files.
pub(super) struct Documents {
    pub(super) json: String,
    pub(super) junit: String,
    pub(super) markdown: String,
}

impl OutputArgs {
    /// Each document that was asked for, and where it goes.
    pub(super) fn places(&self) -> impl Iterator<Item = (Kind, &Path)> {
        let all = [(Kind::Json, &self.json), (Kind::Junit, &self.junit), (Kind::Markdown, &self.markdown)];
        all.into_iter().filter_map(|(kind, path)| Some((kind, path.as_deref()?)))
    }

    /// Refuses to write one document of several results.
    pub(super) fn one_result(&self, results: usize) -> Result<(), Failure> {
        if results > 1 && self.places().next().is_some() {
            return Err(Failure::usage(anyhow::anyhow!("write one document of {results} results")).hint(
                "each keeps its own documents in its result directory; name one alone for --json, --junit, --markdown",
            ));
        }
        Ok(())
    }

    /// Writes each document that was asked for, Markdown to $GITHUB_STEP_SUMMARY as well, and the report last.
    pub(super) fn write(&self, documents: &Documents, report: impl FnOnce(Style) -> String) -> Result<(), Failure> {
        self.write_files(documents)?;
        show(self.quiet, self.json.as_deref(), report)
    }

    pub(super) fn write_files(&self, documents: &Documents) -> Result<(), Failure> {
        let Documents { json, junit, markdown } = documents;
        for (path, document) in [(&self.json, json), (&self.junit, junit), (&self.markdown, markdown)] {
            path.as_deref().map_or(Ok(()), |path| write_or_print(path, document))?;
        }
        if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
            append(Path::new(&path), markdown)?;
        }
        Ok(())
    }

    /// Writes everything that was asked for of a comparison.
    pub(super) fn write_comparison(&self, comparison: &Comparison) -> Result<(), Failure> {
        let documents = Documents {
            json: report::comparison_json(comparison).map_err(bug)?,
            junit: report::comparison_junit(comparison).map_err(Failure::machine)?,
            markdown: report::comparison_markdown(comparison),
        };
        self.write(&documents, |style| report::comparison_terminal(comparison, style))
    }
}

/// Where the result of a command goes that has one document: JSON.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Results")]
pub(super) struct JsonArgs {
    /// Write the result as JSON (its schema: `closewait schema`); `-` is stdout, and then nothing else goes there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// No report: only errors, and what was asked for
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl JsonArgs {
    /// Refuses what cannot be written, before anything is done for it.
    pub(super) fn check(&self) -> Result<(), Failure> {
        destination::may_go(self.json.iter().map(|path| (Kind::Json, path.as_path())))
    }

    /// Writes the document if that was asked for, and the report last.
    pub(super) fn write(&self, json: &str, report: impl FnOnce(Style) -> String) -> Result<(), Failure> {
        self.json.as_deref().map_or(Ok(()), |path| write_or_print(path, json))?;
        show(self.quiet, self.json.as_deref(), report)
    }
}

/// The report for a person: on stdout, unless that belongs to the JSON document.
pub(super) fn show(quiet: bool, json: Option<&Path>, report: impl FnOnce(Style) -> String) -> Result<(), Failure> {
    if quiet {
        return Ok(());
    }
    if json == Some(Path::new("-")) {
        say(&report(Style::of(&std::io::stderr())));
        return Ok(());
    }
    print(&report(Style::of(&std::io::stdout())))
}

/// What cannot happen to a document of ours.
pub(super) fn bug(error: report::ReportError) -> Failure {
    Failure::machine(error).hint("this is a bug: please report it")
}

/// Says something on stderr; nobody may be there to hear it, which is no error.
pub(super) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Prints to stdout; a reader that has gone (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::machine(anyhow::Error::new(error).context("write to stdout")))
        }
        _ => Ok(()),
    }
}

pub(super) fn write_or_print(path: &Path, text: &str) -> Result<(), Failure> {
    if path == Path::new("-") {
        return print(text);
    }
    std::fs::write(path, text).with_context(|| format!("write {}", path.display())).map_err(Failure::machine)
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("write {}", path.display()))
        .map_err(Failure::machine)
}
