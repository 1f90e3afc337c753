//! Looks at descriptor tables and at the socket table, folded into one track a socket and one a process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::evidence::canonical;
use super::threads::{Busy, Threads, Wait};
use crate::record::TcpState;
use crate::sample::{DescriptorKind, ProcessLook, Socket};
use crate::units::Monotonic;

/// One socket of the command that has, or had, a place in the kernel's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Track {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// When a look first showed it.
    pub(super) seen: Monotonic,
    /// Its state; `CLOSE` for a descriptor whose socket is in none.
    pub(super) state: TcpState,
    /// A process that held it, by its place among the processes, and by which descriptor; none while nobody was seen to.
    pub(super) holder: Option<(usize, u32)>,
    /// The beginning of the last look that showed it held; kept while it is held.
    pub(super) last_held: Monotonic,
    /// The end of the first look that no longer did.
    pub(super) gone: Option<Monotonic>,
}

/// A TCP socket in a descriptor table that was in no state whenever it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stray {
    pub(super) holder: (usize, u32),
    pub(super) seen: Monotonic,
    /// The beginning of the last look that showed it held; kept while it is held.
    pub(super) last_held: Monotonic,
    pub(super) gone: Option<Monotonic>,
}

/// A process of the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) started: u64,
    pub(super) command: String,
    /// The beginning of the last look that showed it alive; kept while it is.
    pub(super) last_alive: Monotonic,
    /// When it was last seen that it was not on its way out; told when it is gone.
    pub(super) last_running: Monotonic,
    /// The end of the first look that no longer did.
    pub(super) gone: Option<Monotonic>,
    /// How many descriptors of each kind it had, sockets to the server aside, from when on; the newest last.
    pub(super) descriptors: Vec<(Monotonic, BTreeMap<String, u32>)>,
    /// When one of its threads wanted a processor all the time.
    pub(super) busy: Vec<Busy>,
    /// How long its threads waited for a processor; told one by one, and kept by whoever judges.
    #[serde(skip)]
    pub(super) waits: Vec<Wait>,
}

/// One look: the table first, then the processes.
pub(super) struct Look<'a> {
    pub(super) begun: Monotonic,
    pub(super) ended: Monotonic,
    pub(super) sockets: &'a [Socket],
    pub(super) processes: &'a [ProcessLook],
    /// Whether a descriptor of a socket that is in no table is TCP.
    pub(super) is_tcp: &'a dyn Fn(u32, u32) -> Option<bool>,
}

/// Changes of the numbers of descriptors that are kept of a process.
const MOST_CHANGES: usize = 2_000;

/// All tracks, look by look.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    sockets: Vec<Track>,
    strays: Vec<Stray>,
    processes: Vec<Process>,
    by_inode: BTreeMap<u64, usize>,
    stray_inodes: BTreeMap<u64, usize>,
    not_tcp: BTreeSet<u64>,
    threads: Threads,
    /// Every number of a process or thread that a look showed, and the end of the look that showed the newest.
    tasks: BTreeSet<u32>,
    newest_task: Option<Monotonic>,
    changed: Changed,
}

/// What has changed since it was last told.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) sockets: BTreeSet<usize>,
    pub(super) strays: BTreeSet<usize>,
    pub(super) processes: BTreeSet<usize>,
    /// Waits for a processor, by the places of the processes that waited.
    pub(super) waits: Vec<(usize, Wait)>,
}

impl Tracks {
    pub(super) fn sockets(&self) -> &[Track] {
        &self.sockets
    }

    pub(super) fn strays(&self) -> &[Stray] {
        &self.strays
    }

    pub(super) fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// How many processes and threads were ever seen, and the end of the look that showed the newest. One that got the
    /// number of another that is gone does not count: it may be missing, and is never one too many.
    pub(super) fn tasks(&self) -> Option<(Monotonic, u32)> {
        self.newest_task.zip(u32::try_from(self.tasks.len()).ok())
    }

    pub(super) fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// Takes a look in.
    pub(super) fn look(&mut self, look: &Look<'_>) {
        let states = self.table(look);
        let mut held = BTreeSet::new();
        let mut alive = BTreeSet::new();
        for process in look.processes {
            let place = self.process(process, look);
            alive.insert(place);
            if self.threads.look(place, process, look, &mut self.processes[place].busy) {
                self.changed.processes.insert(place);
            }
            self.threads.waits(place, process, look, &mut self.changed.waits);
            let known = self.tasks.len();
            self.tasks.insert(process.pid);
            self.tasks.extend(process.threads.iter().map(|thread| thread.thread));
            if self.tasks.len() > known {
                self.newest_task = Some(look.ended);
            }
            self.descriptors(place, process, look, &mut held);
        }
        self.let_go(look, &states, &held);
        for (place, process) in self.processes.iter_mut().enumerate() {
            if process.gone.is_none() && !alive.contains(&place) {
                process.gone = Some(look.ended);
                self.changed.processes.insert(place);
            }
        }
    }

    /// The table: new sockets, and the states of all.
    fn table(&mut self, look: &Look<'_>) -> BTreeMap<u64, TcpState> {
        let mut states = BTreeMap::new();
        for socket in look.sockets.iter().filter(|socket| socket.inode != 0) {
            states.insert(socket.inode, socket.state);
            let (client, server) = (canonical(socket.local), canonical(socket.remote));
            let known = self.by_inode.get(&socket.inode).copied();
            let known = known.filter(|at| self.sockets[*at].client == client && self.sockets[*at].server == server);
            if known.is_none() {
                if let Some(&before) = self.by_inode.get(&socket.inode) {
                    self.connected_anew(before, look);
                }
                if let Some(stray) = self.stray_inodes.remove(&socket.inode) {
                    // It had not been connected yet: no stray at all.
                    self.strays[stray].gone = Some(self.strays[stray].seen);
                    self.changed.strays.insert(stray);
                }
                let track = Track {
                    client,
                    server,
                    seen: look.begun,
                    state: socket.state,
                    holder: None,
                    last_held: look.begun,
                    gone: None,
                };
                self.sockets.push(track);
                self.by_inode.insert(socket.inode, self.sockets.len() - 1);
                self.changed.sockets.insert(self.sockets.len() - 1);
            }
        }
        states
    }

    /// The descriptor of this socket has another connection now: its holder ended the one before, as by a close.
    fn connected_anew(&mut self, before: usize, look: &Look<'_>) {
        let track = &mut self.sockets[before];
        track.gone = Some(look.ended);
        self.changed.sockets.insert(before);
    }

    fn process(&mut self, process: &ProcessLook, look: &Look<'_>) -> usize {
        let known = self.processes.iter().rposition(|it| it.pid == process.pid && it.started == process.started);
        let place = known.unwrap_or_else(|| {
            self.processes.push(Process {
                pid: process.pid,
                started: process.started,
                command: String::new(),
                last_alive: look.begun,
                // One that is on its way out when it is first seen was never seen to run.
                last_running: Monotonic::from_nanos(0),
                gone: None,
                descriptors: Vec::new(),
                busy: Vec::new(),
                waits: Vec::new(),
            });
            self.processes.len() - 1
        });
        let own = &mut self.processes[place];
        own.last_alive = look.begun;
        if !process.exiting {
            own.last_running = look.begun;
        }
        if own.gone.take().is_some() || own.command != process.command {
            own.command.clone_from(&process.command);
            self.changed.processes.insert(place);
        }
        place
    }

    /// A process's descriptors: sockets that it holds, and how many there are of every other kind.
    fn descriptors(&mut self, place: usize, process: &ProcessLook, look: &Look<'_>, held: &mut BTreeSet<u64>) {
        let mut counts = BTreeMap::new();
        for descriptor in &process.descriptors {
            let DescriptorKind::Socket { inode } = descriptor.kind else {
                let DescriptorKind::Other(kind) = &descriptor.kind else { continue };
                *counts.entry(kind.clone()).or_insert(0) += 1;
                continue;
            };
            let holder = (place, descriptor.number);
            if let Some(&at) = self.by_inode.get(&inode) {
                held.insert(inode);
                if self.sockets[at].holder != Some(holder) && !self.holds(at, look) {
                    self.sockets[at].holder = Some(holder);
                    self.changed.sockets.insert(at);
                }
                self.sockets[at].last_held = look.begun;
            } else if self.stray(inode, process.pid, holder, look) {
                held.insert(inode);
            } else {
                *counts.entry("socket".to_owned()).or_insert(0) += 1;
            }
        }
        let changes = &mut self.processes[place].descriptors;
        if changes.last().is_none_or(|(_, last)| *last != counts) && changes.len() < MOST_CHANGES {
            changes.push((look.begun, counts));
            self.changed.processes.insert(place);
        }
    }

    /// Whether the process that is known to hold a socket still lives: a child that shares it does not become its holder.
    fn holds(&self, at: usize, look: &Look<'_>) -> bool {
        let Some((place, number)) = self.sockets[at].holder else { return false };
        let Some(process) = self.processes.get(place) else { return false };
        look.processes.iter().any(|it| {
            it.pid == process.pid
                && it.started == process.started
                && it.descriptors.iter().any(|it| it.number == number)
        })
    }

    /// Whether a socket that is in no table is a TCP socket in no state.
    fn stray(&mut self, inode: u64, pid: u32, holder: (usize, u32), look: &Look<'_>) -> bool {
        if let Some(&at) = self.stray_inodes.get(&inode) {
            self.strays[at].last_held = look.begun;
            return true;
        }
        if self.not_tcp.contains(&inode) || (look.is_tcp)(pid, holder.1) != Some(true) {
            self.not_tcp.insert(inode);
            return false;
        }
        self.strays.push(Stray { holder, seen: look.ended, last_held: look.begun, gone: None });
        self.stray_inodes.insert(inode, self.strays.len() - 1);
        self.changed.strays.insert(self.strays.len() - 1);
        true
    }

    /// The states of sockets that are held, and sockets that nobody holds any more: these keep the state in which they
    /// were held, and not the one of the close that ends them.
    fn let_go(&mut self, look: &Look<'_>, states: &BTreeMap<u64, TcpState>, held: &BTreeSet<u64>) {
        let mut forgotten = Vec::new();
        for (&inode, &at) in &self.by_inode {
            let track = &mut self.sockets[at];
            let (is_held, state) = (held.contains(&inode), states.get(&inode).copied());
            // Without a descriptor and still in the table it is on its way from one process to another, or held where no
            // table tells: nobody has closed it.
            let lingers = !is_held && track.gone.is_some() && state.is_some();
            // One that is held and in no table is in no state, unless it came into this very look's table.
            let state_now = state.or((is_held && track.seen < look.begun).then_some(TcpState::Close));
            if let Some(now) = state_now
                && now != track.state
                && (is_held || lingers || track.holder.is_none())
            {
                track.state = now;
                self.changed.sockets.insert(at);
            }
            if is_held && track.gone.take().is_some() {
                self.changed.sockets.insert(at);
            }
            if !is_held && !lingers && track.holder.is_some() {
                track.gone = Some(look.ended);
                self.changed.sockets.insert(at);
            }
            if !is_held && state.is_none() {
                forgotten.push(inode);
            }
        }
        for inode in forgotten {
            self.by_inode.remove(&inode);
        }
        let strays = &mut self.strays;
        let changed = &mut self.changed.strays;
        self.stray_inodes.retain(|inode, at| {
            let stays = held.contains(inode);
            if !stays {
                strays[*at].gone = Some(look.ended);
                changed.insert(*at);
            }
            stays
        });
    }
}
