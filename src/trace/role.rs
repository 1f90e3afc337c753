//! What the conductor of a trace and its parts say to each other.

use std::net::{SocketAddr, SocketAddrV4};

use serde::{Deserialize, Serialize};

use crate::capture::Captured;
use crate::record::{Outcome, Side, TcpState};
use crate::run::Diagnostics;
use crate::units::{Monotonic, PortRange};
use crate::wire::Journal;
use crate::{client, server};

/// What the names of this room's parts begin with, by which they are told from those of other rooms.
pub(super) const PREFIX: &str = "trace-";

/// What a part is given at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Script {
    pub(super) role: Role,
    pub(super) diagnostics: Diagnostics,
}

/// What a part is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Role {
    /// The embedded SQL Server, on no port of `avoid`.
    Server { listen: SocketAddr, avoid: Option<PortRange>, config: Box<server::Config> },
    /// Who captures frames and looks at the socket tables; it is handed the server's network namespace, if it has one.
    Lookout { server: SocketAddrV4, server_namespace: bool },
    /// Who makes the attempt.
    Client {
        config: Box<client::Config>,
        /// The descriptors that it may have; none for all that the machine gives.
        nofile: Option<u32>,
    },
}

/// What the conductor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Make the attempt (the client).
    Begin,
    /// Say what is known, for the last time; the client holds what it holds until it is killed.
    Tell,
}

/// What a part says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Word {
    /// It is ready; the server says where it listens, and its certificate.
    Ready { listening: Option<SocketAddr>, certificate: String },
    /// Frames that were captured.
    Frames(Vec<Captured>),
    /// The attempt came to this.
    Attempted(Attempted),
    /// The client closed its socket.
    Closed(Monotonic),
    /// The client keeps its descriptor, for ever or for some time.
    Kept { at: Monotonic, for_ever: bool },
    /// What the lookout saw of the socket tables.
    Looked(Box<Looked>),
    /// What the server knows of the connections.
    Told(Box<Told>),
    /// It cannot go on; completes "failed to ...".
    Failed(String),
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempted {
    pub(super) at: Monotonic,
    pub(super) outcome: Outcome,
    pub(super) server_error: Option<u32>,
    /// Whether there is a socket to be closed.
    pub(super) is_open: bool,
}

/// What the lookout saw, in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Looked {
    /// Each change in a socket table, in order.
    pub(super) changes: Vec<Seen>,
    /// Whether somebody listened on the server's port, when it was looked last.
    pub(super) listening: bool,
    /// Whether no frame came, and nothing changed, for some time around the last look.
    pub(super) still: bool,
    /// Frames that the kernel dropped.
    pub(super) lost: u64,
    /// Frames beyond those that were kept.
    pub(super) omitted: u64,
    /// The interface that was captured on.
    pub(super) interface: String,
}

/// An end of the connection in a socket table, when it was seen there anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) at: Monotonic,
    pub(super) side: Side,
    /// Its state; none when it is not in the table.
    pub(super) state: Option<TcpState>,
    /// Whether no descriptor leads to it.
    pub(super) orphan: bool,
}

/// What the server knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) journals: Vec<Journal>,
    /// The secrets of TLS, as an SSLKEYLOGFILE has them.
    pub(super) secrets: String,
    /// What was received and sent inside of TLS.
    pub(super) received: Vec<u8>,
    pub(super) sent: Vec<u8>,
}
