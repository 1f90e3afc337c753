//! The document of `closewait check`: what a command under test did with its sockets, fault by fault.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostFacts, Named, TcpState, named_enum};

/// What `closewait check --json` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// `closewait.check/1`
    pub schema: String,
    /// The command under test, before its placeholders were filled in.
    pub command: Vec<String>,
    /// The seed of the faults' chance.
    pub seed: u64,
    /// False when a signal ended the check before every fault was played.
    pub complete: bool,
    /// The machine it ran on.
    pub host: HostFacts,
    /// How far the command was from this machine: a level of the sandbox, or `none`.
    pub sandbox: String,
    /// The server as the command was told it, HOST:PORT.
    pub target: String,
    /// How the command was judged.
    pub limits: CheckLimits,
    /// What a person must know to trust the verdicts: what this machine or this sandbox could not give.
    pub notices: Vec<String>,
    /// The command's verdict under each fault, in the order asked for.
    pub faults: Vec<FaultCheck>,
    /// Whether no verdict fails, those that the baseline knows aside.
    pub passed: bool,
}

impl Check {
    /// The name and version of the document.
    pub const SCHEMA: &'static str = "closewait.check/1";
}

/// What verdicts were measured against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckLimits {
    /// How long a connection may stay open when its login is over, in seconds.
    pub grace_s: f64,
    /// How long a login that is never over may be waited for, in seconds.
    pub patience_s: f64,
    /// How long the command may run, in seconds.
    pub timeout_s: f64,
}

named_enum! {
    /// What a command is found to do; of several that apply, the first.
    pub enum CheckVerdict {
        /// It died by a signal that was not ours.
        Crash = "crash",
        /// It kept a connection whose login was over, or one that it had long given up.
        Leak = "leak",
        /// It waits for a login that is never over.
        Hang = "hang",
        /// It ran longer than it may.
        Timeout = "timeout",
        /// It never reached the server.
        NoConnection = "no-connection",
        /// It ended before anything was proved.
        Undecided = "undecided",
        /// It never came as far as the fault.
        NotReached = "not-reached",
        /// None of these.
        Clean = "clean",
    }
}

impl CheckVerdict {
    /// Whether it fails by itself.
    #[must_use]
    pub const fn fails(self) -> bool {
        !matches!(self, Self::NotReached | Self::Clean)
    }
}

impl fmt::Display for CheckVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

named_enum! {
    /// What was seen beside the verdict; it fails only where that was asked for.
    pub enum Symptom {
        /// Each failed login leaves a descriptor behind that is no connection, such as an eventfd.
        DescriptorsGrow = "descriptors_grow",
        /// A thread kept a processor busy while the connection was dead.
        Spin = "spin",
        /// It asked for encryption and went on without.
        ContinuedInClear = "continued_in_clear",
        /// It sent a request although its login was not accepted.
        TookRefusalForLogin = "took_refusal_for_login",
        /// It kept a session that the server had ended.
        KeepsDeadSession = "keeps_dead_session",
        /// It made more connections than logins.
        Retried = "retried",
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The command under one fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultCheck {
    /// The fault as it was asked for, such as `login-18456:end=hold`; several that were combined stand with ` + `.
    pub fault: String,
    /// What the command was found to do.
    pub verdict: CheckVerdict,
    /// Whether this fails the check: the verdict, or a symptom that `--fail-on` names.
    pub failed: bool,
    /// Whether the baseline knows this failure; it then fails no check.
    pub known: bool,
    /// Why this verdict: plain sentences, the last what to do about it.
    pub reason: String,
    /// The command's exit code; none while it ran on, or when a signal ended it.
    pub command_exit: Option<i32>,
    /// The signal that ended the command.
    pub command_signal: Option<i32>,
    /// Whether the command was stopped by this program.
    pub command_stopped: bool,
    /// How long the command ran, in seconds.
    pub command_wall_s: f64,
    /// Connections that it opened to the server, tries included.
    pub connections: u64,
    /// Those that the fault struck.
    pub faulted: u64,
    /// Those that it leaked.
    pub leaked: u64,
    /// How each connection ended.
    pub ended_by: BTreeMap<EndedBy, u64>,
    /// How long faulted connections stayed open once their login was over, in milliseconds; a leak whose login was never
    /// over counts from its opening.
    pub held_ms: HeldMs,
    /// The states in which leaked connections were held.
    pub held_states: BTreeMap<TcpState, u64>,
    /// What was seen beside the verdict.
    pub symptoms: Vec<Symptom>,
    /// A sentence for each symptom: its evidence.
    pub symptoms_seen: Vec<String>,
    /// The processes that held connections when their logins were over, those that held most first.
    pub processes: Vec<HoldingProcess>,
    /// Connections, leaked ones first, at most [`FaultCheck::MOST_ROWS`].
    pub rows: Vec<ConnectionRow>,
    /// Connections that are not among the rows.
    pub rows_omitted: u64,
    /// Where packets, the server's journal and the socket table contradict each other; empty when they agree.
    pub disagreements: Vec<String>,
    /// What a person must know about this fault's verdict.
    pub notices: Vec<String>,
    /// The last lines that the command printed; kept where it failed.
    pub output_tail: String,
}

impl FaultCheck {
    /// Connections that the document shows one by one.
    pub const MOST_ROWS: usize = 100;
}

named_enum! {
    /// How a connection came to its end.
    pub enum EndedBy {
        /// The client closed it, by a FIN, or before there was anything to send one to.
        ClientFin = "client_fin",
        /// The client reset it.
        ClientRst = "client_rst",
        /// The server reset it, and the client let its descriptor go.
        ServerRst = "server_rst",
        /// It was open until its last holder's exit, or closed within 100 ms before, and the holder was not seen to run after
        /// that and opened no other connection.
        ProcessExit = "process_exit",
        /// Nobody listened.
        Refused = "refused",
        /// This program stopped the command.
        Harness = "harness",
        /// It was open when the observation ended.
        Never = "never",
    }
}

impl fmt::Display for EndedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How long connections were held, in milliseconds; none without a faulted connection whose login was over, or one that
/// leaked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeldMs {
    /// The median.
    pub p50: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

/// A process that held connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldingProcess {
    /// Its id, as seen outside of the sandbox.
    pub pid: u32,
    /// Its command line, cut.
    pub command: String,
    /// Leaked connections that it held.
    pub held: u64,
    /// The descriptors that it held them by, at most ten.
    pub descriptors: Vec<u32>,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionRow {
    /// The client's port.
    pub port: u16,
    /// The server, ADDRESS:PORT.
    pub server: String,
    /// When it was opened, in seconds since the command's start.
    pub opened_s: f64,
    /// Whether the fault struck it.
    pub faulted: bool,
    /// What its login came to, such as `refused (18456)`, `accepted`, `never over`.
    pub login: String,
    /// When its login was over, in seconds since the command's start.
    pub over_s: Option<f64>,
    /// When the client's last descriptor of it was closed, in seconds since the command's start.
    pub closed_s: Option<f64>,
    /// How long it was held once its login was over, in milliseconds; so far, where it never ended; of a leak whose login
    /// was never over, since it was opened.
    pub held_ms: Option<f64>,
    /// How it came to its end.
    pub ended_by: EndedBy,
    /// The client's TCP state when it was last seen held; `close` for a descriptor in no state.
    pub state: Option<TcpState>,
    /// Who held it, as last seen.
    pub pid: Option<u32>,
    /// By which descriptor.
    pub descriptor: Option<u32>,
    /// Whether this connection is a leak.
    pub leaked: bool,
}
