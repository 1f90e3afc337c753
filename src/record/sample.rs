//! What the sampler saw at one instant, on one or both sides of the connections.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Counts, Drawn, TcpState, named_enum};

named_enum! {
    /// An end of the connections under watch.
    pub enum Side {
        /// The end that connects.
        Client = "client",
        /// The end that listens.
        Server = "server",
    }
}

named_enum! {
    /// Why a full table was read.
    pub enum TableReason {
        /// Its turn had come within the sampler's budget.
        Periodic = "periodic",
        /// The arm was about to start.
        Start = "start",
        /// An attempt had just found no port.
        Exhausted = "exhausted",
        /// The arm was over: 200 ms after its last outcome.
        End = "end",
    }
}

/// One look at the kernel, at `at` after the arm's first intended attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sample {
    /// When, in seconds after the arm's start (0 for what was read before it).
    #[serde(rename = "at_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub at: Duration,
    /// The end that connects; absent where it is not observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<SideSample>,
    /// The end that listens; absent where it is not observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<SideSample>,
}

impl Sample {
    /// What was seen of `side`.
    #[must_use]
    pub const fn side(&self, side: Side) -> Option<&SideSample> {
        match side {
            Side::Client => self.client.as_ref(),
            Side::Server => self.server.as_ref(),
        }
    }

    /// Whether it holds a full table that was read for that reason.
    #[must_use]
    pub fn has_table_of(&self, reason: TableReason) -> bool {
        let tables = [&self.client, &self.server].into_iter().filter_map(|side| side.as_ref()?.table.as_ref());
        tables.into_iter().any(|table| table.reason == reason)
    }
}

impl Drawn for Sample {
    fn stays(&self) -> bool {
        [TableReason::Start, TableReason::Exhausted, TableReason::End].iter().any(|reason| self.has_table_of(*reason))
    }
}

/// One side at one instant: counters always, the table when it was its turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SideSample {
    /// The O(1) counters of the side's network namespace.
    pub counters: Counters,
    /// The socket table, filtered to the target; absent between two full reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// Descriptors open in the processes of this side; absent where they cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
}

/// The kernel's O(1) counters: `/proc/net/snmp`, `/proc/net/sockstat`, `/proc/net/netstat`.
///
/// All belong to the network namespace, except those under `machine_*`, which the kernel keeps for the whole machine
/// even when they are read inside a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Counters {
    /// `Tcp: CurrEstab`: sockets in ESTABLISHED or CLOSE_WAIT.
    pub curr_estab: u64,
    /// `Tcp: ActiveOpens`: connects begun since the namespace's start.
    pub active_opens: u64,
    /// `Tcp: PassiveOpens`: connections accepted by the kernel.
    pub passive_opens: u64,
    /// `Tcp: AttemptFails`.
    pub attempt_fails: u64,
    /// `Tcp: EstabResets`.
    pub estab_resets: u64,
    /// `Tcp: RetransSegs`.
    pub retrans_segs: u64,
    /// sockstat `TCP: inuse` and sockstat6 `TCP6: inuse` added up: sockets in any state but TIME_WAIT.
    pub in_use: u64,
    /// sockstat `TCP: tw`: TIME_WAIT and orphaned FIN_WAIT_2 mini-sockets.
    pub time_wait: u64,
    /// `TcpExt: ListenOverflows`: a full accept queue.
    pub listen_overflows: u64,
    /// `TcpExt: ListenDrops`: SYNs dropped for whatever reason.
    pub listen_drops: u64,
    /// All of `TcpExt: TCPAbort*` added up.
    pub aborts: u64,
    /// sockstat `TCP: orphan`, machine-wide.
    pub machine_orphans: u64,
    /// sockstat `TCP: mem`, in pages, machine-wide.
    pub machine_tcp_pages: u64,
}

/// One full read of the socket table, filtered to the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Table {
    /// Why it was read.
    pub reason: TableReason,
    /// How many sockets in each TCP state.
    pub states: Counts<TcpState>,
    /// Distinct local ports, whatever the state.
    pub local_ports: u32,
    /// What the kernel holds in the sockets' buffers and queues (`INET_DIAG_SKMEMINFO`), in bytes; absent where the
    /// source does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPU time that the read took, in seconds.
    #[serde(rename = "cost_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub cost: Duration,
}

/// Durations as seconds with a fraction, at the JSON edge only.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(value.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
