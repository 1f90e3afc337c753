//! What is known after a look: every socket, the groups that they form, and how it came to this.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::command::{short, within};
use super::group::{HolderGroup, PeerGroup};
use super::history::{History, States};
use super::peer::Peer;
use crate::sample::{Entry, Owner};
use crate::units::{Monotonic, PortRange};

/// One socket, and what looks have learnt of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// As the kernel has it.
    pub entry: Entry,
    /// Since when it is in its state.
    pub since: Monotonic,
    /// It has been for longer: it was there before the first look, and the kernel does not tell.
    pub at_least: bool,
    /// Whose it is.
    pub holder: Holder,
    /// Its other end; none of a listener.
    pub peer: Option<Peer>,
}

/// Who holds a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// The process of this number.
    Process(u32),
    /// A process that may not be looked into, or was not yet; of this user.
    Unknown(u32),
    /// The kernel alone: no descriptor leads to it.
    Kernel,
}

/// What is known after a look.
#[derive(Debug, Clone)]
pub struct Model {
    /// When the first look was.
    pub begun: Monotonic,
    /// When the last look was.
    pub at: Monotonic,
    /// Looks so far.
    pub looks: u64,
    /// Every socket, by its cookie.
    pub rows: Vec<Row>,
    /// Sockets by state.
    pub states: States,
    /// By where they lead to.
    pub peers: Vec<PeerGroup>,
    /// By who holds them.
    pub holders: Vec<HolderGroup>,
    /// The processes that hold any, by number.
    pub processes: Arc<BTreeMap<u32, Owner>>,
    /// Processes that could not be looked into.
    pub denied: usize,
    /// The process that is watched has ended.
    pub ended: bool,
    /// The local ports that connections are given.
    pub ports: PortRange,
    /// How many of them there are towards each destination: without those that are reserved or listened on.
    pub usable: u32,
    /// CPU time of the last look.
    pub cost: Duration,
    pub(super) history: History,
}

impl Model {
    /// Before the first look.
    #[must_use]
    pub fn empty(ports: PortRange) -> Self {
        Self {
            begun: Monotonic::from_nanos(0),
            at: Monotonic::from_nanos(0),
            looks: 0,
            rows: Vec::new(),
            states: States::default(),
            peers: Vec::new(),
            holders: Vec::new(),
            processes: Arc::default(),
            denied: 0,
            ended: false,
            ports,
            usable: ports.count(),
            cost: Duration::ZERO,
            history: History::default(),
        }
    }

    /// How long a socket has been in its state, at the least where [`Row::at_least`].
    #[must_use]
    pub fn held(&self, row: &Row) -> Duration {
        self.at.since(row.since)
    }

    /// A holder in a few words: its number, its program, and what the program was given.
    #[must_use]
    pub fn name(&self, holder: Holder) -> String {
        match holder {
            Holder::Process(pid) => {
                let command = self.processes.get(&pid).map_or(String::new(), |owner| short(&owner.command));
                format!("{pid} {command}")
            }
            Holder::Unknown(uid) => format!("? (user {uid})"),
            Holder::Kernel => "-".to_owned(),
        }
    }

    /// The same in a column of `width`, which shows at least the beginning of what identifies it.
    pub(super) fn name_within(&self, holder: Holder, width: usize) -> String {
        let name = self.name(holder);
        match (holder, name.split_once(' ')) {
            (Holder::Process(_), Some((pid, command))) => {
                format!("{pid} {}", within(command, width.saturating_sub(pid.len() + 1)))
            }
            _ => name,
        }
    }

    /// The ports that are used up towards each destination, the fullest first.
    pub(super) fn destinations(&self) -> Vec<Destination<'_>> {
        let mut found: Vec<Destination<'_>> = self.peers.iter().filter_map(|group| self.destination(group)).collect();
        found.sort_by_key(|it| (std::cmp::Reverse(it.used), it.group.peer));
        found
    }

    fn destination<'a>(&self, group: &'a PeerGroup) -> Option<Destination<'a>> {
        let (&source, &used) = group.sources.iter().max_by_key(|&(ip, used)| (*used, std::cmp::Reverse(*ip)))?;
        let available = self.usable;
        let per_s = group.trend.as_ref().and_then(|trend| trend.ports_per_s());
        let left = f64::from(available.saturating_sub(used));
        let full_in = per_s.and_then(|per_s| Duration::try_from_secs_f64(left / per_s).ok());
        Some(Destination { group, source, used, available, per_s, full_in })
    }
}

/// Local ports used up towards one destination, from the source address that uses the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) group: &'a PeerGroup,
    pub(super) source: IpAddr,
    pub(super) used: u32,
    pub(super) available: u32,
    /// Ports a second at present; none when they do not get more.
    pub(super) per_s: Option<f64>,
    /// When the last one is used up at that rate.
    pub(super) full_in: Option<Duration>,
}
