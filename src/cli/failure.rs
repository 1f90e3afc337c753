//! What went wrong, where, and something to type.

use std::fmt;

use super::Exit;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// The command line or a scenario is wrong.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into(), hint: None }
    }

    /// This machine cannot do it.
    pub(super) fn machine(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Machine, error: error.into(), hint: None }
    }

    /// Adds something to type.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds something to type, if there is.
    pub(super) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = self.hint.or(hint);
        self
    }

    /// Says what went wrong on stderr.
    pub(super) fn say(&self) {
        super::outputs::say(&self.to_string());
    }

    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }
}

/// A run's own error knows whether it is the command's fault or the machine's.
impl From<crate::run::Error> for Failure {
    fn from(error: crate::run::Error) -> Self {
        let hint = error.hint();
        let failure = if error.is_usage() { Self::usage(error) } else { Self::machine(error) };
        failure.maybe_hint(hint)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.error.to_string();
        if text.starts_with("error") {
            // A rendered list of errors with their places: it stands on its own.
            writeln!(f, "{}", text.trim_end())?;
        } else {
            write!(f, "closewait: failed to {text}")?;
            for cause in self.error.chain().skip(1) {
                write!(f, ": {cause}")?;
            }
            writeln!(f)?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {hint}"),
            None => Ok(()),
        }
    }
}
