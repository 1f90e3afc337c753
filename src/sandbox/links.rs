//! rtnetlink: the messages that make interfaces, and their exchange.
//!
//! Messages are serialised by `netlink-packet-route` before the fork; the exchange and the reading of replies work on
//! bytes, because the maker may not allocate.

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::Duration;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily as SocketFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `lo` is the first interface of every network namespace.
const LOOPBACK: u32 = 1;

/// RFC 2544 gives 198.18.0.0/15 to tests between networks: no host's own address collides with it.
const PREFIX_LENGTH: u8 = 30;

/// One end of the veth pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    name: &'static str,
    index: u32,
    /// Its address.
    pub(super) address: Ipv4Addr,
}

impl End {
    /// Its interface's index.
    pub(super) const fn index(self) -> u32 {
        self.index
    }
}

/// The end on the client's host. The two indexes differ on purpose: a veth end whose index equals its peer's looks to
/// the kernel's link watch (`linkwatch_urgent_event`) like an ordinary device, whose news it may hold back for a second.
pub(super) const CLIENT: End = End { name: "cw-client", index: 100, address: Ipv4Addr::new(198, 18, 0, 1) };
/// The end on the server's host.
pub(super) const SERVER: End = End { name: "cw-server", index: 101, address: Ipv4Addr::new(198, 18, 0, 2) };

/// `IF_OPER_UP` of RFC 2863, as the kernel numbers it.
const OPERSTATE_UP: u8 = 6;
/// `IFLA_OPERSTATE`
const IFLA_OPERSTATE: u16 = 16;
/// `NLMSG_ERROR`; with the error 0 it is an acknowledgement.
const NLMSG_ERROR: u16 = 2;
/// `RTM_NEWLINK`
const RTM_NEWLINK: u16 = 16;
/// The bytes of a netlink header and of an interface message's header.
const HEADER: usize = 16;

/// How long the kernel may take to answer: creating a device waits for a lock that dying namespaces hold.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A request to the kernel, ready to be sent.
pub(super) fn serialise(message: RouteNetlinkMessage, flags: u16) -> Vec<u8> {
    let mut message = NetlinkMessage::from(message);
    debug_assert!(matches!(message.payload, NetlinkPayload::InnerMessage(_)));
    message.header.flags = NLM_F_REQUEST | flags;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn set_up(index: u32) -> Vec<u8> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    serialise(RouteNetlinkMessage::SetLink(link), NLM_F_ACK)
}

/// Brings `lo` up.
pub(super) fn loopback_up() -> Vec<u8> {
    set_up(LOOPBACK)
}

/// Brings an end of the pair up.
pub(super) fn end_up(end: End) -> Vec<u8> {
    set_up(end.index)
}

/// Makes the pair: the client's end here, the server's end in the namespace behind descriptor `server`.
pub(super) fn veth_pair(server: RawFd) -> Vec<u8> {
    let mut peer = LinkMessage::default();
    peer.header.index = SERVER.index;
    peer.attributes = vec![LinkAttribute::IfName(SERVER.name.to_owned()), LinkAttribute::NetNsFd(server)];
    let mut link = LinkMessage::default();
    link.header.index = CLIENT.index;
    link.attributes = vec![
        LinkAttribute::IfName(CLIENT.name.to_owned()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ];
    serialise(RouteNetlinkMessage::NewLink(link), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
}

/// Gives an end its address.
pub(super) fn end_address(end: End) -> Vec<u8> {
    let mut address = AddressMessage::default();
    address.header.family = AddressFamily::Inet;
    address.header.prefix_len = PREFIX_LENGTH;
    address.header.index = end.index;
    address.attributes =
        vec![AddressAttribute::Local(end.address.into()), AddressAttribute::Address(end.address.into())];
    serialise(RouteNetlinkMessage::NewAddress(address), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
}

/// Asks how an end is doing.
pub(super) fn end_state(end: End) -> Vec<u8> {
    let mut link = LinkMessage::default();
    link.header.index = end.index;
    serialise(RouteNetlinkMessage::GetLink(link), 0)
}

/// An rtnetlink socket of the network namespace that this process is in; it stays with that namespace.
pub(super) fn open() -> Result<OwnedFd, Errno> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = rustix::net::socket_with(SocketFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_WITHIN))?;
    Ok(socket)
}

/// Sends a request and waits for the kernel's acknowledgement. Neither allocates nor panics.
pub(super) fn acknowledged(socket: impl AsFd, request: &[u8]) -> Result<(), Errno> {
    let mut reply = [0; 4096];
    let reply = exchange(socket, request, &mut reply)?;
    match (field_u16(reply, 4), field_u32(reply, HEADER)) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(error)) => Err(Errno::from_raw_os_error(error.cast_signed().wrapping_neg())),
        _ => Err(Errno::PROTO),
    }
}

/// Asks with [`end_state`] whether an end runs, that is: whether a packet sent now would arrive. Neither allocates nor
/// panics.
pub(super) fn is_running(socket: impl AsFd, request: &[u8]) -> Result<bool, Errno> {
    let mut reply = [0; 8192];
    let reply = exchange(socket, request, &mut reply)?;
    match (field_u16(reply, 4), field_u32(reply, HEADER)) {
        (Some(RTM_NEWLINK), _) => Ok(operstate(reply) == Some(OPERSTATE_UP)),
        (Some(NLMSG_ERROR), Some(error)) => Err(Errno::from_raw_os_error(error.cast_signed().wrapping_neg())),
        _ => Err(Errno::PROTO),
    }
}

fn exchange<'a>(socket: impl AsFd, request: &[u8], reply: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    rustix::net::send(&socket, request, SendFlags::empty())?;
    let (_, received) = rustix::io::retry_on_intr(|| rustix::net::recv(&socket, &mut *reply, RecvFlags::empty()))?;
    reply.get(..received).ok_or(Errno::PROTO)
}

/// The operational state in an `RTM_NEWLINK` message. The flag IFF_RUNNING will not do: it is also set while the state
/// is unknown, when packets are still dropped.
fn operstate(message: &[u8]) -> Option<u8> {
    let mut rest = message.get(2 * HEADER..)?;
    loop {
        let length = usize::from(field_u16(rest, 0)?);
        if length < 4 {
            return None;
        }
        if field_u16(rest, 2)? == IFLA_OPERSTATE {
            return rest.get(4).copied();
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

fn field_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn field_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::link::State;

    use super::*;

    fn reply(attributes: Vec<LinkAttribute>) -> Vec<u8> {
        let mut link = LinkMessage::default();
        link.attributes = attributes;
        serialise(RouteNetlinkMessage::NewLink(link), 0)
    }

    #[test]
    fn operstate_is_found_behind_other_attributes() {
        let name = || LinkAttribute::IfName("odd".to_owned());
        assert_eq!(operstate(&reply(vec![name(), LinkAttribute::OperState(State::Up)])), Some(OPERSTATE_UP));
        assert_eq!(operstate(&reply(vec![LinkAttribute::OperState(State::LowerLayerDown), name()])), Some(3));
        assert_eq!(operstate(&reply(vec![name()])), None);
    }

    #[test]
    fn a_reply_cut_anywhere_is_no_state_and_no_panic() {
        let whole = reply(vec![LinkAttribute::Mtu(1500), LinkAttribute::OperState(State::Up)]);
        for length in 0..whole.len() - 4 {
            assert_eq!(operstate(&whole[..length]), None, "{length}");
        }
        assert_eq!(operstate(&[0; 64]), None, "an attribute of length 0 must end the walk");
    }

    #[test]
    fn an_unknown_interface_is_an_error_and_the_loopback_is_not() {
        let socket = open().unwrap();
        let nobody = End { name: "", index: 2_000_000_000, address: Ipv4Addr::LOCALHOST };
        assert_eq!(is_running(&socket, &end_state(nobody)), Err(Errno::NODEV));
        let loopback = End { index: LOOPBACK, ..nobody };
        // The loopback's state is "unknown": it has no carrier to speak of.
        assert_eq!(is_running(&socket, &end_state(loopback)), Ok(false));
    }
}
