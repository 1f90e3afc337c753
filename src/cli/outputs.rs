//! Where results go: stdout, and the files that were asked for.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::failure::Failure;
use crate::record::{Run, Summary};
use crate::report::{self, Style};

/// Where results go beside the terminal.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Results")]
pub(super) struct OutputArgs {
    /// Write the summary as JSON (closewait.summary/1); `-` is stdout, and then nothing else goes there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write JUnit XML, a case for each expectation
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write Markdown; it is appended to $GITHUB_STEP_SUMMARY as well when that is set
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// No progress, no report: only errors, and what was asked for
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl OutputArgs {
    fn files(&self) -> Files<'_> {
        Files { json: self.json.as_deref(), junit: self.junit.as_deref(), markdown: self.markdown.as_deref() }
    }

    /// Refuses what cannot be written, before anything is played for it.
    pub(super) fn check(&self, results: usize) -> Result<(), Failure> {
        self.files().check(results)
    }

    /// Whether stdout belongs to the JSON document.
    fn json_on_stdout(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }

    /// Writes everything that was asked for, the report last; `dir` is where the results lie.
    pub(super) fn write(&self, run: &Run, summary: &Summary, dir: Option<&Path>) -> Result<(), Failure> {
        let json =
            report::json(summary).map_err(|error| Failure::machine(error).hint("this is a bug: please report it"))?;
        let junit = report::junit(run, summary).map_err(Failure::machine)?;
        self.files().write(&json, &junit, &report::markdown(run, summary))?;
        if self.quiet {
            return Ok(());
        }
        if self.json_on_stdout() {
            say(&report::terminal(run, summary, dir, Style::of(&std::io::stderr())));
            return Ok(());
        }
        print(&report::terminal(run, summary, dir, Style::of(&std::io::stdout())))
    }
}

/// The files that a command's documents go to; `-` is stdout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) json: Option<&'a Path>,
    pub(super) junit: Option<&'a Path>,
    pub(super) markdown: Option<&'a Path>,
}

impl Files<'_> {
    /// Refuses what cannot be written of so many results.
    pub(super) fn check(self, results: usize) -> Result<(), Failure> {
        let files: Vec<&Path> = [self.json, self.junit, self.markdown].into_iter().flatten().collect();
        if results > 1 && !files.is_empty() {
            return Err(Failure::usage(anyhow::anyhow!("write one document of {results} results")).hint(
                "each keeps its own documents in its result directory; name one alone for --json, --junit, --markdown",
            ));
        }
        if files.iter().filter(|path| **path == Path::new("-")).count() > 1 {
            return Err(Failure::usage(anyhow::anyhow!("write two documents to stdout"))
                .hint("a file for one of them: --json - --junit junit.xml"));
        }
        files.into_iter().try_for_each(has_a_place)
    }

    /// Writes each document to its file, if that was asked for; Markdown to $GITHUB_STEP_SUMMARY as well.
    pub(super) fn write(self, json: &str, junit: &str, markdown: &str) -> Result<(), Failure> {
        for (path, document) in [(self.json, json), (self.junit, junit), (self.markdown, markdown)] {
            path.map_or(Ok(()), |path| write_or_print(path, document))?;
        }
        if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
            append(Path::new(&path), markdown)?;
        }
        Ok(())
    }
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

/// Whether the directory of a file is there; nothing is made yet, since a run that is refused leaves nothing behind.
pub(super) fn has_a_place(path: &Path) -> Result<(), Failure> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if dir.is_dir() {
        return Ok(());
    }
    let error = anyhow::anyhow!("write {}: there is no directory {}", path.display(), dir.display());
    Err(Failure::usage(error).hint(format!("make it first: mkdir -p {}", dir.display())))
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("write {}", path.display()))
        .map_err(Failure::machine)
}
