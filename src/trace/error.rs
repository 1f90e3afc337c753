//! Why a connection could not be traced.

use crate::{host, sandbox};

/// Why a connection could not be traced; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The hosts cannot be built.
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
    },
    /// A part ended before its time.
    #[error("hear from the part `{name}`: it {end}")]
    Died {
        /// Which.
        name: &'static str,
        /// How it ended.
        end: String,
    },
    /// A part is there and does not answer.
    #[error("hear from the part `{name}`: it has not answered for {seconds} s")]
    Silent {
        /// Which.
        name: &'static str,
        /// For how long.
        seconds: u64,
    },
}

impl Error {
    /// Something to type that may help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Sandbox(error) => error.hint(),
            Self::Failed { hint, .. } => hint.clone(),
            Self::Silent { .. } => {
                Some("is it stopped (kill -STOP), or this machine far overloaded? look at: top".to_owned())
            }
            Self::Part(_) | Self::Died { .. } => None,
        }
    }
}
