//! What is watched: everything, a port, a place, a process.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use crate::record::Side;
use crate::sample::Filter;
use crate::units::HostPort;

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every socket of the network namespace.
    All,
    /// Those with this port at either end.
    Port(u16),
    /// Those that lead to this place, or are served there: the name and its addresses.
    Place(HostPort, Vec<SocketAddr>),
    /// Those of this process.
    Process(u32),
}

impl Scope {
    /// What the kernel is asked for; empty when it is everything.
    #[must_use]
    pub fn filters(&self) -> Vec<Filter> {
        let both = |target: SocketAddr| [Side::Client, Side::Server].map(|side| Filter::new(side, target));
        match self {
            Self::All | Self::Process(_) => Vec::new(),
            Self::Port(port) => both((Ipv4Addr::UNSPECIFIED, *port).into()).to_vec(),
            Self::Place(_, addresses) => addresses.iter().copied().flat_map(both).collect(),
        }
    }

    /// The process, if it is one.
    #[must_use]
    pub const fn process(&self) -> Option<u32> {
        match self {
            Self::Process(pid) => Some(*pid),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all TCP sockets"),
            Self::Port(port) => write!(f, ":{port}"),
            Self::Place(place, _) => write!(f, "{place}"),
            Self::Process(pid) => write!(f, "--pid {pid}"),
        }
    }
}
