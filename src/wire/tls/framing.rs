//! What lies around the records of a handshake.

use crate::tds::{PacketType, packets};

/// The largest packet of a handshake: the size before any login has asked for another [MS-TDS 2.2.3].
const PACKET: usize = 4096;

/// What lies around the records of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// They travel in PRELOGIN packets, until the handshake is over [MS-TDS 2.2.6.5].
    Packets {
        /// The session's id in the packets of this side; a client's is 0.
        spid: u16,
    },
    /// Nothing: TDS 8.0, where TLS comes first.
    Raw,
}

impl Framing {
    /// Records as they go on the wire; packets end their message with the last one. Nothing stays nothing.
    #[must_use]
    pub fn wrap(self, records: &[u8]) -> Vec<u8> {
        match self {
            Self::Packets { spid } if !records.is_empty() => packets(PacketType::PRELOGIN, spid, PACKET, records),
            Self::Packets { .. } | Self::Raw => records.to_vec(),
        }
    }

    /// The fatal alert `handshake_failure` as it goes on the wire [RFC 5246 7.2]: what a server says that shares nothing
    /// with its client.
    #[must_use]
    pub fn alert(self) -> Vec<u8> {
        self.wrap(&[0x15, 3, 3, 0, 2, 2, 40])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::{HEADER_LEN, Header};

    #[test]
    fn a_long_flight_is_one_message_of_several_packets() {
        let out = Framing::Packets { spid: 51 }.wrap(&[0x16; 5000]);
        let header = |at: usize| Header::decode(out[at..at + HEADER_LEN].try_into().unwrap());
        let (first, last) = (header(0), header(4096));
        assert_eq!((first.kind, first.length, first.status, first.spid), (PacketType::PRELOGIN, 4096, 0, 51));
        assert_eq!((usize::from(last.length), last.status), (5000 - 4088 + 8, 1));
        assert_eq!(out.len(), 5016);
    }

    #[test]
    fn nothing_is_no_packet_and_raw_is_itself() {
        assert!(Framing::Packets { spid: 0 }.wrap(&[]).is_empty());
        assert_eq!(Framing::Raw.wrap(&[1, 2]), [1, 2]);
    }

    #[test]
    fn an_alert_in_both_framings() {
        assert_eq!(Framing::Raw.alert(), [0x15, 3, 3, 0, 2, 2, 40]);
        let packet = Framing::Packets { spid: 51 }.alert();
        assert_eq!(packet, [0x12, 1, 0, 15, 0, 51, 1, 0, 0x15, 3, 3, 0, 2, 2, 40]);
    }
}
