//! Packets to messages: the bytes of a stream go in at any split, whole messages come out.

use super::Error;
use super::packet::{HEADER_LEN, Header, PacketType};

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: PacketType,
    /// The status bits of its first packet, where a request asks for a fresh session.
    pub status: u8,
    /// The packets' payloads, joined.
    pub payload: Vec<u8>,
}

/// Joins packets to messages. It holds what has come of the present packets, never more than the limit of one message
/// and one read.
#[derive(Debug, Default)]
pub struct Assembler {
    pending: Vec<u8>,
    started: Option<Message>,
}

impl Assembler {
    /// An assembler at a stream's start.
    #[must_use]
    pub const fn new() -> Self {
        Self { pending: Vec::new(), started: None }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole message, if it has come; its payload may have at most `limit` bytes.
    ///
    /// # Errors
    /// When a packet is shorter than its own header, longer in all than `limit`, or of another type than the message
    /// that it continues. The stream is then of no more use.
    pub fn next(&mut self, limit: usize) -> Result<Option<Message>, Error> {
        let mut used = 0;
        let result = self.join(limit, &mut used);
        self.pending.drain(..used);
        // An idle connection between two messages keeps no room.
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
        result
    }

    fn join(&mut self, limit: usize, used: &mut usize) -> Result<Option<Message>, Error> {
        while let Some(bytes) = self.pending[*used..].first_chunk::<HEADER_LEN>() {
            let header = Header::decode(*bytes);
            let length = usize::from(header.length);
            if length < HEADER_LEN {
                return Err(Error::Outside("packet"));
            }
            let so_far = self.started.as_ref().map_or(0, |message| message.payload.len());
            // Judged by the header alone, so that nobody makes us wait for what will be refused.
            if so_far + length - HEADER_LEN > limit {
                return Err(Error::TooLong { limit });
            }
            let Some(part) = self.pending[*used..].get(HEADER_LEN..length) else { break };
            let message = self.started.get_or_insert_with(|| Message {
                kind: header.kind,
                status: header.status,
                payload: Vec::with_capacity(part.len()),
            });
            if message.kind != header.kind {
                return Err(Error::Mixed { expected: message.kind.0, found: header.kind.0 });
            }
            message.payload.extend_from_slice(part);
            *used += length;
            if header.ends_message() {
                return Ok(self.started.take());
            }
        }
        Ok(None)
    }

    /// The bytes that have come and are no whole message, for whoever reads them as something else.
    #[must_use]
    pub fn into_pending(self) -> Vec<u8> {
        self.pending
    }

    /// Whether a message has begun and is not yet whole.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.started.is_some() || !self.pending.is_empty()
    }

    /// The type that the first byte of an unfinished packet claims.
    #[must_use]
    pub fn claims(&self) -> Option<PacketType> {
        self.started.as_ref().map(|message| message.kind).or_else(|| self.pending.first().copied().map(PacketType))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::packet::packets;
    use super::*;

    #[test]
    fn a_lying_length_is_refused() {
        let mut assembler = Assembler::new();
        assembler.push(&[0x12, 1, 0, 7, 0, 0, 1, 0]);
        assert_eq!(assembler.next(100), Err(Error::Outside("packet")));
    }

    #[test]
    fn the_limit_is_judged_before_the_bytes_come() {
        let mut assembler = Assembler::new();
        assembler.push(&[0x10, 1, 0x7F, 0xFF, 0, 0, 1, 0]);
        assert_eq!(assembler.next(100), Err(Error::TooLong { limit: 100 }));
    }

    #[test]
    fn endless_packets_meet_the_limit() {
        let mut assembler = Assembler::new();
        let error = (0..1000).find_map(|_| {
            assembler.push(&[0x10, 0, 0, 16, 0, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
            assembler.next(1000).err()
        });
        assert_eq!(error, Some(Error::TooLong { limit: 1000 }));
    }

    #[test]
    fn another_type_inside_a_message_is_refused() {
        let mut assembler = Assembler::new();
        assembler.push(&[0x10, 0, 0, 9, 0, 0, 1, 0, 1, 0x12, 1, 0, 9, 0, 0, 2, 0, 1]);
        assert_eq!(assembler.next(100), Err(Error::Mixed { expected: 0x10, found: 0x12 }));
    }

    proptest! {
        #[test]
        fn messages_survive_any_split(
            first in proptest::collection::vec(any::<u8>(), 0..3000),
            second in proptest::collection::vec(any::<u8>(), 0..3000),
            size in 9_usize..1500,
            read in 1_usize..700,
        ) {
            let mut stream = packets(PacketType::LOGIN7, 0, size, &first);
            stream.extend(packets(PacketType::SQL_BATCH, 0, size, &second));
            let mut assembler = Assembler::new();
            let mut whole = Vec::new();
            for part in stream.chunks(read) {
                assembler.push(part);
                while let Some(message) = assembler.next(4096).unwrap() {
                    whole.push((message.kind, message.payload));
                }
            }
            prop_assert_eq!(whole, vec![(PacketType::LOGIN7, first), (PacketType::SQL_BATCH, second)]);
            prop_assert!(!assembler.is_inside());
        }

        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut assembler = Assembler::new();
            assembler.push(&bytes);
            while let Ok(Some(_)) = assembler.next(200) {}
        }
    }
}
