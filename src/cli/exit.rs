//! Exit codes: a promise to scripts.

use std::process::ExitCode;

/// How the program ends. Two ends are none of these: a panic exits with Rust's own 101, which is a bug in this program;
/// and after a signal what was measured is written, then the signal is raised again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Exit {
    /// Everything passed.
    Passed = 0,
    /// An expectation failed, or a leak or a hang was found.
    Failed = 1,
    /// The command line or a scenario is wrong.
    Usage = 2,
    /// This machine cannot run it; the message says what is missing.
    Machine = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
