//! What a check is asked to do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::judge::{FailOn, Limits};
use crate::fault::FaultSpec;
use crate::run::Diagnostics;
use crate::server::TlsConfig;
use crate::units::HostPort;

/// Where the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a sandbox where there can be one, on this machine otherwise.
    Best,
    /// On this machine: sockets are found by the process tree.
    ThisMachine,
    /// In a sandbox that shares this machine's network: only names are changed.
    SharedNetwork,
}

/// When a service is ready to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// At once.
    Started,
    /// When somebody listens on this port of its host.
    Port(u16),
    /// When it has printed this.
    Line(String),
}

impl Readiness {
    /// What is said of a command that was never ready.
    pub(super) fn never(&self) -> Option<String> {
        let what = match self {
            Self::Started => return None,
            Self::Port(port) => format!("nobody listened on port {port} of its host"),
            Self::Line(line) => format!("it did not print `{line}`"),
        };
        Some(format!("the command was never ready: {what}"))
    }
}

/// What a check is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The command and its arguments, with placeholders.
    pub command: Vec<OsString>,
    /// The faults, one trial for each; faults of one trial are combined.
    pub trials: Vec<Vec<FaultSpec>>,
    /// Hosts and ports that are the server; none is `sql.test:1433`.
    pub aliases: Vec<HostPort>,
    /// Where the command runs.
    pub place: Place,
    /// How long a connection may stay open when its login is over.
    pub grace: Duration,
    /// How long a login that is never over may be waited for.
    pub patience: Duration,
    /// How long the command may run.
    pub timeout: Duration,
    /// How long a service runs before it is asked to end.
    pub run_for: Option<Duration>,
    /// When the service's time begins.
    pub ready: Readiness,
    /// How long the service may take to be ready.
    pub ready_within: Duration,
    /// What drives the service, by the shell, from inside the sandbox.
    pub drive: Option<OsString>,
    /// How long the command may take to end when it is asked to.
    pub kill_after: Duration,
    /// Processes and threads that the command may have.
    pub max_processes: u32,
    /// The logins that the command is known to make.
    pub logins: Option<u64>,
    /// Whether an undecided verdict passes.
    pub allow_undecided: bool,
    /// What fails beside the verdicts that always do.
    pub fail_on: Vec<FailOn>,
    /// Trials at once; none takes what the machine has.
    pub jobs: Option<usize>,
    /// The seed of the faults' chance.
    pub seed: u64,
    /// What the server does about TLS.
    pub tls: TlsConfig,
    /// Where the certificate is written, for a client that checks it.
    pub certificate: Option<PathBuf>,
    /// Whether the command's output is passed on to stderr.
    pub show_output: bool,
    /// What the parts say on stderr.
    pub diagnostics: Diagnostics,
}

impl Options {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            grace: self.grace,
            patience: self.patience,
            logins: self.logins,
            allow_undecided: self.allow_undecided,
            fail_on: self.fail_on.clone(),
        }
    }
}
