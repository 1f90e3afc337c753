//! The parts of a trial, heard as one stream of words.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Error;
use super::role::{Order, PREFIX, Role, Script, Word};
use crate::host::{Part, Process, Sender};
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

/// What is heard of a part: a word, or its end.
type Heard = (Who, Result<Option<Word>, crate::host::Error>);

/// The parts that were started. Dropped, they are killed.
pub(super) struct Crew {
    diagnostics: Diagnostics,
    senders: BTreeMap<Who, Sender>,
    processes: BTreeMap<Who, Process>,
    listeners: Vec<JoinHandle<()>>,
    say: mpsc::UnboundedSender<Heard>,
    words: mpsc::UnboundedReceiver<Heard>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

impl Crew {
    pub(super) fn new(diagnostics: Diagnostics) -> Self {
        // A part says some twenty words a second and this process does nothing but listen: what waits is bounded by that.
        let (say, words) = mpsc::unbounded_channel();
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
                let last = matches!(heard, Err(_) | Ok(None | Some(Word::Done | Word::NotStarted { .. })));
                if say.send((who, heard)).is_err() || last {
                    return;
                }
            }
        }));
        Ok(())
    }

    pub(super) fn has(&self, who: Who) -> bool {
        self.senders.contains_key(&who)
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
            Some(Word::Failed(why)) => Err(Error::Failed { why, hint: None, usage: false }),
            Some(word) => Ok((who, word)),
            None => {
                let end = match self.processes.get_mut(&who) {
                    Some(process) => process.wait().await.map_or_else(|error| error.to_string(), |end| end.to_string()),
                    None => "was never started".to_owned(),
                };
                Err(Error::Died { name: who.name().to_owned(), end })
            }
        }
    }
}
