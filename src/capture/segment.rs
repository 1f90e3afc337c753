//! Bytes to a segment, from the network header on.
//!
//! The choice not taken: IPv6 extension headers are not followed, as the filter in the kernel cannot follow them either;
//! no TCP stack sends any of its own accord.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::units::Monotonic;

/// RFC 9293, section 3.1: the byte of the TCP header that holds the flags.
pub(super) const FLAGS_AT: usize = 13;
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The protocol number of TCP, in IPv4's `protocol` and in IPv6's `next header`.
pub(super) const TCP: u8 = 6;
/// The length of IPv6's header, which is fixed.
pub(super) const IPV6_HEADER: usize = 40;
/// The shortest header of IPv4.
const IPV4_HEADER: usize = 20;
/// Where in IPv4's header its flags and the fragment's offset stand, and the bits of the latter.
pub(super) const FRAGMENT_AT: usize = 6;
pub(super) const FRAGMENT: u16 = 0x1fff;

/// The flags of a segment that tell of a connection's beginning and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Flags {
    /// It opens, or answers an opening.
    pub syn: bool,
    /// It acknowledges; with `syn`, it is the server's answer.
    pub ack: bool,
    /// Its sender has nothing more to send.
    pub fin: bool,
    /// Its sender knows nothing of the connection, or no longer.
    pub rst: bool,
}

impl Flags {
    const fn of(byte: u8) -> Self {
        Self { syn: byte & SYN != 0, ack: byte & ACK != 0, fin: byte & FIN != 0, rst: byte & RST != 0 }
    }

    /// Whether a ledger has a use for it.
    const fn opens_or_closes(self) -> bool {
        self.syn || self.fin || self.rst
    }
}

/// One TCP segment that opens or closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// When the kernel saw it.
    pub at: Monotonic,
    /// Its sender.
    pub from: SocketAddr,
    /// Its receiver.
    pub to: SocketAddr,
    /// Its sequence number: of a SYN, the connection's first one.
    pub sequence: u32,
    /// What it does.
    pub flags: Flags,
}

impl Segment {
    /// The segment of a packet that begins with its network header; `None` for all that is no TCP, does neither open nor
    /// close, or is cut off before the flags.
    pub(super) fn parse(at: Monotonic, packet: &[u8]) -> Option<Self> {
        let (from, to, tcp) = match packet.first()? >> 4 {
            4 => ipv4(packet)?,
            6 => ipv6(packet)?,
            _ => return None,
        };
        let flags = Flags::of(*tcp.get(FLAGS_AT)?);
        let [from_port, to_port] = [u16::from_be_bytes(*array(tcp, 0)?), u16::from_be_bytes(*array(tcp, 2)?)];
        let sequence = u32::from_be_bytes(*array(tcp, 4)?);
        let (from, to) = (SocketAddr::new(from, from_port), SocketAddr::new(to, to_port));
        flags.opens_or_closes().then_some(Self { at, from, to, sequence, flags })
    }
}

fn ipv4(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    // Only a packet's first fragment holds the header of TCP.
    let continued = u16::from_be_bytes(*array(packet, FRAGMENT_AT)?) & FRAGMENT != 0;
    if header < IPV4_HEADER || continued || *packet.get(9)? != TCP {
        return None;
    }
    let [from, to] = [Ipv4Addr::from(*array(packet, 12)?), Ipv4Addr::from(*array(packet, 16)?)];
    Some((from.into(), to.into(), packet.get(header..)?))
}

fn ipv6(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    if *packet.get(6)? != TCP {
        return None;
    }
    let [from, to] = [Ipv6Addr::from(*array(packet, 8)?), Ipv6Addr::from(*array(packet, 24)?)];
    Some((from.into(), to.into(), packet.get(IPV6_HEADER..)?))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: Monotonic = Monotonic::from_nanos(7);

    /// A TCP header without options, from port 4321 to port 1433.
    fn tcp(flags: u8) -> Vec<u8> {
        let mut header = vec![0; 20];
        header[..8].copy_from_slice(&[0x10, 0xe1, 0x05, 0x99, 0xde, 0xad, 0xbe, 0xef]);
        header[12] = 5 << 4;
        header[FLAGS_AT] = flags;
        header
    }

    /// A packet of IPv4 from 10.0.0.1 to 10.0.0.2, with so many words of options.
    pub(in crate::capture) fn v4(flags: u8, options: u8) -> Vec<u8> {
        let mut packet = vec![0; 20];
        packet[0] = 4 << 4 | (5 + options);
        packet[9] = TCP;
        packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        // An option of no operation, four times a word.
        packet.extend(vec![1; usize::from(options) * 4]);
        packet.extend(tcp(flags));
        packet
    }

    /// A packet of IPv6 from fd00::1 to fd00::2.
    pub(in crate::capture) fn v6(flags: u8) -> Vec<u8> {
        let mut packet = vec![0; IPV6_HEADER];
        packet[0] = 6 << 4;
        packet[6] = TCP;
        packet[8..24].copy_from_slice(&"fd00::1".parse::<Ipv6Addr>().unwrap().octets());
        packet[24..40].copy_from_slice(&"fd00::2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend(tcp(flags));
        packet
    }

    fn with(mut packet: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
        packet[at] = byte;
        packet
    }

    #[test]
    fn packets_that_open_or_close_are_segments() {
        let rows = [
            ("v4, SYN", v4(SYN, 0), "10.0.0.1:4321", "10.0.0.2:1433", Flags { syn: true, ..Flags::default() }),
            ("v4, options", v4(RST, 10), "10.0.0.1:4321", "10.0.0.2:1433", Flags { rst: true, ..Flags::default() }),
            (
                "v4, do not fragment",
                with(v4(FIN | ACK, 0), FRAGMENT_AT, 0x40),
                "10.0.0.1:4321",
                "10.0.0.2:1433",
                Flags { fin: true, ack: true, ..Flags::default() },
            ),
            (
                "v6, SYN ACK",
                v6(SYN | ACK),
                "[fd00::1]:4321",
                "[fd00::2]:1433",
                Flags { syn: true, ack: true, ..Flags::default() },
            ),
        ];
        for (name, packet, from, to, flags) in rows {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            let expected = Segment { at: AT, from, to, sequence: 0xdead_beef, flags };
            assert_eq!(Segment::parse(AT, &packet), Some(expected), "{name}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        let rows = [
            ("nothing", Vec::new()),
            ("another version", with(v4(SYN, 0), 0, 5 << 4 | 5)),
            ("UDP in v4", with(v4(SYN, 0), 9, 17)),
            ("UDP in v6", with(v6(SYN), 6, 17)),
            ("a later fragment", with(v4(SYN, 0), FRAGMENT_AT + 1, 1)),
            ("a header shorter than a header", with(v4(SYN, 0), 0, 4 << 4 | 4)),
            ("a header longer than the packet", with(v4(SYN, 0), 0, 4 << 4 | 15)),
            ("an acknowledgement", v4(ACK, 0)),
            ("data", v6(ACK | 0x08)),
        ];
        for (name, packet) in rows {
            assert_eq!(Segment::parse(AT, &packet), None, "{name}");
        }
    }

    #[test]
    fn a_packet_cut_off_before_its_flags_is_none() {
        for (packet, header) in [(v4(SYN, 0), 20), (v4(SYN, 3), 32), (v6(SYN), IPV6_HEADER)] {
            for length in 0..packet.len() {
                let parsed = Segment::parse(AT, &packet[..length]);
                assert_eq!(parsed.is_some(), length > header + FLAGS_AT, "{length} bytes of {packet:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_from_the_network_never_panic(
            version in prop_oneof![Just(0x40u8), Just(0x60), any::<u8>()],
            mut packet in prop::collection::vec(any::<u8>(), 0..160),
        ) {
            if let Some(first) = packet.first_mut() {
                *first = version | (*first & 0x0f);
            }
            if let Some(segment) = Segment::parse(AT, &packet) {
                prop_assert!(segment.flags.opens_or_closes());
            }
        }
    }
}
