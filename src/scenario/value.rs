//! A scenario that cannot be invalid: what the conductor plays.

use super::resolve::arm_seed;
use super::target::Target;
use crate::client::{Close, Driver, PortSearch};
use crate::fault::FaultSpec;
use crate::load;
use crate::sandbox::Level;
use crate::server::CloseMode;
use crate::units::{PortRange, Span};
use crate::verdict::Expectation;

/// A checked scenario.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Scenario {
    /// Its name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// A real server; none is the embedded one.
    pub target: Option<Target>,
    /// The arms in the order in which they are played: at least one, each with a name of its own.
    pub arms: Vec<Arm>,
    /// What must hold in the end; every arm and field that they name exists.
    pub expectations: Vec<Expectation>,
}

/// One arm with every setting.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// What goes wrong at the embedded server; empty before a real one.
    pub faults: Vec<FaultSpec>,
    /// How the embedded server ends a connection.
    pub server_close: CloseMode,
    /// What speaks to the server.
    pub driver: Driver,
    /// What happens to a connection after a failed login (with [`Driver::Tcp`], always).
    pub close: Close,
    /// What happens to it after a good login.
    pub close_logged_in: Close,
    /// How long one attempt may take.
    pub timeout: Span,
    /// When attempts arrive, how many, and what follows a failed one. Its `max_held` is [`u32::MAX`] where this arm's is
    /// none.
    pub load: load::Config,
    /// The sandbox that is asked for; none takes the best that this machine allows.
    pub sandbox: Option<Level>,
    /// The client host's local ports; none leaves the host's own range.
    pub ports: Option<PortRange>,
    /// Who searches a free local port; none leaves it to the sandbox: the kernel, except where ports of this machine
    /// must be bounded.
    pub port_search: Option<PortSearch>,
    /// `tcp_fin_timeout` on both hosts, in whole seconds.
    pub tcp_fin_timeout: Span,
    /// `tcp_tw_reuse` on both hosts: 0, 1 or 2.
    pub tcp_tw_reuse: u8,
    /// `RLIMIT_NOFILE` of the one load worker; none takes as many workers as needed, each with what the machine gives.
    pub nofile: Option<u32>,
    /// How many sockets may be held at once; none is no cap inside a sandbox with namespaces. Outside, it
    /// is never more than the run's own options allow.
    pub max_held: Option<u32>,
    /// From the last outcome to the final table.
    pub settle: Span,
}

impl Arm {
    /// The arm as it is played for the `repetition`th time, from 1: the same, but for a seed of its own.
    #[must_use]
    pub fn repeated(&self, repetition: u32) -> Self {
        let mut arm = self.clone();
        if repetition > 1 {
            arm.load.seed = arm_seed(self.load.seed, u64::from(repetition));
        }
        arm
    }
}
