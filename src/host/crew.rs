//! Several parts, heard as one stream of words.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Error, Part, Process, Sender};
use crate::units::Monotonic;

/// Words that wait to be heard; a part that says more waits.
const MOST_WAITING: usize = 64;

/// What is heard of a part.
#[derive(Debug)]
pub enum Heard<Word> {
    /// It spoke.
    Word(Word),
    /// It is gone: how it ended, or why it cannot be understood; completes "the part ...".
    Gone(String),
}

/// Parts, each by who it is, which all say `Word`s. Dropped, they are killed and reaped.
#[derive(Debug)]
pub struct Crew<Who, Word> {
    members: BTreeMap<Who, Member>,
    say: mpsc::Sender<Said<Who, Word>>,
    said: mpsc::Receiver<Said<Who, Word>>,
    /// Whose channel is closed and whose end is waited for.
    ending: Option<Who>,
}

/// What comes through a part's channel, as [`super::Receiver::recv`] gives it.
type Said<Who, Word> = (Who, Result<Option<Word>, Error>);

#[derive(Debug)]
struct Member {
    process: Process,
    sender: Sender,
    listener: JoinHandle<()>,
    heard: Monotonic,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl<Who: Copy + Ord + 'static, Word: DeserializeOwned + 'static> Crew<Who, Word> {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        let (say, said) = mpsc::channel(MOST_WAITING);
        Self { members: BTreeMap::new(), say, said, ending: None }
    }

    /// Adds a part that was started, and listens to it from now on; inside a `LocalSet`.
    pub fn add(&mut self, who: Who, part: Part) {
        let (sender, mut receiver, process) = part.split();
        let say = self.say.clone();
        let listener = tokio::task::spawn_local(async move {
            loop {
                let said = receiver.recv::<Word>().await;
                let last = matches!(said, Err(_) | Ok(None));
                if say.send((who, said)).await.is_err() || last {
                    return;
                }
            }
        });
        self.members.insert(who, Member { process, sender, listener, heard: Monotonic::now() });
    }

    /// Whether this part was added.
    #[must_use]
    pub fn has(&self, who: Who) -> bool {
        self.members.contains_key(&who)
    }

    /// A part's name, its process id, and when it last spoke or was added; none when it was not.
    #[must_use]
    pub fn about(&self, who: Who) -> Option<(&str, u32, Monotonic)> {
        self.members.get(&who).map(|it| (it.process.name(), it.process.pid(), it.heard))
    }

    /// Tells a part something; where there is none nobody hears it.
    ///
    /// # Errors
    /// As [`Sender::send`]; what became of a part that is gone is heard, too.
    pub async fn tell<Order: Serialize + ?Sized>(&mut self, who: Who, order: &Order) -> Result<(), Error> {
        match self.members.get_mut(&who) {
            Some(member) => member.sender.send(order).await,
            None => Ok(()),
        }
    }

    /// The next that is heard of any part; it waits for ever where there is none. Cancel-safe.
    pub async fn hear(&mut self) -> (Who, Heard<Word>) {
        if self.ending.is_none() {
            let (who, said) = self.said.recv().await.expect("a crew holds a sender itself");
            if let Some(member) = self.members.get_mut(&who) {
                member.heard = Monotonic::now();
            }
            match said {
                Ok(Some(word)) => return (who, Heard::Word(word)),
                Ok(None) => self.ending = Some(who),
                Err(error) => return (who, Heard::Gone(told(&error))),
            }
        }
        let who = self.ending.expect("it has just been set, or was before");
        let end = match self.members.get_mut(&who) {
            Some(member) => member.process.wait().await.map(|end| end.to_string()),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        self.ending = None;
        (who, Heard::Gone(end.unwrap_or_else(|error| error.to_string())))
    }
}

impl<Who: Copy + Ord + 'static, Word: DeserializeOwned + 'static> Default for Crew<Who, Word> {
    fn default() -> Self {
        Self::new()
    }
}

fn told(error: &Error) -> String {
    let source = std::error::Error::source(error).map_or(String::new(), |source| format!(": {source}"));
    format!("could not be understood (failed to {error}{source})")
}
