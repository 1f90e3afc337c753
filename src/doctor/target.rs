//! The way to a target: its addresses, and the route that the kernel would take.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use netlink_packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily as SocketFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::Error;
use crate::units::HostPort;

/// The kernel answers at once, or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A target and the way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) target: String,
    pub(super) addresses: Vec<SocketAddr>,
    /// The first one that there is a route to, or else the first one.
    pub(super) address: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) interface: Option<String>,
    pub(super) gateway: Option<IpAddr>,
}

impl Way {
    /// Whether the target is this machine.
    pub(super) fn local(&self) -> bool {
        self.address.ip().is_loopback() || self.source == Some(self.address.ip())
    }
}

/// What a name leads to, in the resolver's order.
pub(super) fn resolve(target: &HostPort) -> Result<Vec<SocketAddr>, Error> {
    let wrong = |source| Error::NoName { target: target.clone(), source };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (target.host.as_str(), target.port).to_socket_addrs().map_err(wrong)? {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(wrong(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(addresses)
}

/// The way to one of these addresses, from the calling thread's network namespace. No packet is sent.
pub(super) fn way(target: &HostPort, addresses: Vec<SocketAddr>) -> Way {
    let routed = addresses.iter().find_map(|address| source(*address).map(|source| (*address, source)));
    let (address, source) = match routed {
        Some((address, source)) => (address, Some(source)),
        None => (addresses[0], None),
    };
    let (interface, gateway) = source.and_then(|_| route(address.ip()).ok()).unwrap_or_default();
    Way { target: target.to_string(), addresses, address, source, interface, gateway }
}

/// The address that the kernel would choose: a connected UDP socket has it, and connecting one sends nothing.
fn source(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The interface and the router on the way to an address, as `ip route get` tells them.
fn route(to: IpAddr) -> io::Result<(Option<String>, Option<IpAddr>)> {
    let family = SocketFamily::NETLINK;
    let socket = rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_WITHIN))?;
    rustix::net::send(&socket, &question(to), SendFlags::empty())?;
    let mut buffer = vec![0; 8192];
    let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&buffer[..length]);
    let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) =
        answer.map_err(|error| odd(&error.to_string()))?.payload
    else {
        return Err(odd("no route"));
    };
    let (mut interface, mut gateway) = (None, None);
    for attribute in route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => interface = rustix::net::netdevice::index_to_name(&socket, index).ok(),
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => gateway = Some(ip.into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => gateway = Some(ip.into()),
            _ => (),
        }
    }
    Ok((interface, gateway))
}

fn question(to: IpAddr) -> Vec<u8> {
    let mut route = RouteMessage::default();
    let (family, length, address) = match to {
        IpAddr::V4(ip) => (AddressFamily::Inet, 32, RouteAddress::Inet(ip)),
        IpAddr::V6(ip) => (AddressFamily::Inet6, 128, RouteAddress::Inet6(ip)),
    };
    route.header.address_family = family;
    route.header.destination_prefix_length = length;
    route.attributes = vec![RouteAttribute::Destination(address)];
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::GetRoute(route));
    message.header.flags = NLM_F_REQUEST;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> HostPort {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_is_this_machine() {
        let target = target("127.0.0.1:1433");
        let way = way(&target, resolve(&target).unwrap());
        assert_eq!((way.source, way.address), (Some(Ipv4Addr::LOCALHOST.into()), "127.0.0.1:1433".parse().unwrap()));
        assert!(way.local() && way.gateway.is_none());
        assert_eq!(way.interface.as_deref(), Some("lo"));
    }

    #[test]
    fn a_name_that_leads_nowhere_is_the_command_lines_fault() {
        let error = resolve(&target("no-such-host.invalid:1433")).unwrap_err();
        assert!(error.is_usage() && error.hint().unwrap().contains("getent hosts no-such-host.invalid"));
    }

    #[test]
    fn an_address_that_no_route_leads_to_has_no_source() {
        // 240/4 is reserved (RFC 1112); Linux routes it only where a default route is.
        let target = target("255.255.255.255:1433");
        let way = way(&target, resolve(&target).unwrap());
        assert_eq!((way.address, way.local()), ("255.255.255.255:1433".parse().unwrap(), false));
    }
}
