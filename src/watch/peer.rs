//! The other end of a connection, as a person thinks of it: where this machine connects to, or who connects to a port.
//!
//! The choice not taken: the remote address and port as they are, which makes of every accepted connection a group of its
//! own, because its remote port is an ephemeral one.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::record::TcpState;
use crate::sample::Entry;
use crate::units::PortRange;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// This machine connects to it; each connection holds one of this machine's ephemeral ports.
    To(SocketAddr),
    /// It connects to this port of ours.
    From(IpAddr, u16),
}

impl Peer {
    /// The other end of a socket; none of a listener. `listening` are the ports that have one.
    ///
    /// Where neither end's listener is to be seen, the end that has an ephemeral port is taken for the one that connects.
    #[must_use]
    pub(super) fn of(entry: &Entry, listening: &BTreeSet<u16>, ephemeral: PortRange) -> Option<Self> {
        let (own, other) = (entry.local.port(), entry.remote.port());
        if entry.state == TcpState::Listen || other == 0 {
            return None;
        }
        let accepted = listening.contains(&own) || (ephemeral.holds(other) && !ephemeral.holds(own));
        Some(if accepted { Self::From(entry.remote.ip(), own) } else { Self::To(entry.remote) })
    }

    /// A filter that lets its sockets through.
    #[must_use]
    pub(super) fn as_filter(self) -> String {
        match self {
            Self::To(address) => address.to_string(),
            Self::From(ip, port) => format!("{ip} :{port}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(address) => f.pad(&format!("to {address}")),
            Self::From(ip, port) => f.pad(&format!("from {ip} on :{port}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::entry;
    use super::*;

    #[test]
    fn both_ends_of_a_loopback_connection_are_told_apart() {
        let of = |local: &str, remote: &str, listening: &[u16]| {
            let entry = entry(1, local, remote, TcpState::Established);
            Peer::of(&entry, &listening.iter().copied().collect(), PortRange::LINUX_DEFAULT).map(|it| it.to_string())
        };
        let (client, server) = ("127.0.0.1:40000", "127.0.0.1:1433");
        for listening in [&[1433][..], &[]] {
            assert_eq!(of(client, server, listening).unwrap(), "to 127.0.0.1:1433");
            assert_eq!(of(server, client, listening).unwrap(), "from 127.0.0.1 on :1433");
        }
        assert_eq!(of("127.0.0.1:41433", client, &[41433]).unwrap(), "from 127.0.0.1 on :41433");
        assert_eq!(of(client, "127.0.0.1:41433", &[41433]).unwrap(), "to 127.0.0.1:41433");
        assert_eq!(of("0.0.0.0:1433", "0.0.0.0:0", &[1433]), None);
    }
}
