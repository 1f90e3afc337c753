//! The parts of one arm: started, listened to all at once, and gone when this is dropped.

use tokio::sync::mpsc;

use super::role::{Diagnostics, Order, Role, Script, Word};
use crate::host::{self, Part};
use crate::sandbox::Host;
use crate::units::Monotonic;

/// Which part, in the order in which they were started.
pub(super) type Who = usize;

/// What came from a part.
#[derive(Debug)]
pub(super) enum Heard {
    /// It spoke.
    Word(Word),
    /// It is gone, and this is how it ended.
    Gone(String),
}

/// The parts of one arm.
#[derive(Debug)]
pub(super) struct Cast {
    diagnostics: Diagnostics,
    members: Vec<Member>,
    heard: mpsc::Receiver<(Who, Heard)>,
    say: mpsc::Sender<(Who, Heard)>,
}

#[derive(Debug)]
struct Member {
    name: String,
    pid: u32,
    heard: Monotonic,
    sender: host::Sender,
    listener: tokio::task::JoinHandle<()>,
}

impl Drop for Member {
    fn drop(&mut self) {
        // The task owns the process and kills it when it goes.
        self.listener.abort();
    }
}

impl Cast {
    pub(super) fn new(diagnostics: Diagnostics) -> Self {
        let (say, heard) = mpsc::channel(64);
        Self { diagnostics, members: Vec::new(), heard, say }
    }

    /// Starts a part inside a host.
    pub(super) fn start(
        &mut self,
        host: &Host,
        name: &str,
        role: Role,
        extra: &[std::os::fd::BorrowedFd<'_>],
    ) -> Result<Who, host::Error> {
        let script = Script { role, diagnostics: self.diagnostics.clone() };
        let part = Part::start(host, name, &script, extra)?;
        let who = self.members.len();
        let pid = part.pid();
        let (sender, mut receiver, mut process) = part.split();
        let say = self.say.clone();
        let listener = tokio::task::spawn_local(async move {
            loop {
                let heard = match receiver.recv::<Word>().await {
                    Ok(Some(word)) => Heard::Word(word),
                    Ok(None) => {
                        Heard::Gone(process.wait().await.map_or_else(|error| error.to_string(), |end| end.to_string()))
                    }
                    Err(error) => Heard::Gone(error.to_string()),
                };
                let gone = matches!(heard, Heard::Gone(_));
                if say.send((who, heard)).await.is_err() || gone {
                    return;
                }
            }
        });
        self.members.push(Member { name: name.to_owned(), pid, heard: Monotonic::now(), sender, listener });
        Ok(who)
    }

    pub(super) fn name(&self, who: Who) -> &str {
        &self.members[who].name
    }

    pub(super) fn pid(&self, who: Who) -> u32 {
        self.members[who].pid
    }

    /// When a part last spoke, or was started.
    pub(super) fn last_heard(&self, who: Who) -> Monotonic {
        self.members[who].heard
    }

    /// Gives a part an order.
    pub(super) async fn order(&mut self, who: Who, order: Order) -> Result<(), host::Error> {
        self.members[who].sender.send(&order).await
    }

    /// The next thing that any part says. Cancel-safe.
    pub(super) async fn next(&mut self) -> (Who, Heard) {
        let (who, heard) = self.heard.recv().await.expect("the cast itself holds a sender");
        self.members[who].heard = Monotonic::now();
        (who, heard)
    }
}
