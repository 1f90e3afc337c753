//! What is to be traced.

use crate::client::{Close, Driver, Encryption};
use crate::fault::FaultSpec;
use crate::record::Outcome;
use crate::run::Diagnostics;
use crate::sandbox::Level;
use crate::server::CloseMode;
use crate::units::{PortRange, Span};

/// What is to be traced, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The connections, one after another; each has hosts of its own.
    pub subjects: Vec<Subject>,
    /// The seed of the faults' chance.
    pub seed: u64,
    /// How long is looked after the last frame, when the client has done with its socket what it does.
    pub wait: Span,
    /// What the parts say on stderr.
    pub diagnostics: Diagnostics,
}

/// A connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// What it is called.
    pub name: String,
    /// What goes wrong at the server; none is a good one.
    pub faults: Vec<FaultSpec>,
    /// How the server ends it.
    pub server_close: CloseMode,
    /// What speaks to the server.
    pub driver: Driver,
    /// What the client does after a failed login.
    pub close: Close,
    /// What it does after a good one.
    pub close_logged_in: Close,
    /// How long the attempt may take.
    pub timeout: Span,
    /// What is encrypted.
    pub encryption: Encryption,
    /// How far the two hosts are apart; none for as far as this machine allows.
    pub sandbox: Option<Level>,
    /// The client's ephemeral ports.
    pub ports: Option<PortRange>,
    /// How long an orphaned FIN_WAIT_2 lasts on both hosts; none for Linux's 60 s.
    pub tcp_fin_timeout: Option<Span>,
    /// `tcp_tw_reuse` on both hosts; none for Linux's 2.
    pub tcp_tw_reuse: Option<u8>,
    /// The descriptors that the client's process may have; none for all that the machine gives.
    pub nofile: Option<u32>,
}

impl Subject {
    /// What the client does after an attempt that ended so; before its end, what it does after a failed login.
    pub(super) fn close_after(&self, outcome: Option<Outcome>) -> Close {
        if outcome == Some(Outcome::LoggedIn) { self.close_logged_in } else { self.close }
    }
}
