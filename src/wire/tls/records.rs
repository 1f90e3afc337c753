//! TLS records out of what a peer sends, in packets or not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::Framing;
use super::ahead::Ahead;
use crate::tds::{HEADER_LEN, Header, PacketType};

/// The length of a record's header.
const RECORD_HEADER_LEN: usize = 5;

/// Takes the packets off from around a peer's records.
///
/// A packet may begin and end anywhere in a record, and hold any number of them. What follows a packet is another one, or
/// the content type of a record: then the peer has left the packets, for good. From there on one read ends with one record
/// at the latest, and the rest stays in the stream, so that a connection whose TLS ends after the login packet finds
/// everything behind it untouched.
#[derive(Debug)]
pub(super) enum Records {
    /// Records from the first byte to the last: nothing to look for.
    Raw,
    /// Between two packets, or in a packet's header.
    Between { header: [u8; HEADER_LEN], seen: usize },
    /// In a packet.
    Packet { left: usize },
    /// The packets have ended.
    Bare { header: [u8; RECORD_HEADER_LEN], seen: usize, left: usize },
}

impl Records {
    pub(super) const fn new(framing: Framing) -> Self {
        match framing {
            Framing::Packets { .. } => Self::BETWEEN,
            Framing::Raw => Self::Raw,
        }
    }

    const BETWEEN: Self = Self::Between { header: [0; HEADER_LEN], seen: 0 };

    const BARE: Self = Self::Bare { header: [0; RECORD_HEADER_LEN], seen: 0, left: 0 };

    /// Reads bytes of records; none when the peer has closed.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut Ahead<S>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if matches!(self, Self::Raw) || buffer.remaining() == 0 {
            return Pin::new(stream).poll_read(context, buffer);
        }
        loop {
            // What was read too far is taken as it is needed, or a read's many small records would be put back many times.
            let most = if stream.is_ahead() { self.needs() } else { usize::MAX };
            let most = most.min(buffer.remaining());
            let mut room = ReadBuf::new(buffer.initialize_unfilled_to(most));
            ready!(Pin::new(&mut *stream).poll_read(context, &mut room))?;
            let bytes = room.filled_mut();
            if bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let Taken { kept, used } = self.take(bytes)?;
            stream.unread(&bytes[used..]);
            if kept > 0 {
                buffer.advance(kept);
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Takes bytes as they came, and moves those that belong to records to the front.
    pub(super) fn take(&mut self, bytes: &mut [u8]) -> io::Result<Taken> {
        let mut taken = Taken { kept: 0, used: 0 };
        while taken.used < bytes.len() {
            match self {
                Self::Raw => return Ok(Taken { kept: bytes.len(), used: bytes.len() }),
                Self::Between { seen: 0, .. } if is_record(bytes[taken.used]) => {
                    *self = Self::BARE;
                    if taken.kept > 0 {
                        break;
                    }
                }
                Self::Between { header, seen } => {
                    let byte = bytes[taken.used];
                    if *seen == 0 && PacketType(byte) != PacketType::PRELOGIN {
                        return Err(malformed("neither a packet nor a record"));
                    }
                    header[*seen] = byte;
                    *seen += 1;
                    taken.used += 1;
                    if *seen == HEADER_LEN {
                        *self = Self::after(Header::decode(*header))?;
                    }
                }
                Self::Packet { left } => {
                    *left -= taken.keep(bytes, *left);
                    if *left == 0 {
                        *self = Self::BETWEEN;
                    }
                }
                Self::Bare { header, seen, left } if *seen < RECORD_HEADER_LEN => {
                    header[*seen] = bytes[taken.used];
                    *seen += taken.keep(bytes, 1);
                    if *seen == RECORD_HEADER_LEN {
                        *left = usize::from(u16::from_be_bytes([header[3], header[4]]));
                    }
                }
                Self::Bare { left, .. } => *left -= taken.keep(bytes, *left),
            }
            if let Self::Bare { seen: RECORD_HEADER_LEN, left: 0, .. } = self {
                *self = Self::BARE;
                break;
            }
        }
        Ok(taken)
    }

    /// So many bytes are sure to be taken whole.
    const fn needs(&self) -> usize {
        match self {
            Self::Bare { seen, left, .. } if *seen == RECORD_HEADER_LEN => *left,
            Self::Bare { seen, .. } => RECORD_HEADER_LEN - *seen,
            // Whole packets, and many of them.
            Self::Raw | Self::Between { .. } | Self::Packet { .. } => usize::MAX,
        }
    }

    fn after(header: Header) -> io::Result<Self> {
        match usize::from(header.length).checked_sub(HEADER_LEN) {
            Some(0) => Ok(Self::BETWEEN),
            Some(left) => Ok(Self::Packet { left }),
            None => Err(malformed("a packet shorter than its own header")),
        }
    }
}

/// How far bytes were taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// So many at the front belong to records.
    pub(super) kept: usize,
    /// So many were looked at; the rest comes later.
    pub(super) used: usize,
}

impl Taken {
    /// Keeps at most `most` of what is left; how many that were.
    fn keep(&mut self, bytes: &mut [u8], most: usize) -> usize {
        let count = most.min(bytes.len() - self.used);
        bytes.copy_within(self.used..self.used + count, self.kept);
        self.kept += count;
        self.used += count;
        count
    }
}

/// Whether a byte is a content type: change cipher spec, alert, handshake or application data [RFC 8446 5.1].
const fn is_record(byte: u8) -> bool {
    matches!(byte, 0x14..=0x17)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;
    use crate::tds::packets;

    const IN_PACKETS: Framing = Framing::Packets { spid: 0 };

    /// What comes out when `stream` comes in pieces of `piece` bytes; what is put back comes again.
    fn through(stream: &[u8], piece: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut records = Records::new(IN_PACKETS);
        let (mut out, mut at) = (Vec::new(), 0);
        while at < stream.len() {
            let mut bytes = stream[at..stream.len().min(at + piece)].to_vec();
            let taken = records.take(&mut bytes)?;
            assert!(taken.kept <= taken.used && taken.used <= bytes.len());
            if taken.kept > 0 {
                out.push(bytes[..taken.kept].to_vec());
            }
            at += taken.used;
        }
        Ok(out)
    }

    fn packet(payload: &[u8]) -> Vec<u8> {
        packets(PacketType::PRELOGIN, 0, 4096, payload)
    }

    #[test]
    fn packets_end_anywhere_in_a_record() {
        let record = [0x16, 3, 3, 0, 6, 1, 2, 3, 4, 5, 6];
        for cut in 0..record.len() {
            let stream = [packet(&record[..cut]), packet(&record[cut..]), packet(&record)].concat();
            for piece in [1, 7, 4096] {
                assert_eq!(through(&stream, piece).unwrap().concat(), [record, record].concat(), "{cut} {piece}");
            }
        }
    }

    #[test]
    fn a_packet_that_does_not_end_the_message_is_one_too() {
        let stream = packets(PacketType::PRELOGIN, 0, 12, &[0x16, 3, 3, 0, 1, 9]);
        assert_eq!(stream[1], 0);
        assert_eq!(through(&stream, 4096).unwrap().concat(), [0x16, 3, 3, 0, 1, 9]);
    }

    #[test]
    fn an_empty_packet_is_passed_over() {
        assert_eq!(through(&[packet(&[]), packet(&[0x16])].concat(), 4096).unwrap().concat(), [0x16]);
    }

    #[test]
    fn bare_records_come_one_by_one_and_plain_bytes_stay_behind() {
        let (inside, bare) = ([0x16, 3, 3, 0, 1, 7], [0x17, 3, 3, 0, 3, 1, 2, 3]);
        let stream = [packet(&inside), bare.to_vec(), bare.to_vec()].concat();
        assert_eq!(through(&stream, 4096).unwrap(), [inside.to_vec(), bare.to_vec(), bare.to_vec()]);

        let mut records = Records::new(IN_PACKETS);
        let mut bytes = [bare.to_vec(), packet(b"plain")].concat();
        assert_eq!(records.take(&mut bytes).unwrap().used, bare.len());
    }

    #[test]
    fn many_small_records_in_one_read_are_not_put_back_many_times() {
        let all = [0x17, 3, 3, 0, 1, 9].repeat(5000);
        let (mut stream, mut records) = (Ahead::new(&all[..]), Records::new(IN_PACKETS));
        let (mut room, mut read, mut reads) = ([0; 30_000], 0, 0);
        loop {
            let mut buffer = ReadBuf::new(&mut room);
            let result = records.poll_read(&mut stream, &mut Context::from_waker(Waker::noop()), &mut buffer);
            assert!(matches!(result, Poll::Ready(Ok(()))), "{result:?}");
            if buffer.filled().is_empty() {
                break;
            }
            (read, reads) = (read + buffer.filled().len(), reads + 1);
        }
        assert_eq!(read, 30_000);
        assert!(stream.moved <= read && reads <= 2 * 5000, "{} moved in {reads} reads", stream.moved);
    }

    #[test]
    fn what_is_neither_packet_nor_record_is_refused() {
        for bad in [
            b"GET / HTTP/1.1".to_vec(),
            vec![0x12, 1, 0, 0, 0, 0, 1, 0],
            vec![0x12, 1, 0, 7, 0, 0, 1, 0],
            [packet(&[0x16]), vec![0x10]].concat(),
            vec![0x18],
            vec![0x13],
        ] {
            for piece in [1, 4096] {
                assert_eq!(through(&bad, piece).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bad:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_at_any_split_are_the_same_records(
            bytes in proptest::collection::vec(prop_oneof![Just(0x12_u8), Just(0), Just(1), Just(9), 0x14..0x18_u8, any::<u8>()], 0..300),
            piece in 1_usize..60,
        ) {
            let (whole, split) = (through(&bytes, 4096), through(&bytes, piece));
            match (whole, split) {
                (Ok(whole), Ok(split)) => prop_assert_eq!(whole.concat(), split.concat()),
                (whole, split) => prop_assert_eq!(whole.is_err(), split.is_err()),
            }
        }

        #[test]
        fn records_survive_any_packets(
            payload in proptest::collection::vec(any::<u8>(), 0..9000),
            size in 9_usize..5000,
            piece in 1_usize..5000,
        ) {
            let stream = packets(PacketType::PRELOGIN, 0, size, &payload);
            prop_assert_eq!(through(&stream, piece).unwrap().concat(), payload);
        }
    }
}
