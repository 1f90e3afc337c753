//! Diagnostics to stderr: `-v`, `RUST_LOG`, and JSON for machines.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::run::Diagnostics;

/// Under a heading of their own they stand behind the options of each command, and not among them.
const DIAGNOSTICS: &str = "Diagnostics";

/// Diagnostics.
#[derive(Debug, Clone, Args)]
pub(super) struct Logging {
    /// Say more on stderr; twice for every attempt and connection (RUST_LOG stands above it)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = DIAGNOSTICS)]
    verbose: u8,

    /// How diagnostics are written
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = LogFormat::Text,
        value_name = "FORMAT",
        help_heading = DIAGNOSTICS
    )]
    log_format: LogFormat,
}

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for a person.
    Text,
    /// One JSON object a line.
    Json,
}

impl Logging {
    /// What this process and its parts are to say.
    pub(super) fn diagnostics(&self) -> Diagnostics {
        let level = match self.verbose {
            // The driver under load calls every refused login an error: only who asks for more wants to see that.
            0 => "closewait=warn",
            1 => "closewait=info",
            2 => "closewait=debug",
            _ => "closewait=trace,debug",
        };
        let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| level.to_owned());
        Diagnostics { filter, json: self.log_format == LogFormat::Json }
    }
}

/// Starts diagnostics for this process.
pub(super) fn start(diagnostics: &Diagnostics) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&diagnostics.filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    if diagnostics.json {
        builder.json().init();
    } else {
        builder.init();
    }
}
