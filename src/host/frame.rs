//! Frames: a length of four bytes, big-endian, and that many bytes of JSON. Sans-io: bytes in, bytes out.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;

/// The most bytes of JSON in one message, 16 MiB; both ends refuse more.
pub const MAX_FRAME: usize = 16 << 20;

/// How many bytes the length takes.
const HEAD: usize = 4;

/// A message as the bytes of a frame.
pub(super) fn encode<M: Serialize + ?Sized>(message: &M) -> Result<Vec<u8>, Error> {
    let mut frame = vec![0; HEAD];
    serde_json::to_writer(&mut frame, message).map_err(Error::Encode)?;
    let size = frame.len() - HEAD;
    let length = u32::try_from(size).ok().filter(|_| size <= MAX_FRAME).ok_or(Error::TooLarge(size))?;
    frame.splice(..HEAD, length.to_be_bytes());
    Ok(frame)
}

/// The bytes of a frame's JSON as a message.
pub(super) fn decode<M: DeserializeOwned>(json: &[u8]) -> Result<M, Error> {
    serde_json::from_slice(json).map_err(Error::Decode)
}

/// The size that a frame's head announces.
pub(super) fn announced(head: [u8; HEAD]) -> Result<usize, Error> {
    let size = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if size > MAX_FRAME { Err(Error::TooLarge(size)) } else { Ok(size) }
}

/// How much is read at once.
pub(super) const READ: usize = 64 << 10;

/// Bytes as they arrive, cut into frames.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// How many bytes at the front belong to frames that were taken.
    taken: usize,
}

impl Inbox {
    /// Where the next bytes from the other end go; the caller appends, and appends only.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        // Once for every read, not for every frame: a busy part sends many small frames in one read.
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.reserve(READ);
        &mut self.bytes
    }

    /// The next message, when all of it has arrived.
    pub(super) fn next<M: DeserializeOwned>(&mut self) -> Result<Option<M>, Error> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some((head, rest)) = rest.split_first_chunk::<HEAD>() else { return Ok(None) };
        let size = announced(*head)?;
        let Some(json) = rest.get(..size) else { return Ok(None) };
        self.taken += HEAD + size;
        decode(json).map(Some)
    }

    /// What an end of the stream means here: a proper end between messages, an error inside one.
    pub(super) fn at_end(&self) -> Result<(), Error> {
        if self.bytes.len() == self.taken { Ok(()) } else { Err(Error::Cut) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_arrive_whole_however_they_are_cut(
            messages in prop::collection::vec("\\PC{0,40}", 1..6),
            sizes in prop::collection::vec(1usize..9, 1..20),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
            let (mut inbox, mut arrived, mut rest) = (Inbox::default(), Vec::new(), stream.as_slice());
            for size in sizes.into_iter().cycle() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                inbox.buffer().extend_from_slice(now);
                while let Some(message) = inbox.next::<String>().unwrap() {
                    arrived.push(message);
                }
                rest = later;
                if rest.is_empty() { break }
            }
            prop_assert_eq!(arrived, messages);
            prop_assert!(inbox.at_end().is_ok());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut inbox = Inbox::default();
            inbox.buffer().extend(bytes);
            while let Ok(Some(_)) = inbox.next::<serde_json::Value>() {}
        }
    }

    #[test]
    fn both_ends_refuse_more_than_the_limit() {
        let long = "x".repeat(MAX_FRAME);
        assert!(matches!(encode(&long), Err(Error::TooLarge(size)) if size == MAX_FRAME + 2));
        assert_eq!(encode(&long[2..]).unwrap().len(), HEAD + MAX_FRAME);
        let mut inbox = Inbox::default();
        inbox.buffer().extend(u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes());
        assert!(matches!(inbox.next::<String>(), Err(Error::TooLarge(_))), "refused before its bytes come");
    }

    #[test]
    fn an_end_inside_a_message_is_an_error() {
        let frame = encode("hello").unwrap();
        for length in 1..frame.len() {
            let mut inbox = Inbox::default();
            inbox.buffer().extend(&frame[..length]);
            assert!(inbox.next::<String>().unwrap().is_none());
            assert!(matches!(inbox.at_end(), Err(Error::Cut)), "{length}");
        }
    }

    #[test]
    fn a_message_of_another_type_is_told_and_skipped() {
        let mut inbox = Inbox::default();
        inbox.buffer().extend([encode("text").unwrap(), encode(&7).unwrap()].concat());
        assert!(matches!(inbox.next::<u32>(), Err(Error::Decode(_))));
        assert_eq!(inbox.next::<u32>().unwrap(), Some(7));
    }
}
