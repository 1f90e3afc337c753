//! Which connections their process closed, and which its end: told by what each process had open when it was about to exit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::Connection;
use super::track::Process;
use crate::units::Monotonic;

/// A process that was about to exit, and was held while its descriptors were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exit {
    pub(super) pid: u32,
    pub(super) started: u64,
    /// When it was held.
    pub(super) at: Monotonic,
    /// Every socket that it had open; none where that may not be looked at.
    pub(super) inodes: Option<Vec<u64>>,
    /// The client's and the server's end of those that lead to the server and are in the kernel's table.
    pub(super) open: Vec<(SocketAddr, SocketAddr)>,
}

/// Every exit that was looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Exits {
    /// By the process's number and when it was started.
    all: BTreeMap<(u32, u64), Exit>,
    /// Whether a process exited that may not be looked into.
    blind: bool,
}

/// Who let a connection go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// Nobody saw: the exit was not waited for, or a signal was the end.
    Unseen,
    /// Its process, by itself: it no longer had it when it was about to exit.
    ByItself,
    /// The exit.
    ByExit,
}

impl Exits {
    pub(super) fn add(&mut self, exit: Exit) {
        if exit.inodes.is_some() {
            self.all.insert((exit.pid, exit.started), exit);
        } else {
            self.blind = true;
        }
    }

    /// Tells of each connection who let it go; `command` is the command's own process.
    pub(super) fn tell_partings(&self, connections: &mut [Connection], processes: &[Process], command: u32) {
        for it in connections.iter_mut().filter(|it| it.closed.is_some()) {
            it.parting = match it.holder.and_then(|(place, _)| processes.get(place)) {
                Some(holder) => {
                    self.all.get(&(holder.pid, holder.started)).map_or(Parting::Unseen, |exit| parting(it, exit))
                }
                // No look saw it: whoever had it has exited since, or closed it.
                None => self.of_nobody(it, command),
            };
        }
    }

    fn of_nobody(&self, it: &Connection, command: u32) -> Parting {
        if self.all.values().any(|exit| exit.at >= it.opened && has(exit, it)) {
            return Parting::ByExit;
        }
        if self.blind {
            return Parting::Unseen;
        }
        // The command exits last of those that it waits for; whoever outlives it is seen.
        let own = self.all.range((command, 0)..=(command, u64::MAX)).next_back();
        own.map_or(Parting::Unseen, |(_, exit)| parting(it, exit))
    }
}

/// What the exit of its holder says of a connection. Another thread may open one behind the look.
fn parting(it: &Connection, exit: &Exit) -> Parting {
    if it.opened >= exit.at || has(exit, it) { Parting::ByExit } else { Parting::ByItself }
}

/// Whether a process had it open when it was about to exit. Its two ends may have become another connection's since.
fn has(exit: &Exit, it: &Connection) -> bool {
    match (it.inode, &exit.inodes) {
        (Some(inode), Some(inodes)) => inodes.contains(&inode),
        _ => {
            exit.open.contains(&(it.client, it.server)) && it.closed.is_none_or(|closed| closed.after(SEEN) >= exit.at)
        }
    }
}

/// A socket that is in the table at an exit is not known to be closed for longer than this.
const SEEN: Duration = Duration::from_millis(50);
