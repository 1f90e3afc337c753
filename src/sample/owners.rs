//! Whose each socket is: the descriptor tables of every process that may be looked into, walked seldom and by halves.
//!
//! A descriptor that led to a socket leads to it still while that socket is in the table: only the others are asked again.
//! Measured with 100,000 sockets in six processes: a table and a first walk take 490 ms of CPU, where `ss -tanp` takes 4.3 s.
//! The choice not taken: the netlink socket's own user and cgroup, which name no process.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsFd;

use rustix::fs::{CWD, readlinkat_raw};
use rustix::io::Errno;
use rustix::path::DecInt;

use super::proc_dir::{Stat, contents, hold, list, number, numbers};
use super::processes::command_line;

/// A process that holds sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// The name that the kernel has for its program, at most 15 bytes.
    pub name: String,
    /// The command line, words joined by spaces, at most 200 characters; the name in brackets where there is none.
    pub command: String,
}

/// Who holds which socket.
#[derive(Debug, Default)]
pub struct Owners {
    processes: BTreeMap<u32, Known>,
    by_inode: HashMap<u64, u32>,
    denied: usize,
}

#[derive(Debug)]
struct Known {
    started: u64,
    owner: Owner,
    /// Descriptors that lead to sockets, ascending, and the sockets' inodes.
    sockets: Vec<(u32, u64)>,
}

impl Owners {
    /// What a walk would have found, for tests of who reads it.
    #[cfg(test)]
    pub(crate) fn of_these(held: impl IntoIterator<Item = (Owner, Vec<u64>)>, denied: usize) -> Self {
        let mut owners = Self { denied, ..Self::default() };
        for (owner, inodes) in held {
            owners.by_inode.extend(inodes.iter().map(|inode| (*inode, owner.pid)));
            let sockets = (3u32..).zip(inodes).collect();
            owners.processes.insert(owner.pid, Known { started: 1, owner, sockets });
        }
        owners
    }

    /// Walks all processes, or those of `only`. `lives` tells whether an inode is in the socket table still.
    pub fn walk(&mut self, only: Option<u32>, lives: &dyn Fn(u64) -> bool) {
        let pids = match only {
            Some(pid) => vec![pid],
            None => list(CWD, "/proc").map(numbers).unwrap_or_default(),
        };
        let mut before = std::mem::take(&mut self.processes);
        self.denied = 0;
        for pid in pids {
            match Known::look(pid, before.remove(&pid), lives) {
                Ok(known) => drop(self.processes.insert(pid, known)),
                Err(Errno::ACCESS | Errno::PERM) => self.denied += 1,
                // It has gone.
                Err(_) => {}
            }
        }
        self.by_inode.clear();
        // Of several that share a socket the one with the lowest number, which is as a rule the one that opened it.
        for (pid, known) in self.processes.iter().rev() {
            self.by_inode.extend(known.sockets.iter().map(|&(_, inode)| (inode, *pid)));
        }
    }

    /// The process that holds the socket of this inode, as of the last walk.
    #[must_use]
    pub fn of(&self, inode: u64) -> Option<u32> {
        self.by_inode.get(&inode).copied()
    }

    /// Every process that holds a socket of any kind.
    pub fn processes(&self) -> impl Iterator<Item = &Owner> {
        self.processes.values().filter(|known| !known.sockets.is_empty()).map(|known| &known.owner)
    }

    /// How many processes could not be looked into: those of other users.
    #[must_use]
    pub const fn denied(&self) -> usize {
        self.denied
    }
}

impl Known {
    fn look(pid: u32, before: Option<Self>, lives: &dyn Fn(u64) -> bool) -> Result<Self, Errno> {
        let directory = hold(CWD, format!("/proc/{pid}"))?;
        let stat = Stat::read(&directory, "stat")?;
        let before = before.filter(|known| known.started == stat.started);
        let (name, known) = match before {
            Some(known) => (Some(known.owner), known.sockets),
            None => (None, Vec::new()),
        };
        let sockets = sockets(&directory, &known, lives)?;
        let comm = String::from_utf8_lossy(&stat.program.comm).into_owned();
        let owner = match name {
            // The same program: its words are not asked for again.
            Some(owner) if owner.name == comm => owner,
            // Nor are those of a process without sockets, which nobody will see.
            _ if sockets.is_empty() => Owner { pid, name: String::new(), command: String::new() },
            _ => {
                let mut buffer = [0; 800];
                let words = contents(&directory, "cmdline", &mut buffer).unwrap_or_default();
                let command = command_line(words).unwrap_or_else(|| format!("[{comm}]"));
                Owner { pid, name: comm, command }
            }
        };
        Ok(Self { started: stat.started, owner, sockets })
    }
}

/// The descriptors of the process that are sockets, ascending, with their inodes; `known` is what was found before.
fn sockets(process: impl AsFd, known: &[(u32, u64)], lives: &dyn Fn(u64) -> bool) -> Result<Vec<(u32, u64)>, Errno> {
    let directory = list(process, "fd")?;
    let mut found = Vec::with_capacity(known.len());
    let mut known = known.iter().copied().peekable();
    let mut link = [0; 40];
    for descriptor in numbers(&directory) {
        while known.next_if(|&(earlier, _)| earlier < descriptor).is_some() {}
        if let Some(same) = known.next_if(|&(number, inode)| number == descriptor && lives(inode)) {
            found.push(same);
        } else if let Ok(length) = readlinkat_raw(&directory, DecInt::new(descriptor), &mut link[..]) {
            let inode = link[..length].strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]"));
            found.extend(inode.and_then(number).map(|inode| (descriptor, inode)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rustix::fs::fstat;

    use super::*;

    #[test]
    fn its_own_sockets_are_its_own() {
        let inode = |socket: &TcpListener| fstat(socket).unwrap().st_ino;
        let (first, pid) = (TcpListener::bind("127.0.0.1:0").unwrap(), std::process::id());
        for only in [Some(pid), None] {
            let mut owners = Owners::default();
            owners.walk(only, &|_| false);
            assert_eq!(owners.of(inode(&first)), Some(pid));
            let owner = owners.processes().find(|owner| owner.pid == pid).unwrap();
            assert!(!owner.name.is_empty() && owner.command.contains("closewait"), "{owner:?}");
            // A new one is found although the old ones are not asked again, and one that has gone is not.
            let second = TcpListener::bind("127.0.0.1:0").unwrap();
            let gone = inode(&second);
            owners.walk(only, &|_| true);
            assert_eq!((owners.of(inode(&first)), owners.of(gone)), (Some(pid), Some(pid)));
            drop(second);
            owners.walk(only, &|inode| inode != gone);
            assert_eq!((owners.of(inode(&first)), owners.of(gone)), (Some(pid), None));
        }
    }

    #[test]
    fn nobody_owns_nothing() {
        let mut owners = Owners::default();
        owners.walk(Some(u32::MAX), &|_| true);
        assert_eq!((owners.processes().count(), owners.denied(), owners.of(1)), (0, 0, None));
    }
}
