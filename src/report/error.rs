//! Why a report cannot be written or a kept result cannot be read.

use std::io;
use std::path::{Path, PathBuf};

/// Why a report cannot be written or read; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The result directory cannot be made or looked into.
    #[error("make the result directory {}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The result directory holds something already.
    #[error("use {} for results: it is not empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A result file cannot be written.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A result file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the events is not an event.
    #[error("read {}: line {line} is not an event", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The events do not begin with what a run begins with.
    #[error("read {}: it does not begin with a run's header", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// The events are of another version.
    #[error("read {}: it is `{found}`, and this program reads `{known}`", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The schema that it names.
        found: String,
        /// The schema that this program reads.
        known: &'static str,
    },
    /// A value cannot be written as JSON.
    #[error("write JSON")]
    Json(#[from] serde_json::Error),
    /// The JUnit document cannot be written.
    #[error("write JUnit XML")]
    Junit(#[from] quick_junit::SerializeError),
}

impl ReportError {
    pub(super) fn create(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Create { path: path.to_owned(), source }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// What a person can do about it, as something to type.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Create { source, .. } | Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("the disk is full: free some room, or keep the results elsewhere with `--out DIR`")
                }
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    Some("the place cannot be written to: keep the results elsewhere with `--out DIR`")
                }
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                    Some("a file is in the way: keep the results elsewhere with `--out DIR`")
                }
                _ => None,
            },
            Self::NotEmpty { .. } => Some("name a new or an empty directory with `--out DIR`"),
            Self::NoHeader { .. } | Self::Read { .. } => {
                Some("name a directory that `closewait run` wrote, such as one under `closewait-results/`")
            }
            Self::Version { .. } => Some("render it with the version of closewait that wrote it"),
            Self::Line { .. } | Self::Json(_) | Self::Junit(_) => None,
        }
    }
}
