//! The packet: eight bytes of header, then a part of a message [MS-TDS 2.2.3].

/// The length of a packet header.
pub const HEADER_LEN: usize = 8;

/// The largest packet that LOGIN7 may ask for [MS-TDS 2.2.6.4].
pub const MAX_PACKET: usize = 32_767;

/// What a message is, in every header of its packets [MS-TDS 2.2.3.1.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketType(pub u8);

impl PacketType {
    /// SQL text.
    pub const SQL_BATCH: Self = Self(0x01);
    /// A login of TDS 4.2 or 5.0.
    pub const LEGACY_LOGIN: Self = Self(0x02);
    /// A remote procedure call.
    pub const RPC: Self = Self(0x03);
    /// Everything that a server says.
    pub const REPLY: Self = Self(0x04);
    /// The client wants its request cancelled.
    pub const ATTENTION: Self = Self(0x06);
    /// Rows of a bulk load.
    pub const BULK_LOAD: Self = Self(0x07);
    /// A transaction manager request.
    pub const TRANSACTION: Self = Self(0x0E);
    /// A login.
    pub const LOGIN7: Self = Self(0x10);
    /// The message before a login.
    pub const PRELOGIN: Self = Self(0x12);

    /// Whether it asks for something that only a session can do: SQL text, a procedure call, a transaction.
    #[must_use]
    pub const fn is_request(self) -> bool {
        matches!(self, Self::SQL_BATCH | Self::RPC | Self::TRANSACTION)
    }
}

/// The header of one packet [MS-TDS 2.2.3.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the message is.
    pub kind: PacketType,
    /// Status bits; [`Header::END`] is one.
    pub status: u8,
    /// The packet's length, header included.
    pub length: u16,
    /// The server's process id of the session; clients send 0.
    pub spid: u16,
    /// Counts packets modulo 256.
    pub id: u8,
}

impl Header {
    /// The status bit of a message's last packet.
    pub const END: u8 = 0x01;
    /// The status bits that ask for a fresh session before the request is served: RESETCONNECTION and
    /// RESETCONNECTIONSKIPTRAN [MS-TDS 2.2.3.1.2].
    pub const RESET: u8 = 0x08 | 0x10;

    /// The header in eight bytes; whether the values make sense is the caller's question.
    #[must_use]
    pub const fn decode(bytes: [u8; HEADER_LEN]) -> Self {
        let [kind, status, l0, l1, s0, s1, id, _window] = bytes;
        Self {
            kind: PacketType(kind),
            status,
            length: u16::from_be_bytes([l0, l1]),
            spid: u16::from_be_bytes([s0, s1]),
            id,
        }
    }

    /// The eight bytes of the header.
    #[must_use]
    pub const fn encode(self) -> [u8; HEADER_LEN] {
        let ([l0, l1], [s0, s1]) = (self.length.to_be_bytes(), self.spid.to_be_bytes());
        [self.kind.0, self.status, l0, l1, s0, s1, self.id, 0]
    }

    /// Whether the message ends with this packet.
    #[must_use]
    pub const fn ends_message(self) -> bool {
        self.status & Self::END != 0
    }
}

/// Cuts a message into packets of at most `packet_size` bytes. Status is 0x00 or 0x01, since tiberius refuses more.
#[must_use]
pub fn packets(kind: PacketType, spid: u16, packet_size: usize, payload: &[u8]) -> Vec<u8> {
    let room = packet_size.clamp(HEADER_LEN + 1, MAX_PACKET) - HEADER_LEN;
    let count = payload.len().div_ceil(room).max(1);
    let mut out = Vec::with_capacity(payload.len() + count * HEADER_LEN);
    for at in 0..count {
        let part = &payload[at * room..payload.len().min((at + 1) * room)];
        let header = Header {
            kind,
            status: if at + 1 == count { Header::END } else { 0 },
            // At most MAX_PACKET by the clamp above.
            length: u16::try_from(part.len() + HEADER_LEN).unwrap_or(u16::MAX),
            spid,
            // Packet ids count from 1 and wrap [MS-TDS 2.2.3.1.5].
            id: u8::try_from((at + 1) % 256).unwrap_or(0),
        };
        out.extend_from_slice(&header.encode());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_as_the_specification_shows_it() {
        // [MS-TDS 4.1] the header of a PRELOGIN request.
        let bytes = [0x12, 0x01, 0x00, 0x2F, 0x00, 0x00, 0x01, 0x00];
        let header = Header::decode(bytes);
        assert_eq!((header.kind, header.length, header.id), (PacketType::PRELOGIN, 47, 1));
        assert!(header.ends_message());
        assert_eq!(header.encode(), bytes);
    }

    #[test]
    fn only_the_last_packet_ends_the_message() {
        let out = packets(PacketType::REPLY, 51, 512, &[7; 1000]);
        let first = Header::decode(out[..8].try_into().unwrap());
        let last = Header::decode(out[512..520].try_into().unwrap());
        assert_eq!((first.length, first.status, first.id), (512, 0, 1));
        assert_eq!((last.length, last.status, last.id, last.spid), (504, 1, 2, 51));
        assert_eq!(out.len(), 1016);
    }

    #[test]
    fn an_empty_message_is_one_packet() {
        assert_eq!(packets(PacketType::ATTENTION, 0, 4096, &[]), [6, 1, 0, 8, 0, 0, 1, 0]);
    }

    #[test]
    fn an_independent_crate_reads_the_header() {
        let ours = Header { kind: PacketType::REPLY, status: 1, length: 300, spid: 51, id: 3 };
        let theirs = tds_protocol::packet::PacketHeader::decode(&mut ours.encode().as_slice()).unwrap();
        assert_eq!((theirs.length, theirs.spid, theirs.packet_id), (300, 51, 3));
        assert_eq!(theirs.packet_type as u8, ours.kind.0);
    }
}
