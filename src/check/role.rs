//! What the conductor of a check and its parts say to each other.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::evidence::Told;
use super::threads::Wait;
use super::track::{Process, Stray, Track};
use crate::capture::Entry;
use crate::run::Diagnostics;
use crate::sandbox::{Births, CommandEnd, Enclosure, Errand};
use crate::server;
use crate::units::Monotonic;

/// What the names of this room's parts begin with, by which they are told from those of a run.
pub(super) const PREFIX: &str = "check-";

/// What a part is given at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Script {
    pub(super) role: Role,
    pub(super) diagnostics: Diagnostics,
}

/// What a part is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Role {
    /// The SQL Server, which listens in each of these places; its host is given these addresses first.
    Server { addresses: Vec<IpAddr>, listen: Vec<SocketAddr>, config: Box<server::Config> },
    /// Who watches packets, sockets and processes; `alone` where nobody but the command uses the network.
    Lookout { servers: Vec<SocketAddr>, alone: bool },
    /// Who runs the command; it is handed the command's standard input, output and error.
    Keeper { enclosure: Box<Enclosure>, errand: Box<Errand>, addresses: Vec<IpAddr> },
}

/// What the conductor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Watch the processes below this one, itself or not; again, have a look now (the lookout).
    Watch { root: u32, with_root: bool },
    /// Send the command a signal, or every process of its tree (the keeper).
    Signal { signal: i32, whole: bool },
    /// Kill what is left of the command (the keeper).
    Kill,
    /// Say when somebody listens on this port of the command's host (the keeper).
    AwaitPort(u16),
    /// Say once more what is known, and end.
    End,
}

/// What a part says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Word {
    /// It is ready; the server says where it listens, and its certificate.
    Ready { listening: Vec<SocketAddr>, certificate: String, notices: Vec<String> },
    /// Journals that have changed, by their place in the order of all.
    Told(Vec<(usize, Told)>),
    /// What has changed on the wire and in the tables.
    Saw(Box<Sight>),
    /// The command runs.
    Started { root: u32, with_root: bool, command: u32, bounded: bool, notices: Vec<String> },
    /// How many processes it has, where they may be too many; 0 where they cannot.
    Counted { crowd: u32, at: Monotonic },
    /// How many processes and threads it has had.
    Born(Births),
    /// The command cannot be run: why, what could be typed, and whether this machine is at fault.
    NotStarted { why: String, hint: Option<String>, of_this_machine: bool },
    /// The command has ended.
    Ended(CommandEnd),
    /// Nothing is left of the command.
    Gone,
    /// Somebody listens on the port that was asked about.
    Listens,
    /// The last word.
    Done,
    /// It cannot go on; completes "failed to ...".
    Failed(String),
}

/// What the lookout saw anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Sight {
    /// The beginning of the last look.
    pub(super) looked: Option<Monotonic>,
    /// Whether packets are captured.
    pub(super) captures: bool,
    pub(super) packets: Vec<(usize, Entry)>,
    pub(super) tracks: Vec<(usize, Track)>,
    pub(super) strays: Vec<(usize, Stray)>,
    pub(super) processes: Vec<(usize, Process)>,
    /// Waits for a processor that were not told before, each by the place of its process.
    pub(super) waits: Vec<(usize, Wait)>,
    /// How many processes and threads were ever seen, and the end of the look that showed the newest.
    pub(super) tasks: Option<(Monotonic, u32)>,
    /// Packets that were lost.
    pub(super) lost: u64,
    /// Where else a connection was asked for and refused.
    pub(super) elsewhere: Vec<SocketAddr>,
    /// Living processes.
    pub(super) alive: usize,
}
