//! Records of TLS as they lie on the wire: what can be told of them without a key [RFC 8446, 5; RFC 5246, 6.2, 7.4].

use crate::record::Side;

/// What a message that tells of a handshake is called.
pub(super) const HANDSHAKE: &str = "TLS handshake";

const HEADER: usize = 5;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE_RECORD: u8 = 22;
const DATA: u8 = 23;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// What sealing adds to a record's data: in TLS 1.3 a tag of 16 bytes and the record's true type; in TLS 1.2 a tag, and
/// with AES-GCM a nonce of 8 bytes [RFC 8446, 5.2; RFC 5288, 3; RFC 7905, 2].
const SEALED_1_3: usize = 17;
const SEALED_GCM: usize = 24;
const SEALED_CHACHA: usize = 16;

/// A closing alert of TLS 1.3, sealed: two bytes. No driver sends two bytes of data.
const SEALED_ALERT: usize = 2 + SEALED_1_3;

/// Whether bytes between two units begin a record: no packet of TDS has such a type.
pub(super) fn begins_record(bytes: &[u8]) -> bool {
    matches!(bytes, [CHANGE_CIPHER_SPEC..=DATA] | [CHANGE_CIPHER_SPEC..=DATA, 3, ..])
}

/// A whole record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    kind: u8,
    body: Vec<u8>,
}

/// The records of one direction.
#[derive(Debug, Default)]
pub(super) struct Records(Vec<u8>);

impl Records {
    /// Takes bytes, up to the end of one record at the most: how many, and the record, if it is whole.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Record>) {
        let mut used = HEADER.saturating_sub(self.0.len()).min(bytes.len());
        self.0.extend_from_slice(&bytes[..used]);
        let [kind, _, _, upper, lower] = self.0[..].first_chunk::<HEADER>().copied().unwrap_or_default();
        if self.0.len() < HEADER {
            return (used, None);
        }
        let length = HEADER + usize::from(u16::from_be_bytes([upper, lower]));
        let more = (length - self.0.len()).min(bytes.len() - used);
        self.0.extend_from_slice(&bytes[used..used + more]);
        used += more;
        if self.0.len() < length {
            return (used, None);
        }
        let body = self.0.split_off(HEADER);
        self.0.clear();
        (used, Some(Record { kind, body }))
    }

    pub(super) fn is_inside(&self) -> bool {
        !self.0.is_empty()
    }
}

/// What a record is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A part of the handshake.
    Handshake { text: String, encrypted: bool },
    /// An alert.
    Alert { text: String, encrypted: bool },
    /// So many bytes of data.
    Data(usize),
}

/// The handshake of a connection, as its records tell it.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    is_1_3: bool,
    sealed: usize,
    /// In TLS 1.2, whose records are sealed by now: the client's, the server's.
    changed: [bool; 2],
    /// In TLS 1.3, whether the client has sent its Finished, the last of the handshake.
    finished: bool,
    /// Handshake messages that go on in the next record, of each side.
    open: [Vec<u8>; 2],
}

impl Handshakes {
    /// The next record of `side`.
    pub(super) fn meets(&mut self, side: Side, record: &Record) -> Found {
        let at = side as usize;
        match record.kind {
            CHANGE_CIPHER_SPEC => {
                self.changed[at] = true;
                Found::Handshake { text: "ChangeCipherSpec".to_owned(), encrypted: false }
            }
            HANDSHAKE_RECORD if self.changed[at] && !self.is_1_3 => {
                Found::Handshake { text: "Finished".to_owned(), encrypted: true }
            }
            HANDSHAKE_RECORD => Found::Handshake { text: self.handshake(side, &record.body), encrypted: false },
            ALERT => match record.body[..] {
                [level, description] => Found::Alert { text: alert(level, description), encrypted: false },
                _ => Found::Alert { text: "sealed, close_notify as a rule".to_owned(), encrypted: true },
            },
            _ if self.is_1_3 && record.body.len() == SEALED_ALERT => {
                Found::Alert { text: "sealed, close_notify as a rule".to_owned(), encrypted: true }
            }
            _ if self.is_1_3 && !self.finished => {
                let text = match side {
                    Side::Client => "Finished",
                    Side::Server => "sealed, of EncryptedExtensions to Finished",
                };
                self.finished = side == Side::Client;
                Found::Handshake { text: text.to_owned(), encrypted: true }
            }
            _ => Found::Data(record.body.len().saturating_sub(self.sealed)),
        }
    }

    /// The names of the handshake messages that end in a record.
    fn handshake(&mut self, side: Side, body: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.open[side as usize]);
        bytes.extend_from_slice(body);
        let (mut names, mut rest) = (Vec::new(), bytes.as_slice());
        while let [kind, a, b, c, behind @ ..] = rest {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let Some(message) = behind.get(..length) else { break };
            rest = &behind[length..];
            names.push(match *kind {
                CLIENT_HELLO => "ClientHello".to_owned(),
                SERVER_HELLO => self.server_hello(message),
                4 => "NewSessionTicket".to_owned(),
                11 => "Certificate".to_owned(),
                12 => "ServerKeyExchange".to_owned(),
                13 => "CertificateRequest".to_owned(),
                14 => "ServerHelloDone".to_owned(),
                15 => "CertificateVerify".to_owned(),
                16 => "ClientKeyExchange".to_owned(),
                other => format!("handshake message {other}"),
            });
        }
        self.open[side as usize] = rest.to_vec();
        if names.is_empty() { "a part of a message".to_owned() } else { names.join(", ") }
    }

    /// Notes which version and which sealing were agreed on.
    fn server_hello(&mut self, message: &[u8]) -> String {
        // Version, random, then the session's id behind its length, then the cipher suite.
        let suite_at = message.get(34).map_or(usize::MAX, |length| 35 + usize::from(*length));
        let suite =
            message.get(suite_at..).and_then(|rest| rest.first_chunk()).map_or(0, |suite| u16::from_be_bytes(*suite));
        self.is_1_3 = suite >> 8 == 0x13;
        self.sealed = match suite {
            _ if self.is_1_3 => SEALED_1_3,
            0xCCA8..=0xCCAE => SEALED_CHACHA,
            _ => SEALED_GCM,
        };
        format!("ServerHello (TLS 1.{})", if self.is_1_3 { 3 } else { 2 })
    }
}

fn alert(level: u8, description: u8) -> String {
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        40 => "handshake_failure",
        42 => "bad_certificate",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        48 => "unknown_ca",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        80 => "internal_error",
        112 => "unrecognized_name",
        120 => "no_application_protocol",
        other => return format!("{} {other}", if level == 2 { "fatal" } else { "warning" }),
    };
    format!("{} {name}", if level == 2 { "fatal" } else { "warning" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Record {
        let bytes = [&[kind, 3, 3, 0, u8::try_from(body.len()).unwrap()][..], body].concat();
        let mut records = Records::default();
        let mut found = None;
        // Byte by byte, so that every split is tried.
        for byte in bytes {
            assert_eq!(found, None);
            found = records.take(&[byte]).1;
        }
        found.unwrap()
    }

    fn server_hello(suite: u16) -> Vec<u8> {
        let hello = [&[3, 3][..], &[7; 32], &[2, 9, 9], &suite.to_be_bytes(), &[0]].concat();
        [&[SERVER_HELLO, 0, 0, u8::try_from(hello.len()).unwrap()][..], &hello].concat()
    }

    fn says(text: &str, encrypted: bool) -> Found {
        Found::Handshake { text: text.to_owned(), encrypted }
    }

    #[test]
    fn tls_1_2_says_what_its_records_are() {
        use Side::{Client, Server};
        let mut all = Handshakes::default();
        assert_eq!(all.meets(Client, &record(22, &[CLIENT_HELLO, 0, 0, 1, 0])), says("ClientHello", false));
        let flight = [server_hello(0xC02C), vec![11, 0, 0, 0, 14, 0, 0, 0]].concat();
        let expected = says("ServerHello (TLS 1.2), Certificate, ServerHelloDone", false);
        assert_eq!(all.meets(Server, &record(22, &flight)), expected);
        assert_eq!(all.meets(Client, &record(20, &[1])), says("ChangeCipherSpec", false));
        assert_eq!(all.meets(Client, &record(22, &[0; 40])), says("Finished", true));
        assert_eq!(all.meets(Client, &record(23, &[0; 124])), Found::Data(100));
        let closing = Found::Alert { text: "sealed, close_notify as a rule".to_owned(), encrypted: true };
        assert_eq!(all.meets(Server, &record(21, &[0; 26])), closing);
    }

    #[test]
    fn tls_1_3_calls_everything_data_and_its_order_tells() {
        use Side::{Client, Server};
        let mut all = Handshakes::default();
        assert_eq!(all.meets(Server, &record(22, &server_hello(0x1302))), says("ServerHello (TLS 1.3)", false));
        let hidden = says("sealed, of EncryptedExtensions to Finished", true);
        assert_eq!(all.meets(Server, &record(23, &[0; 200])), hidden);
        assert_eq!(all.meets(Client, &record(20, &[1])), says("ChangeCipherSpec", false));
        assert_eq!(all.meets(Client, &record(23, &[0; 69])), says("Finished", true));
        assert_eq!(all.meets(Client, &record(23, &[0; 117])), Found::Data(100));
        assert_eq!(all.meets(Server, &record(23, &[0; 67])), Found::Data(50));
        assert!(matches!(all.meets(Server, &record(23, &[0; 19])), Found::Alert { encrypted: true, .. }));
    }

    #[test]
    fn an_alert_in_clear_is_named() {
        let mut all = Handshakes::default();
        let expected = Found::Alert { text: "fatal unknown_ca".to_owned(), encrypted: false };
        assert_eq!(all.meets(Side::Client, &record(21, &[2, 48])), expected);
    }
}
