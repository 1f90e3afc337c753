//! More addresses for the server's host, and the client's way there; called inside a part, in its own host.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;

use super::links::{self, CLIENT, SERVER};

/// The last address of the pair's own network.
const BROADCAST: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 3);

/// What IPv6 of the pair's own the two ends have where an IPv6 address is asked for: a unique local prefix (RFC 4193).
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xc105, 0xe3a1, 0, 0, 0, 0, 1);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xc105, 0xe3a1, 0, 0, 0, 0, 2);

/// Whether nobody can be given an address because the network of the two hosts needs it for itself: its broadcast, and the
/// client's own of IPv6, which it has only on the way to another.
#[must_use]
pub fn is_reserved(address: IpAddr) -> bool {
    address == IpAddr::V4(BROADCAST) || address == IpAddr::V6(CLIENT_V6)
}

/// Gives the server's host, in which this process is, one more address.
///
/// # Errors
/// When the kernel refuses.
pub fn add_address(address: IpAddr) -> io::Result<()> {
    let socket = links::open()?;
    if address.is_ipv6() {
        once(links::acknowledged(&socket, &own(SERVER.index(), IpAddr::V6(SERVER_V6), 64)))?;
    }
    let whole = if address.is_ipv4() { 32 } else { 128 };
    once(links::acknowledged(&socket, &own(SERVER.index(), address, whole)))
}

/// Gives the client's host, in which this process is, the way to an address of the server's.
///
/// # Errors
/// When the kernel refuses.
pub fn add_route(address: IpAddr) -> io::Result<()> {
    let socket = links::open()?;
    if address.is_ipv6() {
        once(links::acknowledged(&socket, &own(CLIENT.index(), IpAddr::V6(CLIENT_V6), 64)))?;
    }
    once(links::acknowledged(&socket, &way(CLIENT.index(), address)))
}

/// What is there already was asked for twice.
fn once(done: Result<(), Errno>) -> io::Result<()> {
    match done {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn own(interface: u32, address: IpAddr, prefix: u8) -> Vec<u8> {
    let mut message = AddressMessage::default();
    message.header.family = family(address);
    message.header.prefix_len = prefix;
    message.header.index = interface;
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    if address.is_ipv6() {
        // Nobody else is on this link: the address is of use at once.
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    links::serialise(RouteNetlinkMessage::NewAddress(message), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
}

fn way(interface: u32, address: IpAddr) -> Vec<u8> {
    /// The main table, which every look-up reads.
    const MAIN: u8 = 254;
    let mut message = RouteMessage::default();
    message.header.address_family = family(address);
    message.header.destination_prefix_length = if address.is_ipv4() { 32 } else { 128 };
    message.header.table = MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Link;
    message.header.kind = RouteType::Unicast;
    let to = match address {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    };
    message.attributes = vec![RouteAttribute::Destination(to), RouteAttribute::Oif(interface)];
    links::serialise(RouteNetlinkMessage::NewRoute(message), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
}

const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
