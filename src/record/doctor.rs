//! The document of `closewait doctor`: a machine's walls, where they stand, and which one a leak meets first.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostFacts, Named, PortRangeSummary, Severity, TcpState, named_enum};
use crate::units::{Bytes, Count};

/// What `closewait doctor --json` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Doctor {
    /// `closewait.doctor/1`
    pub schema: String,
    /// The machine.
    pub host: HostFacts,
    /// Whose values these are.
    pub place: Place,
    /// The local ports that a connection may get, and who uses them.
    pub ports: PortsUse,
    /// Every limit, with its use.
    pub walls: Vec<Wall>,
    /// What is no limit and decides how soon one is met.
    pub settings: Vec<Setting>,
    /// What this kernel's version means for the search of a port.
    pub kernel: Vec<String>,
    /// TCP sockets of this network namespace by state, listeners included.
    pub sockets: BTreeMap<TcpState, u64>,
    /// Which walls a leak meets, and when.
    pub leak: Leak,
    /// Whether this program can make hosts of its own here.
    pub namespaces: NamespacesFound,
    /// The way to the target that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetFound>,
    /// The process that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessFound>,
    /// Processes that hold sockets in CLOSE_WAIT, those that hold most first, at most [`Doctor::MOST_HOLDERS`].
    pub close_wait: Vec<CloseWaitHolder>,
    /// What the values mean, the worst first.
    pub findings: Vec<DoctorFinding>,
    /// What could not be read, and why.
    pub notices: Vec<String>,
    /// Whether nothing is near its wall.
    pub passed: bool,
}

impl Doctor {
    /// The name and version of the document.
    pub const SCHEMA: &'static str = "closewait.doctor/1";

    /// Processes that `close_wait` names.
    pub const MOST_HOLDERS: usize = 20;

    /// Destinations that `ports` names.
    pub const MOST_DESTINATIONS: usize = 10;
}

/// Whose values the document holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Whether the network namespace is the machine's first one, and not a container's.
    pub first_network_namespace: bool,
    /// The effective user id of this program.
    pub uid: u32,
    /// The process whose network namespace was read, where it is not this program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_of_pid: Option<u32>,
}

named_enum! {
    /// For whom a limit holds.
    pub enum Scope {
        /// This machine, all containers together.
        Machine = "machine",
        /// This network namespace: a container has its own.
        NetworkNamespace = "network_namespace",
        /// This control group, or one above it.
        Cgroup = "cgroup",
        /// One process.
        Process = "process",
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Machine => "machine",
            Self::NetworkNamespace => "namespace",
            Self::Cgroup => "cgroup",
            Self::Process => "process",
        })
    }
}

named_enum! {
    /// What a wall is counted in.
    pub enum WallUnit {
        /// Local ports.
        Ports = "ports",
        /// Descriptors of one process.
        Descriptors = "descriptors",
        /// Open files of the machine.
        Files = "files",
        /// Sockets.
        Sockets = "sockets",
        /// Tracked connections.
        Connections = "connections",
        /// Bytes.
        Bytes = "bytes",
        /// Threads; a process is at least one.
        Threads = "threads",
    }
}

impl WallUnit {
    /// So many of it, for a person: `2,000 ports`, `1 file`, `1.50 GiB`.
    #[must_use]
    pub fn amount(self, n: u64) -> String {
        match self {
            Self::Bytes => Bytes(n).to_string(),
            _ if n == 1 => format!("1 {}", self.name().trim_end_matches('s')),
            _ => format!("{} {}", Count(n), self.name()),
        }
    }
}

/// A limit and its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wall {
    /// Its name, such as `ports`, `descriptors`, `time_wait`.
    pub name: String,
    /// The limit; null where there is none, or where it cannot be read: the note tells which.
    pub limit: Option<u64>,
    /// What is in use; null where that cannot be read, or where the limit is only a ceiling for another one.
    pub used: Option<u64>,
    /// What both are counted in.
    pub unit: WallUnit,
    /// For whom the limit holds.
    pub scope: Scope,
    /// Where it was read.
    pub source: String,
    /// What it means, in a few words.
    pub note: String,
    /// Whether it is near.
    pub near: bool,
}

impl Wall {
    /// The share in use, 0 to 1; none where either is not known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let (limit, used) = (self.limit?, self.used?);
        (limit > 0).then(|| used as f64 / limit as f64)
    }

    /// What is left; none where the limit or its use is not known.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        Some(self.limit?.saturating_sub(self.used?))
    }
}

/// A setting that is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Its name, such as `net.ipv4.tcp_fin_timeout`.
    pub name: String,
    /// Its value as the kernel writes it; null where it cannot be read.
    pub value: Option<String>,
    /// For whom it holds.
    pub scope: Scope,
    /// What the value means.
    pub note: String,
}

/// The local ports that the kernel chooses from, and their use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortsUse {
    /// `net.ipv4.ip_local_port_range`
    pub range: PortRangeSummary,
    /// Ports of the range that `net.ipv4.ip_local_reserved_ports` takes out of it.
    pub reserved: u32,
    /// Ports of the range that are listened on, which no outgoing connection gets.
    pub listening: u32,
    /// What is left: how many connections one address of this machine can have to one address and port.
    pub usable: u32,
    /// The destinations that use most ports, at most [`Doctor::MOST_DESTINATIONS`]; each has the whole range to itself.
    pub destinations: Vec<Destination>,
}

/// The connections from one address of this machine to one address and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// This machine's address.
    pub source: String,
    /// The other end, ADDRESS:PORT.
    pub remote: String,
    /// Ports of the range in use towards it, those in TIME_WAIT included.
    pub used: u32,
    /// Its connections by state.
    pub states: BTreeMap<TcpState, u64>,
}

/// What a leak of so many connections a second comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Leak {
    /// Connections leaked a second.
    pub rate_per_s: f64,
    /// Where they go, ADDRESS:PORT; null for a destination that has no connection yet.
    pub destination: Option<String>,
    /// Kernel memory of one leaked connection, in bytes.
    pub bytes_each: u64,
    /// How `bytes_each` is known.
    pub bytes_source: String,
    /// What it meets, in the order in which it is met; what is never met stands last.
    pub walls: Vec<WallMet>,
}

/// A wall that a leak runs into.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WallMet {
    /// The name of a wall, or `port_search_slows` for the half of the range, from which on a connect is slow.
    pub name: String,
    /// When it is met, in seconds from now; null when never.
    pub after_s: Option<f64>,
    /// What happens then, or why it never does.
    pub text: String,
    /// Whether new connections fail there; the others only slow down or break something else.
    pub ends: bool,
}

/// Whether namespaces can be made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamespacesFound {
    /// The best sandbox that was made, and taken down again: `two-hosts`, `one-host`, `port-range`, `none`.
    pub level: String,
    /// Why each better one was refused.
    pub refusals: Vec<String>,
    /// The settings that allow or forbid them, as far as this kernel has them.
    pub settings: Vec<Setting>,
}

/// The way to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetFound {
    /// As it was asked for, HOST:PORT.
    pub target: String,
    /// Every address that its name leads to.
    pub addresses: Vec<String>,
    /// The address that was looked at: the first one that there is a route to.
    pub address: String,
    /// This machine's address on the way there; null where there is no route.
    pub source: Option<String>,
    /// The interface on the way there.
    pub interface: Option<String>,
    /// The router on the way there; null for a neighbour.
    pub gateway: Option<String>,
    /// Whether the target is this machine itself.
    pub local: bool,
    /// Ports of the range in use towards it from that address.
    pub used: u32,
    /// Its connections from that address by state.
    pub states: BTreeMap<TcpState, u64>,
}

/// A process and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessFound {
    /// Its id.
    pub pid: u32,
    /// Its command line, cut.
    pub command: String,
    /// Open descriptors; null where they may not be read.
    pub descriptors: Option<u64>,
    /// Its soft limit of them; null for none.
    pub soft_limit: Option<u64>,
    /// Its hard limit of them; null for none.
    pub hard_limit: Option<u64>,
    /// Its threads.
    pub threads: Option<u64>,
    /// Its TCP sockets by state; null where its descriptors may not be read.
    pub sockets: Option<BTreeMap<TcpState, u64>>,
}

/// A process that holds sockets in CLOSE_WAIT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloseWaitHolder {
    /// Its id; null for sockets whose process may not be looked into, or of which no descriptor was found.
    pub pid: Option<u32>,
    /// Its command line, cut.
    pub command: String,
    /// Sockets in CLOSE_WAIT.
    pub sockets: u64,
    /// Where most of them lead, ADDRESS:PORT.
    pub remote: String,
    /// How many lead there.
    pub sockets_to_remote: u64,
}

/// What the values mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorFinding {
    /// The rule that found it, such as `near-wall`, `descriptors-first`, `close-wait-held`.
    pub id: String,
    /// The wall that it speaks of, by its name.
    pub wall: Option<String>,
    /// How bad it is; a failure is what makes the exit code 1.
    pub severity: Severity,
    /// Evidence, cause and fix.
    pub text: String,
}
