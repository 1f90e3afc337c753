//! The answers: sockets, an end, an error; never more than their lengths allow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN};
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, INET_DIAG_INFO, INET_DIAG_SKMEMINFO, SOCK_DIAG_BY_FAMILY,
};

use super::entry::Particulars;
use super::{HEADER, u16_at, u32_at};
use crate::record::TcpState;
use crate::sample::filter::on_the_wire;
use crate::sample::{Error, Socket};

/// The length of `inet_diag_msg`.
const DIAG_MSG: usize = 72;

/// One message of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sample) enum Message {
    /// A socket, and what else its message says.
    Socket(Socket, Particulars),
    /// The dump is over; an error number when it was cut short.
    Done(i32),
    /// The request was refused with this error number.
    Refused(i32),
    /// Nothing that matters.
    Other,
}

/// A message and what its header says of the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sample) struct Answer {
    /// To which request.
    pub(in crate::sample) sequence: u32,
    /// The table changed under the dump, or the kernel had to drop messages.
    pub(in crate::sample) torn: bool,
    /// What it says.
    pub(in crate::sample) message: Message,
}

/// The answers in one datagram; ends after the first that is malformed.
pub(in crate::sample) struct Answers<'a>(pub(in crate::sample) &'a [u8]);

impl Iterator for Answers<'_> {
    type Item = Result<Answer, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let answer = self.split();
        if answer.is_err() {
            self.0 = &[];
        }
        Some(answer)
    }
}

impl Answers<'_> {
    fn split(&mut self) -> Result<Answer, Error> {
        let bytes = self.0;
        let length = u32_at(bytes, 0).ok_or(Error::Malformed("a message without a header"))? as usize;
        if length < HEADER {
            return Err(Error::Malformed("a message shorter than its header"));
        }
        let body = bytes.get(HEADER..length).ok_or(Error::Malformed("a message longer than its datagram"))?;
        let field = |at| u16_at(bytes, at).ok_or(Error::Malformed("a message without a header"));
        let (kind, flags) = (field(4)?, field(6)?);
        let sequence = u32_at(bytes, 8).ok_or(Error::Malformed("a message without a header"))?;
        self.0 = bytes.get(aligned(length)..).unwrap_or_default();
        let message = match kind {
            SOCK_DIAG_BY_FAMILY => {
                let (socket, particulars) = socket(body)?;
                Message::Socket(socket, particulars)
            }
            // The error number is negative, as in the kernel. A dump's end may come without one.
            NLMSG_DONE => Message::Done(u32_at(body, 0).map_or(0, errno)),
            NLMSG_ERROR => Message::Refused(errno(u32_at(body, 0).ok_or(Error::Malformed("an error without number"))?)),
            NLMSG_NOOP | NLMSG_OVERRUN => Message::Other,
            _ => return Err(Error::Malformed("a message of an unknown type")),
        };
        Ok(Answer { sequence, torn: flags & NLM_F_DUMP_INTR != 0 || kind == NLMSG_OVERRUN, message })
    }
}

fn errno(bits: u32) -> i32 {
    bits.cast_signed().saturating_neg()
}

/// One `inet_diag_msg` and its attributes.
fn socket(body: &[u8]) -> Result<(Socket, Particulars), Error> {
    let (fixed, attributes) =
        body.split_at_checked(DIAG_MSG).ok_or(Error::Malformed("a socket shorter than inet_diag_msg"))?;
    let family = fixed[0];
    let state = TcpState::from_kernel(fixed[1]).ok_or(Error::Malformed("a socket in no TCP state"))?;
    let port = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let told = Attributes::read(attributes)?;
    let socket = Socket {
        local: address(family, &fixed[8..24], port(4))?,
        remote: address(family, &fixed[24..40], port(6))?,
        state,
        inode: u32_at(fixed, 68).map_or(0, u64::from),
        memory: Some(told.memory),
    };
    Ok((socket, Particulars::read(fixed, state, told.last_ack)))
}

fn address(family: u8, bytes: &[u8], port: u16) -> Result<SocketAddr, Error> {
    const SHORT: Error = Error::Malformed("an address that is cut short");
    let ip = match family {
        AF_INET => IpAddr::V4(Ipv4Addr::from(*bytes.first_chunk::<4>().ok_or(SHORT)?)),
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(*bytes.first_chunk::<16>().ok_or(SHORT)?)),
        _ => return Err(Error::Malformed("a socket of an unknown address family")),
    };
    Ok(on_the_wire(ip, port))
}

/// What the attributes behind a socket say.
#[derive(Default)]
struct Attributes {
    /// What the kernel holds in its buffers and queues; a mini-socket has no such attribute, and holds nothing.
    memory: u64,
    /// Since when its peer is silent, where `tcp_info` was asked for and the socket has one.
    last_ack: Option<Duration>,
}

impl Attributes {
    fn read(mut attributes: &[u8]) -> Result<Self, Error> {
        // Of `SK_MEMINFO_*`: received, forward allocated, queued to send, options, backlog; the rest are limits, counts,
        // and `WMEM_ALLOC`, which holds clones of what is queued to send.
        const HELD: [usize; 5] = [0, 4, 5, 6, 7];
        // `tcpi_last_ack_recv`, in milliseconds: when the peer's last segment came, data or not.
        const LAST_ACK: usize = 56;
        let mut told = Self::default();
        while !attributes.is_empty() {
            let header = u16_at(attributes, 0).zip(u16_at(attributes, 2));
            let (length, kind) = header.ok_or(Error::Malformed("an attribute without a header"))?;
            let length = usize::from(length);
            let value = attributes.get(4..length).ok_or(Error::Malformed("an attribute of a wrong length"))?;
            match kind {
                INET_DIAG_SKMEMINFO => {
                    told.memory = HELD.iter().filter_map(|&field| u32_at(value, 4 * field)).map(u64::from).sum();
                }
                INET_DIAG_INFO => {
                    told.last_ack = u32_at(value, LAST_ACK).map(|ms| Duration::from_millis(u64::from(ms)));
                }
                _ => {}
            }
            attributes = attributes.get(aligned(length)..).unwrap_or_default();
        }
        Ok(told)
    }
}

/// Rounded up to the next multiple of four, to which netlink aligns everything.
const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::Entry;

    fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&7u32.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(body);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    /// `10.0.0.1:40000 -> 10.0.0.2:1433` in CLOSE_WAIT, inode 99, with an attribute before its memory.
    fn close_wait() -> Vec<u8> {
        let mut body = vec![AF_INET, 8, 0, 0];
        body.extend_from_slice(&40_000u16.to_be_bytes());
        body.extend_from_slice(&1433u16.to_be_bytes());
        for ip in [[10, 0, 0, 1], [10, 0, 0, 2]] {
            body.extend_from_slice(&ip);
            body.extend_from_slice(&[0; 12]);
        }
        body.resize(68, 0);
        body.extend_from_slice(&99u32.to_ne_bytes());
        for (length, kind, value) in [(5u16, 8u16, vec![3, 0, 0, 0]), (40, INET_DIAG_SKMEMINFO, memory_fields())] {
            body.extend_from_slice(&length.to_ne_bytes());
            body.extend_from_slice(&kind.to_ne_bytes());
            body.extend_from_slice(&value);
        }
        body
    }

    fn memory_fields() -> Vec<u8> {
        [1u32, 1000, 1000, 1000, 20, 300, 4000, 50_000, 1000].iter().flat_map(|field| field.to_ne_bytes()).collect()
    }

    fn all(bytes: &[u8]) -> Vec<Result<Answer, Error>> {
        Answers(bytes).collect()
    }

    #[test]
    fn reads_sockets_and_the_end() {
        let mut bytes = message(SOCK_DIAG_BY_FAMILY, 0, &close_wait());
        bytes.extend(message(NLMSG_NOOP, 0, &[]));
        bytes.extend(message(NLMSG_DONE, NLM_F_DUMP_INTR, &0i32.to_ne_bytes()));
        let answers: Vec<Answer> = Answers(&bytes).map(Result::unwrap).collect();
        let expected = Socket {
            local: "10.0.0.1:40000".parse().unwrap(),
            remote: "10.0.0.2:1433".parse().unwrap(),
            state: TcpState::CloseWait,
            inode: 99,
            memory: Some(54_321),
        };
        let messages: Vec<Message> = answers.iter().map(|answer| answer.message).collect();
        let Message::Socket(socket, particulars) = messages[0] else { panic!("{:?}", messages[0]) };
        assert_eq!((socket, &messages[1..]), (expected, &[Message::Other, Message::Done(0)][..]));
        let entry = Entry::new(socket, particulars);
        assert_eq!((entry.quiet, entry.uid, entry.remote, entry.inode), (None, 0, expected.remote, 99));
        assert_eq!(answers.iter().map(|answer| answer.torn).collect::<Vec<_>>(), [false, false, true]);
        assert!(answers.iter().all(|answer| answer.sequence == 7));
    }

    #[test]
    fn reads_errors_and_lost_messages() {
        let refused = all(&message(NLMSG_ERROR, 0, &(-2i32).to_ne_bytes()));
        assert_eq!(refused[0].as_ref().unwrap().message, Message::Refused(2));
        let cut_short = all(&message(NLMSG_DONE, 0, &(-12i32).to_ne_bytes()));
        assert_eq!(cut_short[0].as_ref().unwrap().message, Message::Done(12));
        assert!(all(&message(NLMSG_OVERRUN, 0, &[]))[0].as_ref().unwrap().torn);
    }

    #[test]
    fn lies_are_errors() {
        let good = message(SOCK_DIAG_BY_FAMILY, 0, &close_wait());
        for (at, value) in [
            (0, 0),                      // a length of nothing
            (0, 15),                     // shorter than the header
            (0, 17),                     // no room for a socket
            (0, 255),                    // longer than the datagram
            (4, 99),                     // an unknown type
            (HEADER, 1),                 // AF_UNIX
            (HEADER + 1, 0),             // no state
            (HEADER + 1, 13),            // no state either
            (HEADER + DIAG_MSG, 3),      // an attribute shorter than its header
            (HEADER + DIAG_MSG + 8, 60), // an attribute beyond its message
        ] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let answers = all(&bytes);
            assert!(matches!(answers.as_slice(), [Err(Error::Malformed(_))]), "{value} at {at}: {answers:?}");
        }
        for length in 1..good.len() {
            assert!(all(&good[..length]).iter().all(Result::is_err), "{length} bytes of {}", good.len());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for answer in Answers(&bytes) {
                let _ = answer;
            }
        }

        #[test]
        fn no_change_to_a_good_datagram_panics(changes in proptest::collection::vec((0usize..300, any::<u8>()), 1..8)) {
            let mut bytes = message(SOCK_DIAG_BY_FAMILY, 0, &close_wait());
            bytes.extend(message(SOCK_DIAG_BY_FAMILY, 0, &close_wait()));
            for (at, value) in changes {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            prop_assert!(Answers(&bytes).count() <= bytes.len() / HEADER + 1);
        }
    }
}
