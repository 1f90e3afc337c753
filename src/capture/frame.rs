//! Bytes to a frame with its TCP segment, from the Ethernet header on: the whole of it, where
//! [`Segment`](super::Segment) is only what a ledger needs.
//!
//! The choice not taken: a checksum is not looked at. The sending host leaves it to hardware that a veth pair does not
//! have, so a capture on the way out holds none that is right.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::units::Monotonic;

/// The length of an Ethernet header.
pub(super) const ETHERNET: usize = 14;
/// Ethernet's type of IPv4.
const IPV4: u16 = 0x0800;
/// The shortest headers of IPv4 and of TCP.
const SHORTEST: usize = 20;

/// The flags of a TCP segment, as the header has them [RFC 9293, 3.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// Its sender has nothing more to send.
    pub const FIN: Self = Self(0x01);
    /// It opens.
    pub const SYN: Self = Self(0x02);
    /// It resets.
    pub const RST: Self = Self(0x04);
    /// It acknowledges.
    pub const ACK: Self = Self(0x10);

    const NAMES: [&'static str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// In the order of the bits, as tshark writes them: `FIN, PSH, ACK`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::NAMES.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name);
        f.write_str(&set.collect::<Vec<_>>().join(", "))
    }
}

/// A frame as it was captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// When the kernel saw it.
    pub at: Monotonic,
    /// The same by the wall clock, in nanoseconds since 1970.
    pub wall_ns: u64,
    /// Its bytes, from the Ethernet header on.
    #[serde(with = "base64_text")]
    pub bytes: Vec<u8>,
}

/// A frame that holds a TCP segment over IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its sender.
    pub from: SocketAddr,
    /// Its receiver.
    pub to: SocketAddr,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number; of meaning with the flag ACK.
    pub acknowledgement: u32,
    /// The flags.
    pub flags: TcpFlags,
    /// The receive window, not scaled.
    pub window: u16,
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The segment of an Ethernet frame; none when it is no TCP over IPv4, or cut off before its data.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        if u16_at(bytes, ETHERNET - 2)? != IPV4 {
            return None;
        }
        let packet = bytes.get(ETHERNET..)?;
        let first = *packet.first()?;
        let header = usize::from(first & 0x0f) * 4;
        let continued = u16_at(packet, super::segment::FRAGMENT_AT)? & super::segment::FRAGMENT != 0;
        if first >> 4 != 4 || header < SHORTEST || continued || *packet.get(9)? != super::segment::TCP {
            return None;
        }
        let ip = |at| Some(IpAddr::V4(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?)));
        let (source, destination) = (ip(12)?, ip(16)?);
        // Short frames are padded behind the packet; a length of 0 is the kernel's for one of more than 64 KiB.
        let length = match usize::from(u16_at(packet, 2)?) {
            0 => packet.len(),
            length => length.min(packet.len()),
        };
        let tcp = packet.get(header..length)?;
        let data = usize::from(*tcp.get(12)? >> 4) * 4;
        if data < SHORTEST {
            return None;
        }
        let u32_at = |at| Some(u32::from_be_bytes(*tcp.get(at..)?.first_chunk()?));
        Some(Self {
            from: SocketAddr::new(source, u16_at(tcp, 0)?),
            to: SocketAddr::new(destination, u16_at(tcp, 2)?),
            sequence: u32_at(4)?,
            acknowledgement: u32_at(8)?,
            flags: TcpFlags(*tcp.get(super::segment::FLAGS_AT)?),
            window: u16_at(tcp, 14)?,
            payload: tcp.get(data..)?,
        })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Bytes as text in JSON, a third longer than themselves; as a list of numbers they would be four times as long.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame from 198.18.0.1:40000 to 198.18.0.2:1433 with words of IP and of TCP options, and padding behind.
    pub(in crate::capture) fn frame(flags: u8, ip: u8, tcp: u8, payload: &[u8], padding: usize) -> Vec<u8> {
        let mut bytes = vec![2; 12];
        bytes.extend([0x08, 0x00]);
        let length = 20 + usize::from(ip) * 4 + 20 + usize::from(tcp) * 4 + payload.len();
        let mut packet = vec![0; 20 + usize::from(ip) * 4];
        packet[0] = 0x40 | (5 + ip);
        packet[2..4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        packet[9] = 6;
        packet[12..20].copy_from_slice(&[198, 18, 0, 1, 198, 18, 0, 2]);
        let mut segment = vec![0; 20 + usize::from(tcp) * 4];
        segment[..12].copy_from_slice(&[0x9c, 0x40, 0x05, 0x99, 0, 0, 0, 7, 0, 0, 0, 9]);
        segment[12] = (5 + tcp) << 4;
        segment[13] = flags;
        segment[14..16].copy_from_slice(&[0x12, 0x34]);
        bytes.extend([packet, segment, payload.to_vec(), vec![0; padding]].concat());
        bytes
    }

    #[test]
    fn a_frame_is_read_with_options_and_without_its_padding() {
        for (ip, tcp, padding) in [(0, 0, 0), (0, 3, 6), (10, 10, 4)] {
            let bytes = frame(0x19, ip, tcp, b"data", padding);
            let expected = Frame {
                from: "198.18.0.1:40000".parse().unwrap(),
                to: "198.18.0.2:1433".parse().unwrap(),
                sequence: 7,
                acknowledgement: 9,
                flags: TcpFlags(0x19),
                window: 0x1234,
                payload: b"data",
            };
            assert_eq!(Frame::parse(&bytes), Some(expected), "{ip} {tcp} {padding}");
        }
    }

    #[test]
    fn flags_are_written_as_tshark_does() {
        for (flags, text) in [(0x02, "SYN"), (0x12, "SYN, ACK"), (0x19, "FIN, PSH, ACK"), (0x14, "RST, ACK"), (0, "")] {
            assert_eq!(TcpFlags(flags).to_string(), text);
        }
        assert!(TcpFlags(0x12).has(TcpFlags::SYN) && !TcpFlags(0x12).has(TcpFlags::FIN));
    }

    #[test]
    fn what_is_no_tcp_over_ipv4_is_none() {
        let good = frame(0x02, 0, 0, b"", 0);
        for (at, byte) in [(12, 0x86), (14, 0x65), (14, 0x44), (21, 1), (23, 17), (46, 0x40)] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            assert_eq!(Frame::parse(&bytes), None, "byte {at}");
        }
        for length in 0..good.len() {
            assert_eq!(Frame::parse(&good[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn a_captured_frame_crosses_a_process_border_whole() {
        let captured = Captured { at: Monotonic::from_nanos(7), wall_ns: 9, bytes: vec![0, 255, 3] };
        let json = serde_json::to_string(&captured).unwrap();
        assert!(json.contains(r#""AP8D""#), "{json}");
        assert_eq!(serde_json::from_str::<Captured>(&json).unwrap(), captured);
    }

    proptest! {
        #[test]
        fn bytes_from_the_network_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..160)) {
            let _ = Frame::parse(&bytes);
            if bytes.len() > 24 {
                bytes[12..14].copy_from_slice(&[8, 0]);
                bytes[14] = 0x40 | (bytes[14] & 0x0f);
                bytes[20..22].copy_from_slice(&[0, 0]);
                bytes[23] = 6;
                let _ = Frame::parse(&bytes);
            }
        }
    }
}
