//! The three parts of a trace, heard as one stream of words.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Error;
use super::role::{Order, PREFIX, Role, Script, Word};
use crate::host::{self, Part, Process, Sender};
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

/// What is heard of a part: a word, or its end.
type Heard = (Who, Result<Option<Word>, host::Error>);

/// The parts that were started. Dropped, they are killed.
pub(super) struct Crew {
    diagnostics: Diagnostics,
    senders: BTreeMap<Who, Sender>,
    processes: BTreeMap<Who, Process>,
    listeners: Vec<JoinHandle<()>>,
    say: mpsc::Sender<Heard>,
    words: mpsc::Receiver<Heard>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

impl Crew {
    pub(super) fn new(diagnostics: Diagnostics) -> Self {
        let (say, words) = mpsc::channel(64);
        Self { diagnostics, senders: BTreeMap::new(), processes: BTreeMap::new(), listeners: Vec::new(), say, words }
    }

    /// Starts a part inside a host.
    pub(super) fn start(&mut self, who: Who, host: &Host, role: Role, extra: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let script = Script { role, diagnostics: self.diagnostics.clone() };
        let part = Part::start(host, &format!("{PREFIX}{}", who.name()), &script, extra)?;
        let (sender, mut receiver, process) = part.split();
        self.senders.insert(who, sender);
        self.processes.insert(who, process);
        let say = self.say.clone();
        self.listeners.push(tokio::task::spawn_local(async move {
            loop {
                let heard = receiver.recv::<Word>().await;
                let last = matches!(heard, Err(_) | Ok(None));
                if say.send((who, heard)).await.is_err() || last {
                    return;
                }
            }
        }));
        Ok(())
    }

    /// Tells a part something; one that is gone is noticed by its end.
    pub(super) async fn tell(&mut self, who: Who, order: Order) {
        if let Some(sender) = self.senders.get_mut(&who) {
            // Its end is on the way, and tells more than this error.
            let _ = sender.send(&order).await;
        }
    }

    /// The next word of any part; cancel-safe.
    ///
    /// # Errors
    /// When a part has ended or cannot go on.
    pub(super) async fn hear(&mut self) -> Result<(Who, Word), Error> {
        let (who, heard) = self.words.recv().await.expect("this crew holds a sender itself");
        match heard? {
            Some(Word::Failed(why)) => Err(Error::Failed { why, hint: None }),
            Some(word) => Ok((who, word)),
            None => {
                let end = match self.processes.get_mut(&who) {
                    Some(process) => process.wait().await.map_or_else(|error| error.to_string(), |end| end.to_string()),
                    None => "was never started".to_owned(),
                };
                Err(Error::Died { name: who.name(), end })
            }
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
