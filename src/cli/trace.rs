//! `closewait trace`: one connection, frame by frame.

mod options;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use super::destination::{self, Kind};
use super::failure::Failure;
use super::outputs::{print, say, write_or_print};
use super::signals::{self, Signals};
use crate::host::in_runtime;
use crate::record::Trace;
use crate::report::{self, Style};
use crate::run::Diagnostics;
use crate::trace::{self, Options, Recording};

pub(super) use options::TraceArgs;

/// Where a trace goes beside the terminal.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Results")]
struct TraceOutputs {
    /// Write the trace as JSON (closewait.trace/1); `-` is stdout, and then nothing else goes there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write a capture that Wireshark and tshark open, with a comment on each frame and the secrets of its TLS
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    pcapng: Option<PathBuf>,

    /// How wide the table is, 80 to 240 [default: the terminal's width; 80 in a pipe]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(80..=240))]
    columns: Option<u16>,

    /// No table: only errors, and what was asked for
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn trace(args: &TraceArgs, diagnostics: Diagnostics) -> Result<Exit, Failure> {
    args.outputs.check()?;
    let options = args.options(diagnostics)?;
    let played = in_runtime(play(&options)).context("start the runtime").map_err(Failure::machine)?;
    let (trace, recordings, signal) = played?;
    args.outputs.write(&trace, &recordings)?;
    if let Some(number) = signal {
        signals::raise(number);
    }
    Ok(if trace.agrees { Exit::Passed } else { Exit::Failed })
}

async fn play(options: &Options) -> Result<(Trace, Vec<Recording>, Option<i32>), Failure> {
    let signals = Signals::listen().context("listen for signals").map_err(Failure::machine)?;
    let (trace, recordings) = trace::play(options, &signals.stop).await?;
    Ok((trace, recordings, signals.received().await))
}

impl TraceOutputs {
    /// Refuses what cannot be written, before anything is played for it.
    fn check(&self) -> Result<(), Failure> {
        let files = [(Kind::Json, &self.json), (Kind::Capture, &self.pcapng)];
        destination::may_go(files.into_iter().filter_map(|(kind, path)| Some((kind, path.as_deref()?))))
    }

    /// Writes everything that was asked for, the table last.
    fn write(&self, trace: &Trace, recordings: &[Recording]) -> Result<(), Failure> {
        if let (Some(path), Some(recording), Some(connection)) =
            (&self.pcapng, recordings.first(), trace.connections.first())
        {
            std::fs::write(path, recording.pcapng(connection, &trace.host))
                .with_context(|| format!("write {}", path.display()))
                .map_err(Failure::machine)?;
        }
        if let Some(path) = &self.json {
            let json = report::trace_json(trace)
                .map_err(|error| Failure::machine(error).hint("this is a bug: please report it"))?;
            write_or_print(path, &json)?;
        }
        if self.quiet {
            return Ok(());
        }
        let on_stdout = self.json.as_deref() != Some(Path::new("-"));
        let style = if on_stdout { Style::of(&std::io::stdout()) } else { Style::of(&std::io::stderr()) };
        let style = self.columns.map_or(style, |columns| style.with_columns(usize::from(columns)));
        let text = report::trace_terminal(trace, style);
        if on_stdout {
            return print(&text);
        }
        say(&text);
        Ok(())
    }
}

impl From<trace::Error> for Failure {
    fn from(error: trace::Error) -> Self {
        let hint = error.hint();
        Self::machine(error).maybe_hint(hint)
    }
}
