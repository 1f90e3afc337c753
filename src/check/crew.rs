//! The parts of a trial, heard as one stream of words.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;

use super::Error;
use super::role::{Order, PREFIX, Role, Script, Word};
use crate::host::{self, Heard, Part};
use crate::run::Diagnostics;
use crate::sandbox::Host;

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The SQL Server on a host of its own.
    Server,
    /// The SQL Server on the command's own host.
    LocalServer,
    Lookout,
    /// Who runs the command.
    Keeper,
    /// Who runs what drives the command.
    Driver,
}

impl Who {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::LocalServer => "local-server",
            Self::Lookout => "lookout",
            Self::Keeper => "keeper",
            Self::Driver => "driver",
        }
    }
}

/// The parts that were started. Dropped, they are killed.
pub(super) struct Crew {
    diagnostics: Diagnostics,
    parts: host::Crew<Who, Word>,
    /// Who has said its last word, and may end.
    done: BTreeSet<Who>,
}

impl Crew {
    pub(super) fn new(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, parts: host::Crew::new(), done: BTreeSet::new() }
    }

    /// Starts a part inside a host.
    pub(super) fn start(&mut self, who: Who, host: &Host, role: Role, extra: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let script = Script { role, diagnostics: self.diagnostics.clone() };
        self.parts.add(who, Part::start(host, &format!("{PREFIX}{}", who.name()), &script, extra)?);
        Ok(())
    }

    pub(super) fn has(&self, who: Who) -> bool {
        self.parts.has(who)
    }

    /// Tells a part something; one that is gone is noticed by its end.
    pub(super) async fn tell(&mut self, who: Who, order: Order) {
        // Its end is on the way, and tells more than this error.
        let _ = self.parts.tell(who, &order).await;
    }

    /// The next word of any part; cancel-safe.
    ///
    /// # Errors
    /// When a part has ended before its last word, or cannot go on.
    pub(super) async fn hear(&mut self) -> Result<(Who, Word), Error> {
        loop {
            match self.parts.hear().await {
                (_, Heard::Word(Word::Failed(why))) => return Err(Error::Failed { why, hint: None, usage: false }),
                (who, Heard::Word(word)) => {
                    if matches!(word, Word::Done | Word::NotStarted { .. }) {
                        self.done.insert(who);
                    }
                    return Ok((who, word));
                }
                (who, Heard::Gone(_)) if self.done.contains(&who) => {}
                (who, Heard::Gone(end)) => return Err(Error::Died { name: who.name().to_owned(), end }),
            }
        }
    }
}
