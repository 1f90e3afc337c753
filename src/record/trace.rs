//! The document of `closewait trace`: connections frame by frame, with the TCP state of both ends after each.

use std::fmt;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostFacts, Outcome, Side, TcpState, named_enum};

/// What `closewait trace --json` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// `closewait.trace/1`
    pub schema: String,
    /// The seed of the faults' chance.
    pub seed: u64,
    /// False when a signal ended it before every connection was traced to its end.
    pub complete: bool,
    /// The machine it ran on.
    pub host: HostFacts,
    /// What a person must know to trust it.
    pub notices: Vec<String>,
    /// The connections, in the order asked for; each had hosts of its own.
    pub connections: Vec<TracedConnection>,
    /// Whether the kernel's socket tables had, at the end of each, the states that its frames tell, as far as the two
    /// could be compared.
    pub agrees: bool,
}

impl Trace {
    /// The name and version of the document.
    pub const SCHEMA: &'static str = "closewait.trace/1";
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TracedConnection {
    /// The arm's name, or the close strategy's.
    pub name: String,
    /// What spoke to the server.
    pub driver: String,
    /// The close strategy that applied: that of a good login where it was one, else that of a failed one.
    pub close: String,
    /// The strategy after a failed login, as it was asked for.
    pub close_failed: String,
    /// The strategy after a good login, as it was asked for.
    pub close_logged_in: String,
    /// What went wrong at the server, as it was asked for.
    pub faults: Vec<String>,
    /// What was encrypted: `off`, `login`, `on` or `strict`.
    pub tls: String,
    /// How far apart the two hosts were: a level of the sandbox.
    pub sandbox: String,
    /// How long an orphaned FIN_WAIT_2 lasts on both hosts, in seconds.
    pub tcp_fin_timeout_s: u64,
    /// `tcp_tw_reuse` on the client's host.
    pub tcp_tw_reuse: u8,
    /// The descriptors that the client's process might have; none for all that the machine gives.
    pub nofile: Option<u32>,
    /// When the first frame was captured, RFC 3339 in UTC; none when there was no frame.
    pub began_at: Option<String>,
    /// The client's address and port; none when there was no frame.
    pub client: Option<SocketAddr>,
    /// The server's.
    pub server: SocketAddr,
    /// How the attempt ended; none when it had not when the trace did.
    pub outcome: Option<Outcome>,
    /// The number of the error that refused the login.
    pub server_error: Option<u32>,
    /// Whether a signal broke it off before the client had done with its socket what it does.
    pub broken_off: bool,
    /// How long was looked, from the first frame on, in seconds.
    pub looked_s: f64,
    /// The frames, in the order in which the client's host saw them.
    pub frames: Vec<TraceFrame>,
    /// What happened beside the frames, in order.
    pub remarks: Vec<TraceRemark>,
    /// The FIN that did not come; none when each end that should have closed did.
    pub missing: Option<MissingFin>,
    /// How the client's end stands when the trace ends.
    pub client_end: TraceEnd,
    /// How the server's end stands.
    pub server_end: TraceEnd,
    /// Frames that the kernel dropped because nobody read in time.
    pub frames_lost: u64,
    /// Frames beyond those that are kept.
    pub frames_omitted: u64,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceFrame {
    /// Its number, from 1; the same as in the capture file.
    pub number: u64,
    /// When, in seconds after the first.
    pub at_s: f64,
    /// Who sent it.
    pub from: Side,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's.
    pub destination_port: u16,
    /// The TCP flags, such as `PSH, ACK`.
    pub flags: String,
    /// The sequence number, counted from its sender's SYN.
    pub seq: u32,
    /// The acknowledgement number, counted from the receiver's SYN; none without the flag ACK.
    pub ack: Option<u32>,
    /// Bytes of data.
    pub length: u32,
    /// What it is, in a line.
    pub what: String,
    /// What ends in it, of TDS and TLS.
    pub messages: Vec<TraceMessage>,
    /// Whether its SYN, its FIN or its data had been sent before.
    pub retransmission: bool,
    /// The client's state before it, and after.
    pub client: StateChange,
    /// The server's.
    pub server: StateChange,
}

/// A state before a frame, and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateChange {
    /// Before.
    pub before: TcpState,
    /// After.
    pub after: TcpState,
}

/// A message or a token of TDS, or a record of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceMessage {
    /// Its name, such as `LOGIN7`, `ERROR 18456` or `TLS ClientHello`.
    pub name: String,
    /// What it says. Never a password.
    pub text: String,
    /// Whether TLS hid it on the wire.
    pub encrypted: bool,
}

/// Something that happened beside the frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceRemark {
    /// When, in seconds after the first frame.
    pub at_s: f64,
    /// Of what kind.
    pub kind: RemarkKind,
    /// On whose side.
    pub side: Side,
    /// What happened, in a line.
    pub text: String,
}

named_enum! {
    /// What a remark tells.
    pub enum RemarkKind {
        /// A line of the server's error log.
        ErrorLog = "error_log",
        /// What the attempt came to, or what the client did with its socket.
        Client = "client",
        /// The kernel let go of an end, with no frame.
        Kernel = "kernel",
    }
}

/// A FIN that did not come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MissingFin {
    /// Whose.
    pub side: Side,
    /// Since when it could have come, in seconds after the first frame.
    pub since_s: f64,
    /// How long it was waited for, in seconds.
    pub waited_s: f64,
    /// What that means.
    pub text: String,
}

/// How one end stands when the trace ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceEnd {
    /// The state that the frames tell; `close` when they tell that nothing is left or nobody listened, and when a client
    /// that nobody answered has given up, of which there is no frame.
    pub state: TcpState,
    /// The state in the kernel's socket table; none when the table has no such socket.
    pub kernel: Option<TcpState>,
    /// Whether the two are the same, or the difference is one that time explains; none where a difference tells nothing:
    /// frames still came when it was looked, or not all of them were kept.
    pub agrees: Option<bool>,
}

/// `ESTABLISHED`, or `ESTABLISHED -> CLOSE_WAIT` where it changes.
impl fmt::Display for StateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.before == self.after { self.after.fmt(f) } else { write!(f, "{} -> {}", self.before, self.after) }
    }
}
