//! Bytes of one direction to messages of TDS, with what they tunnel and what is none.

use crate::tds::{HEADER_LEN, Header, PacketType};

/// What was whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A message.
    Message { kind: PacketType, payload: Vec<u8> },
    /// Records of TLS out of a packet.
    Tunnelled(Vec<u8>),
    /// So many bytes that are no TDS.
    Garbage(usize),
}

/// The packets of one direction. The choice not taken: `tds::Assembler`, which gives whole messages only, and whose
/// stream is of no more use after the first that is none.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// The packet under way.
    packet: Vec<u8>,
    /// The message under way: its type, and the payloads of its packets so far.
    message: Option<(PacketType, Vec<u8>)>,
    /// The other side can no longer read it either.
    lost: bool,
}

/// The longest message that is put together.
const MOST: usize = 256 * 1024;

impl Packets {
    /// Takes bytes, up to the end of one unit at the most: how many, and the unit that ended, if one did.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Unit>) {
        if self.lost {
            return (bytes.len(), Some(Unit::Garbage(bytes.len())));
        }
        let missing = HEADER_LEN.saturating_sub(self.packet.len());
        let mut used = missing.min(bytes.len());
        self.packet.extend_from_slice(&bytes[..used]);
        if !self.packet.first().is_none_or(|kind| is_known(*kind)) {
            return self.give_up(bytes);
        }
        let Some(header) = self.packet.first_chunk::<HEADER_LEN>().map(|header| Header::decode(*header)) else {
            return (used, None);
        };
        let length = usize::from(header.length);
        let so_far = self.message.as_ref().map_or(0, |(_, payload)| payload.len());
        let other = self.message.as_ref().is_some_and(|(kind, _)| *kind != header.kind);
        if length < HEADER_LEN || other || so_far + length > MOST {
            return self.give_up(bytes);
        }
        let more = (length - self.packet.len()).min(bytes.len() - used);
        self.packet.extend_from_slice(&bytes[used..used + more]);
        used += more;
        if self.packet.len() < length {
            return (used, None);
        }
        let payload = self.packet.split_off(HEADER_LEN);
        self.packet.clear();
        if matches!(header.kind, PacketType::PRELOGIN | PacketType::REPLY) && super::tls::begins_record(&payload) {
            return (used, Some(Unit::Tunnelled(payload)));
        }
        let (kind, mut joined) = self.message.take().unwrap_or((header.kind, Vec::new()));
        joined.extend(payload);
        if header.ends_message() {
            return (used, Some(Unit::Message { kind, payload: joined }));
        }
        self.message = Some((kind, joined));
        (used, None)
    }

    fn give_up(&mut self, bytes: &[u8]) -> (usize, Option<Unit>) {
        self.lost = true;
        self.packet.clear();
        self.message = None;
        (bytes.len(), Some(Unit::Garbage(bytes.len())))
    }

    /// Whether a unit has begun and is not yet whole.
    pub(super) fn is_inside(&self) -> bool {
        !self.packet.is_empty() || self.message.is_some()
    }

    /// The message under way: its type, its payload so far, and the length of its payload if the packet under way is its
    /// last.
    pub(super) fn under_way(&self) -> Option<(PacketType, Vec<u8>, Option<usize>)> {
        let header = self.packet.first_chunk::<HEADER_LEN>().map(|header| Header::decode(*header));
        let (kind, mut payload) = match (&self.message, self.packet.first()) {
            (Some((kind, payload)), _) => (*kind, payload.clone()),
            (None, Some(kind)) => (PacketType(*kind), Vec::new()),
            (None, None) => return None,
        };
        let joined = payload.len();
        payload.extend(self.packet.get(HEADER_LEN..).unwrap_or_default());
        let whole = header
            .filter(|header| header.ends_message())
            .map(|header| joined + usize::from(header.length) - HEADER_LEN);
        Some((kind, payload, whole))
    }
}

/// Whether a packet may begin so [MS-TDS 2.2.3.1.1].
fn is_known(kind: u8) -> bool {
    matches!(kind, 0x01..=0x04 | 0x06..=0x08 | 0x0E | 0x10..=0x12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::packets;

    fn units(packets: &mut Packets, bytes: &[u8], at_once: usize) -> Vec<Unit> {
        let mut found = Vec::new();
        for chunk in bytes.chunks(at_once) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (used, unit) = packets.take(rest);
                rest = &rest[used..];
                found.extend(unit);
            }
        }
        found
    }

    #[test]
    fn messages_come_out_whole_at_any_split() {
        let bytes = [
            packets(PacketType::PRELOGIN, 0, 4096, &[0, 1, 2]),
            packets(PacketType::REPLY, 0, 12, b"in three packets"),
            packets(PacketType::PRELOGIN, 0, 4096, &[0x16, 3, 3, 0]),
        ]
        .concat();
        let message = |kind, payload: &[u8]| Unit::Message { kind, payload: payload.to_vec() };
        for at_once in [1, 2, 7, 11, 4096] {
            let mut reader = Packets::default();
            let expected = [
                message(PacketType::PRELOGIN, &[0, 1, 2]),
                message(PacketType::REPLY, b"in three packets"),
                Unit::Tunnelled(vec![0x16, 3, 3, 0]),
            ];
            assert_eq!(units(&mut reader, &bytes, at_once), expected, "{at_once}");
            assert!(!reader.is_inside() && reader.under_way().is_none());
        }
    }

    #[test]
    fn what_is_under_way_is_told() {
        let bytes = packets(PacketType::REPLY, 0, 4096, b"0123456789");
        let mut reader = Packets::default();
        assert_eq!(units(&mut reader, &bytes[..5], 9), []);
        assert_eq!(reader.under_way(), Some((PacketType::REPLY, Vec::new(), None)));
        assert_eq!(units(&mut reader, &bytes[5..12], 9), []);
        assert_eq!(reader.under_way(), Some((PacketType::REPLY, b"0123".to_vec(), Some(10))));
    }

    #[test]
    fn what_is_no_tds_is_counted_and_nothing_behind_it_is_read() {
        let good = packets(PacketType::REPLY, 0, 4096, b"x");
        for bad in [&b"HTTP/1.1 400"[..], &[4, 1, 0, 7, 0, 0, 0, 0]] {
            let mut reader = Packets::default();
            assert_eq!(units(&mut reader, bad, 100), [Unit::Garbage(bad.len())]);
            assert_eq!(units(&mut reader, &good, 100), [Unit::Garbage(good.len())]);
        }
    }
}
