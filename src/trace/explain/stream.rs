//! Segments of one direction to its bytes in order.

use std::collections::BTreeMap;

/// The bytes of one direction, as their numbers put them in order.
#[derive(Debug, Default)]
pub(in crate::trace) struct Stream {
    /// The number of the next byte; none before the SYN.
    next: Option<u32>,
    /// Data that came before what it follows, by how far ahead it is of the first byte.
    early: BTreeMap<u32, Vec<u8>>,
    first: u32,
}

/// How far ahead data is kept; TCP's own window is no larger without scaling, and a link in a sandbox loses nothing.
const MOST_AHEAD: u32 = 1024 * 1024;

/// What a segment brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::trace) struct Taken {
    /// The bytes that are new, and what they let through that had come before.
    pub(in crate::trace) bytes: Vec<u8>,
    /// Whether all of it had been there before.
    pub(in crate::trace) again: bool,
}

impl Stream {
    /// The direction begins: its SYN has this number.
    pub(in crate::trace) fn begin(&mut self, number: u32) {
        if self.next.is_none() {
            self.first = number.wrapping_add(1);
            self.next = Some(self.first);
        }
    }

    /// A segment's data.
    pub(in crate::trace) fn take(&mut self, number: u32, data: &[u8]) -> Taken {
        let Some(next) = self.next else { return Taken::default() };
        if data.is_empty() {
            return Taken::default();
        }
        let (start, expected) = (number.wrapping_sub(self.first), next.wrapping_sub(self.first));
        if start > expected {
            if start - expected <= MOST_AHEAD {
                self.early.insert(start, data.to_vec());
            }
            return Taken::default();
        }
        let known = (expected - start) as usize;
        let Some(fresh) = data.get(known..).filter(|fresh| !fresh.is_empty()) else {
            return Taken { bytes: Vec::new(), again: true };
        };
        let mut bytes = fresh.to_vec();
        let mut end = expected + length(fresh);
        while let Some(early) = self.early.first_entry().filter(|early| *early.key() <= end) {
            let (start, data) = early.remove_entry();
            let more = data.get((end - start) as usize..).unwrap_or_default();
            bytes.extend(more);
            end += length(more);
        }
        self.next = Some(self.first.wrapping_add(end));
        Taken { bytes, again: false }
    }
}

/// A segment has at most 64 KiB.
fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Taken {
        Taken { bytes: text.as_bytes().to_vec(), again: false }
    }

    #[test]
    fn segments_come_in_order_once_and_across_the_wrap() {
        for syn in [7, u32::MAX - 2] {
            let at = |offset: u32| syn.wrapping_add(1).wrapping_add(offset);
            let mut stream = Stream::default();
            assert_eq!(stream.take(at(0), b"before the SYN"), Taken::default());
            stream.begin(syn);
            assert_eq!(stream.take(at(0), b"abc"), bytes("abc"));
            assert_eq!(stream.take(at(0), b"abc"), Taken { bytes: vec![], again: true });
            assert_eq!(stream.take(at(5), b"fg"), Taken::default(), "ahead");
            assert_eq!(stream.take(at(7), b"h"), Taken::default(), "further ahead");
            assert_eq!(stream.take(at(2), b"cde"), bytes("defgh"), "a part is known");
            assert_eq!(stream.take(at(8), b"i"), bytes("i"));
        }
    }
}
