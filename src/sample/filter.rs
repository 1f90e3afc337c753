//! Which sockets count: those of one side of the connections to one target.
//!
//! The choice not taken: ports alone. Where the harness has no namespace of its own, another program may use the same
//! port number on another address, and its sockets must not show.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::record::Side;

/// The sockets of one side of the connections to a server.
///
/// The client's are those whose remote address and port are the target's. The server's are those whose local port is
/// the target's and whose local address is the target's or, as a listener's may be, unspecified. Addresses are compared
/// as they are on the wire: `::ffff:192.0.2.1` is `192.0.2.1`. A target of an unspecified address means every address,
/// one of port 0 every port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    side: Side,
    target: SocketAddr,
}

impl Filter {
    /// The sockets of `side` of the connections to `target`.
    #[must_use]
    pub fn new(side: Side, target: SocketAddr) -> Self {
        Self { side, target: on_the_wire(target.ip(), target.port()) }
    }

    /// Every TCP socket of the namespace, listeners included.
    #[must_use]
    pub const fn everything() -> Self {
        Self { side: Side::Client, target: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0) }
    }

    /// Which side it lets through.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The server's address and port, as on the wire.
    #[must_use]
    pub const fn target(&self) -> SocketAddr {
        self.target
    }

    /// Whether a socket of these addresses, as [`Socket`](super::Socket) gives them, counts.
    #[must_use]
    pub fn lets_through(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let own = match self.side {
            Side::Client => remote,
            Side::Server => local,
        };
        (self.any_port() || own.port() == self.target.port())
            && (self.any_address() || self.addresses().any(|ip| ip == own.ip()))
    }

    /// Whether the port does not matter.
    pub(super) const fn any_port(&self) -> bool {
        self.target.port() == 0
    }

    /// Whether the address does not matter.
    pub(super) const fn any_address(&self) -> bool {
        match self.target.ip() {
            IpAddr::V4(ip) => ip.is_unspecified(),
            IpAddr::V6(ip) => ip.is_unspecified(),
        }
    }

    /// The addresses that count: the target's own and, on the server's side, those of listeners that serve it.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        const ANY_V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        const ANY_V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);
        let listeners: &[IpAddr] = match (self.side, self.target.is_ipv4()) {
            (Side::Client, _) => &[],
            // A dual-stack listener serves IPv4 as well.
            (Side::Server, true) => &[ANY_V4, ANY_V6],
            (Side::Server, false) => &[ANY_V6],
        };
        std::iter::once(self.target.ip()).chain(listeners.iter().copied())
    }

    /// Whether IPv4 sockets can be among those that count; IPv6 ones always can, since a dual-stack program's sockets
    /// are IPv6 ones even while they speak IPv4.
    pub(super) const fn spans_ipv4(&self) -> bool {
        self.target.is_ipv4() || self.any_address()
    }
}

/// An address as it is on the wire: an IPv4-mapped one is IPv4, and an IPv6 one has neither scope nor flow.
pub(super) fn on_the_wire(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_exact_about_address_and_port() {
        let (client, server) = (Side::Client, Side::Server);
        for (side, target, local, remote, counts) in [
            (client, "10.0.0.2:1433", "10.0.0.1:40000", "10.0.0.2:1433", true),
            (client, "10.0.0.2:1433", "10.0.0.1:40000", "10.0.0.3:1433", false),
            (client, "10.0.0.2:1433", "10.0.0.1:40000", "10.0.0.2:1434", false),
            (client, "10.0.0.2:1433", "10.0.0.2:1433", "10.0.0.1:40000", false),
            (client, "[::ffff:10.0.0.2]:1433", "10.0.0.1:40000", "10.0.0.2:1433", true),
            (client, "0.0.0.0:1433", "127.0.0.1:40000", "127.0.0.1:1433", true),
            (server, "10.0.0.2:1433", "10.0.0.2:1433", "10.0.0.1:40000", true),
            (server, "10.0.0.2:1433", "10.0.0.3:1433", "10.0.0.1:40000", false),
            (server, "10.0.0.2:1433", "0.0.0.0:1433", "0.0.0.0:0", true),
            (server, "10.0.0.2:1433", "[::]:1433", "[::]:0", true),
            (server, "[fd00::2]:1433", "[::]:1433", "[::]:0", true),
            (server, "[fd00::2]:1433", "0.0.0.0:1433", "0.0.0.0:0", false),
            (server, "[::]:1433", "10.0.0.3:1433", "10.0.0.1:40000", true),
            (client, "10.0.0.2:0", "10.0.0.1:40000", "10.0.0.2:7", true),
            (client, "10.0.0.2:0", "10.0.0.1:40000", "10.0.0.3:7", false),
        ] {
            let filter = Filter::new(side, at(target));
            assert_eq!(filter.lets_through(at(local), at(remote)), counts, "{side:?} {target}: {local} {remote}");
            assert!(Filter::everything().lets_through(at(local), at(remote)));
        }
    }
}
