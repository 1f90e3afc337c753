//! What the conductor and its parts say to each other.
//!
//! A part is this program again, in a host of its own; `host` carries these values and knows none of them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::capture::FinWait;
use crate::load::Share;
use crate::record::{LedgerInterval, LoadInterval, Sample, SamplingFacts, TableReason};
use crate::units::{Monotonic, PortRange};
use crate::{client, load, sample, server};

/// What a part is given at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Script {
    /// What it is to be.
    pub(super) role: Role,
    /// What it says on stderr.
    pub(super) diagnostics: Diagnostics,
}

/// What a process says on stderr about itself: the conductor's choice holds for its parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Which spans and events, as `RUST_LOG` writes it.
    pub filter: String,
    /// One JSON object a line, instead of text.
    pub json: bool,
}

/// What a part is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Role {
    /// The embedded SQL Server stand-in.
    Server {
        /// Where it listens; port 0 picks one.
        listen: SocketAddr,
        /// Ports that it must not pick: the client's own.
        avoid: Option<PortRange>,
        /// How it answers.
        config: server::Config,
    },
    /// One load worker.
    Load(Box<LoadRole>),
    /// The connection ledger, in the client's host.
    Ledger {
        /// Whose connections.
        server: SocketAddr,
        /// When the kernel ends the FIN_WAIT_2 of either end; none where nobody knows.
        fin_wait: Option<FinWait>,
    },
    /// The sampler; it is handed the network namespaces of both hosts, if they have their own.
    Sampler {
        /// What it watches.
        config: sample::Config,
        /// Whether the client's namespace comes first among the descriptors handed over.
        client_namespace: bool,
        /// Whether the server's namespace comes next.
        server_namespace: bool,
    },
}

/// A load worker's part of an arm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LoadRole {
    /// What one attempt is made of.
    pub(super) client: client::Config,
    /// When attempts start.
    pub(super) load: load::Config,
    /// Which of them are this worker's.
    pub(super) share: Share,
    /// The descriptors that this process may have; none takes all that it may.
    pub(super) nofile: Option<u32>,
}

/// What the conductor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// The arm begins at this instant.
    Begin(Monotonic),
    /// Read a full table now (the sampler).
    FullTable(TableReason),
    /// Start no more attempts (a load worker), and finish.
    Stop,
    /// Let go of everything and end.
    End,
}

/// What a part says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Word {
    /// It is ready; the server says where it listens.
    Ready(Option<SocketAddr>),
    /// What a load worker did.
    Interval(Box<LoadInterval>),
    /// A load worker's first attempt without a port, in nanoseconds after the start.
    Exhausted(u64),
    /// A load worker, or a ledger without packets, is alive; once a second.
    Alive,
    /// Something that a reader of the results must know.
    Notice(String),
    /// What the ledger noted; once a second.
    Ledger(Box<LedgerInterval>),
    /// A load worker has played its schedule; it still holds what it holds.
    Played,
    /// What the sampler saw.
    Sample(Box<Sample>),
    /// The last word.
    Ended(Box<Farewell>),
    /// It cannot go on; completes "failed to ...".
    Failed(String),
}

/// What a part leaves behind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Farewell {
    /// Its CPU time, in seconds.
    pub(super) cpu_s: f64,
    /// The sampler's CPU time for full tables outside its budget, in seconds.
    pub(super) tables_s: f64,
    /// What the sampler reached.
    pub(super) sampling: Option<SamplingFacts>,
    /// Connections that the server accepted.
    pub(super) accepted: Option<u64>,
}
