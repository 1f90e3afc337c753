//! The three parts of a trace, heard as one stream of words.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::Error;
use super::role::{Order, PREFIX, Role, Script, Word};
use crate::host::{self, Heard, Part};
use crate::run::Diagnostics;
use crate::sandbox::Host;

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Server,
    Lookout,
    Client,
}

impl Who {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Lookout => "lookout",
            Self::Client => "client",
        }
    }
}

/// How long a part may take to answer: far longer than any takes, also on a machine that is overloaded.
const PATIENCE: Duration = Duration::from_secs(10);

/// The parts that were started. Dropped, they are killed.
pub(super) struct Crew {
    diagnostics: Diagnostics,
    parts: host::Crew<Who, Word>,
}

impl Crew {
    pub(super) fn new(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, parts: host::Crew::new() }
    }

    /// Starts a part inside a host.
    pub(super) fn start(&mut self, who: Who, host: &Host, role: Role, extra: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let script = Script { role, diagnostics: self.diagnostics.clone() };
        self.parts.add(who, Part::start(host, &format!("{PREFIX}{}", who.name()), &script, extra)?);
        Ok(())
    }

    /// Tells a part something; one that is gone is noticed by its end.
    pub(super) async fn tell(&mut self, who: Who, order: Order) {
        // Its end is on the way, and tells more than this error.
        let _ = self.parts.tell(who, &order).await;
    }

    /// The next word of any part; cancel-safe.
    ///
    /// # Errors
    /// When a part has ended or cannot go on.
    pub(super) async fn hear(&mut self) -> Result<(Who, Word), Error> {
        match self.parts.hear().await {
            (_, Heard::Word(Word::Failed(why))) => Err(Error::Failed { why, hint: None }),
            (who, Heard::Word(word)) => Ok((who, word)),
            (who, Heard::Gone(end)) => Err(Error::Died { name: who.name(), end }),
        }
    }

    /// The next word that `wanted` takes, which is up to `who`; every other goes to `else_`.
    ///
    /// # Errors
    /// As [`Crew::hear`], and when it does not come in time.
    pub(super) async fn await_word<T>(
        &mut self,
        who: Who,
        mut wanted: impl FnMut(Word) -> Result<T, Word>,
        mut else_: impl FnMut(Word),
    ) -> Result<T, Error> {
        let heard = async {
            loop {
                match wanted(self.hear().await?.1) {
                    Ok(found) => return Ok(found),
                    Err(other) => else_(other),
                }
            }
        };
        let silent = Error::Silent { name: who.name(), seconds: PATIENCE.as_secs() };
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or(Err(silent))
    }
}
