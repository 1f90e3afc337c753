//! Why a check could not be made.

use std::path::PathBuf;

use crate::{host, sandbox};

/// Why a command cannot be checked; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for with `--as` is no host.
    #[error("take `{0}` for a host: it is neither a name nor an address that a program could connect to")]
    Alias(String),
    /// A service is waited for where this check itself listens.
    #[error("wait for a service on port {0} of its localhost: this check's own server listens there")]
    OwnPort(u16),
    /// The command is not there.
    #[error("find the command `{0}`")]
    NotFound(String),
    /// The command is there and cannot be executed.
    #[error("execute {}: {why}", path.display())]
    NotExecutable {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The directory in which the command would start cannot be had.
    #[error("find the working directory")]
    Directory(#[source] std::io::Error),
    /// What was asked for needs a sandbox, and there is none.
    #[error("{what} without a sandbox{}", why.as_ref().map_or(String::new(), |why| format!(": {why}")))]
    NoSandbox {
        /// What was asked for.
        what: &'static str,
        /// Why this machine has no sandbox; none where none was wanted.
        why: Option<String>,
        /// What could be typed.
        hint: Option<String>,
    },
    /// The sandbox cannot be built.
    #[error("build the sandbox")]
    Sandbox(#[from] sandbox::Error),
    /// A part of this program cannot be started or heard.
    #[error(transparent)]
    Part(#[from] host::Error),
    /// A part said that it cannot go on.
    #[error("{why}")]
    Failed {
        /// What it failed to do.
        why: String,
        /// What could be typed.
        hint: Option<String>,
        /// Whether the command line is at fault, and not this machine.
        usage: bool,
    },
    /// A part ended before its time.
    #[error("hear from the part `{name}`: it {end}")]
    Died {
        /// Which.
        name: String,
        /// How it ended.
        end: String,
    },
    /// A system call of this process.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the command line is at fault, and not this machine.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Alias(_) | Self::OwnPort(_) | Self::NotFound(_) | Self::NotExecutable { .. } | Self::Directory(_) => {
                true
            }
            Self::NoSandbox { why, .. } => why.is_none(),
            Self::Failed { usage, .. } => *usage,
            _ => false,
        }
    }

    /// What a person could type.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Alias(_) => Some("--as db.example:1433, --as 10.1.2.3:1433, or --as localhost:1433".to_owned()),
            Self::OwnPort(_) => {
                Some("--ready-port is a port of the command's own, --ready-line something that it prints".to_owned())
            }
            Self::NotFound(_) => Some("the command stands behind `--`: closewait check -- python3 app.py".to_owned()),
            Self::NotExecutable { .. } => Some("make it executable (chmod +x), or name its interpreter".to_owned()),
            Self::Directory(_) => Some("the directory was deleted or moved away: cd to one that exists".to_owned()),
            Self::Sandbox(error) => error.hint(),
            Self::NoSandbox { hint, .. } | Self::Failed { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}
