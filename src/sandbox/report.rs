//! The maker's one message to its parent: a fixed number of bytes, because the maker may not allocate.

use super::settings::{FILES, Settings};
use super::{Error, Step};

/// How many bytes of a setting's text are kept; the longest is `32768\t60999\n`.
pub(super) const TEXT: usize = 32;

/// The texts of one host's settings, each padded with zeros.
pub(super) type Texts = [[u8; TEXT]; FILES.len()];

/// The bytes of a message.
pub(super) const SIZE: usize = 5 + 2 * FILES.len() * TEXT;

/// First byte of a message that reports no failure.
const DONE: u8 = u8::MAX;

/// What the maker did, or where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The namespaces are made; their descriptors travel beside the message.
    Done {
        /// The settings read back on the client's host.
        client: Texts,
        /// The settings read back on the server's host.
        server: Texts,
    },
    /// A step failed.
    Failed {
        /// Which step.
        step: Step,
        /// The kernel's reason.
        errno: i32,
    },
}

impl Report {
    /// The message; neither allocates nor panics, for the maker's sake.
    pub(super) fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let (head, texts) = bytes.split_at_mut(5);
        match self {
            Self::Failed { step, errno } => {
                let [a, b, c, d] = errno.to_le_bytes();
                head.copy_from_slice(&[step.byte(), a, b, c, d]);
            }
            Self::Done { client, server } => {
                head.fill(DONE);
                for (to, from) in texts.chunks_exact_mut(TEXT).zip(client.iter().chain(server)) {
                    to.copy_from_slice(from);
                }
            }
        }
        bytes
    }

    /// The message as a value; `None` when it is none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SIZE] = bytes.try_into().ok()?;
        let (head, texts) = bytes.split_at(5);
        if head.first() != Some(&DONE) {
            let [step, errno @ ..] = <[u8; 5]>::try_from(head).ok()?;
            return Some(Self::Failed { step: Step::from_byte(step)?, errno: i32::from_le_bytes(errno) });
        }
        let (mut client, mut server) = (Texts::default(), Texts::default());
        for (to, from) in client.iter_mut().chain(&mut server).zip(texts.chunks_exact(TEXT)) {
            to.copy_from_slice(from);
        }
        Some(Self::Done { client, server })
    }
}

/// The texts of one host's settings as values.
pub(super) fn settings(texts: &Texts) -> Result<Settings, Error> {
    let text = |bytes: &'_ [u8; TEXT]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    let [ports, fin_timeout, tw_reuse] = texts.each_ref().map(text);
    Settings::parse([&ports, &fin_timeout, &tw_reuse])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(text: &str) -> [u8; TEXT] {
        let mut bytes = [0; TEXT];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes
    }

    #[test]
    fn reports_arrive_as_they_were_sent() {
        let client = [padded("40000\t41999\n"), padded("5\n"), padded("2\n")];
        let server = [padded("32768\t60999\n"), padded("5\n"), padded("0\n")];
        for report in [Report::Done { client, server }, Report::Failed { step: Step::Veth, errno: 95 }] {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
        assert_eq!(settings(&client).unwrap().ports.count(), 2000);
        assert_eq!(settings(&server).unwrap().tcp_tw_reuse, 0);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert_eq!(Report::decode(&[]), None);
        assert_eq!(Report::decode(&[200; SIZE]), None);
        assert!(settings(&Texts::default()).is_err());
    }
}
