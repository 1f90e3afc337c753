//! Logins of TDS 4.2 and 5.0, the dialects before TDS 7, and their refusal in their own words.
//!
//! The record has a fixed layout, the one that DB-Library 4.2 had and that Open Client 5.0 kept ("TDS 5.0 Functional
//! Specification", login record). It is read so far that a server can say who came and be understood; nothing of such
//! a session is spoken. The choice not taken: a close without a word, on which these clients wait, or report an end of
//! the stream that tells their user nothing.

use super::reader::Reader;
use super::{Done, Error, Password, ServerMessage};

/// A login before TDS 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyLogin {
    /// The client's machine.
    pub host_name: String,
    /// The login's name.
    pub user: String,
    /// The password, which such a client sends in clear.
    pub password: Password,
    /// The application's name.
    pub app_name: String,
    /// The server's name, as the client knows it.
    pub server_name: String,
    /// The name of the client's library.
    pub library: String,
    /// The dialect: 4.2.0.0, 4.6.0.0 or 5.0.0.0.
    pub tds_version: [u8; 4],
    /// Whether the client writes, and wants to read, the high byte of a number first.
    pub big_endian: bool,
}

/// Where the fields stand that are read; a text field of `n` bytes is followed by its length.
const HOST_NAME: usize = 0;
const USER: usize = 31;
const PASSWORD: usize = 62;
/// lint4: 0 when the high byte comes first.
const INT4_ORDER: usize = 125;
const APP_NAME: usize = 140;
const SERVER_NAME: usize = 171;
const TDS_VERSION: usize = 458;
const LIBRARY: usize = 462;
/// Most text fields, and the library's.
const TEXT: usize = 30;
const LIBRARY_TEXT: usize = 10;

/// TDS_LOG_FAIL: the status of a LOGINACK that refuses.
const LOG_FAIL: u8 = 6;

impl LegacyLogin {
    /// The longest login record: that of TDS 5.0 with its capabilities has some 600 bytes, in two packets of 512.
    pub const MAX_LEN: usize = 4096;

    /// Reads a login record.
    ///
    /// # Errors
    /// When it ends before the library's name, a text is longer than its field, or the dialect is none of 4 or 5.
    pub fn decode(payload: &[u8]) -> Result<Self, Error> {
        let text = |at, room| text(payload, at, room);
        let mut version = Reader::new(payload.get(TDS_VERSION..).unwrap_or_default(), "login record");
        let tds_version: [u8; 4] = version.array()?;
        let [major, ..] = tds_version;
        if !(4..=5).contains(&major) {
            return Err(Error::Unknown { what: "dialect of a login record", value: u32::from(major) });
        }
        Ok(Self {
            host_name: text(HOST_NAME, TEXT)?,
            user: text(USER, TEXT)?,
            password: Password::new(text(PASSWORD, TEXT)?),
            app_name: text(APP_NAME, TEXT)?,
            server_name: text(SERVER_NAME, TEXT)?,
            library: text(LIBRARY, LIBRARY_TEXT)?,
            tds_version,
            big_endian: payload.get(INT4_ORDER) == Some(&0),
        })
    }

    /// A reply's payload that refuses the login in its dialect: LOGINACK (failed) and EED in 5.0, ERROR before, and
    /// DONE; characters of one byte, numbers in the client's order.
    #[must_use]
    pub fn refusal(&self, message: &ServerMessage) -> Vec<u8> {
        let mut out = Numbers { out: Vec::with_capacity(256), big_endian: self.big_endian };
        let [major, ..] = self.tds_version;
        if major >= 5 {
            out.u8(0xAD);
            out.sized(|out| {
                out.u8(LOG_FAIL);
                out.out.extend_from_slice(&self.tds_version);
                out.short_text("Microsoft SQL Server");
                out.out.extend_from_slice(&[16, 0, 0x03, 0xE8]);
            });
            out.u8(0xE5);
            out.message(message, true);
        } else {
            out.u8(0xAA);
            out.message(message, false);
        }
        // No other token has the same form in all dialects; its row count has four bytes until TDS 7.2.
        out.u8(0xFD);
        out.u16(Done::ERROR);
        out.u16(0);
        out.u32(0);
        out.out
    }

    /// The dialect as SQL Server writes versions: 0x04020000.
    #[must_use]
    pub const fn version(&self) -> u32 {
        u32::from_be_bytes(self.tds_version)
    }
}

fn text(payload: &[u8], at: usize, room: usize) -> Result<String, Error> {
    let field = payload.get(at..=at + room).ok_or(Error::Short("login record"))?;
    let (bytes, length) = field.split_at(room);
    let used = length.first().map_or(0, |length| usize::from(*length));
    // What the characters mean is the client's own setting; one byte of Latin-1 each says most.
    bytes
        .get(..used)
        .map(|used| used.iter().map(|byte| char::from(*byte)).collect())
        .ok_or(Error::Outside("login record"))
}

/// Writes numbers in the order that the client asked for.
struct Numbers {
    out: Vec<u8>,
    big_endian: bool,
}

impl Numbers {
    fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    /// What `body` writes, behind its length; texts are cut far below 64 KiB.
    fn sized(&mut self, body: impl FnOnce(&mut Self)) {
        let mut part = Self { out: Vec::new(), big_endian: self.big_endian };
        body(&mut part);
        self.u16(u16::try_from(part.out.len()).unwrap_or(u16::MAX));
        self.out.extend_from_slice(&part.out);
    }

    /// The body of an ERROR, or of an EED, which has an SQLSTATE and a transaction's state in it.
    fn message(&mut self, message: &ServerMessage, extended: bool) {
        self.sized(|out| {
            out.u32(message.number.cast_unsigned());
            out.u8(message.state);
            out.u8(message.class);
            if extended {
                out.short_text("ZZZZZ");
                // No parameters follow, and no transaction is open.
                out.u8(0);
                out.u16(0);
            }
            let text = single_bytes(&message.text, 2047);
            out.u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
            out.out.extend_from_slice(&text);
            out.short_text(&message.server);
            out.short_text(&message.procedure);
            out.u16(u16::try_from(message.line).unwrap_or(u16::MAX));
        });
    }

    fn short_text(&mut self, text: &str) {
        let text = single_bytes(text, usize::from(u8::MAX));
        self.u8(u8::try_from(text.len()).unwrap_or(u8::MAX));
        self.out.extend_from_slice(&text);
    }
}

/// Characters of one byte each; what has none is a question mark, as SQL Server converts it.
fn single_bytes(text: &str, most: usize) -> Vec<u8> {
    text.chars().take(most).map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record of `length` bytes with these texts in their fields.
    fn record(version: [u8; 4], order: u8, length: usize) -> Vec<u8> {
        let mut record = vec![0; length];
        for (at, room, value) in [
            (HOST_NAME, TEXT, "web01"),
            (USER, TEXT, "sa"),
            (PASSWORD, TEXT, "hunter2"),
            (APP_NAME, TEXT, "isql"),
            (SERVER_NAME, TEXT, "db"),
            (LIBRARY, LIBRARY_TEXT, "CT-Library"),
        ] {
            record[at..at + value.len()].copy_from_slice(value.as_bytes());
            record[at + room] = u8::try_from(value.len()).unwrap();
        }
        record[INT4_ORDER] = order;
        record[TDS_VERSION..TDS_VERSION + 4].copy_from_slice(&version);
        record
    }

    fn message() -> ServerMessage {
        ServerMessage {
            number: 17802,
            state: 1,
            class: 20,
            text: "no €".to_owned(),
            server: "S".to_owned(),
            procedure: String::new(),
            line: 1,
        }
    }

    #[test]
    fn a_login_of_each_dialect() {
        let login = LegacyLogin::decode(&record([4, 2, 0, 0], 1, 572)).unwrap();
        assert_eq!(
            (login.user.as_str(), login.host_name.as_str(), login.library.as_str()),
            ("sa", "web01", "CT-Library")
        );
        assert!(login.password.is("hunter2") && !login.big_endian && !format!("{login:?}").contains("hunter2"));
        assert_eq!(login.version(), 0x0402_0000);
        let login = LegacyLogin::decode(&record([5, 0, 0, 0], 0, 600)).unwrap();
        assert!(login.big_endian && login.tds_version == [5, 0, 0, 0]);
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        assert!(LegacyLogin::decode(&record([7, 0, 0, 0], 1, 572)).is_err());
        assert!(LegacyLogin::decode(&record([4, 2, 0, 0], 1, 572)[..470]).is_err());
        let mut long = record([4, 2, 0, 0], 1, 572);
        long[USER + TEXT] = 31;
        assert_eq!(LegacyLogin::decode(&long), Err(Error::Outside("login record")));
    }

    #[test]
    fn a_refusal_of_4_2_byte_by_byte() {
        let login = LegacyLogin::decode(&record([4, 2, 0, 0], 1, 572)).unwrap();
        assert_eq!(
            login.refusal(&message()),
            [
                0xAA, 17, 0, 0x8A, 0x45, 0, 0, 1, 20, 4, 0, b'n', b'o', b' ', b'?', 1, b'S', 0, 1, 0, // ERROR
                0xFD, 2, 0, 0, 0, 0, 0, 0, 0, // DONE
            ]
        );
    }

    #[test]
    fn a_refusal_of_5_0_in_the_clients_byte_order() {
        let login = LegacyLogin::decode(&record([5, 0, 0, 0], 0, 600)).unwrap();
        let bytes = login.refusal(&message());
        let (ack, rest) = bytes.split_at(33);
        assert_eq!(ack[..8], [0xAD, 0, 30, 6, 5, 0, 0, 0]);
        assert_eq!(
            rest,
            [
                0xE5, 0, 26, 0, 0, 0x45, 0x8A, 1, 20, 5, b'Z', b'Z', b'Z', b'Z', b'Z', 0, 0, 0, // EED
                0, 4, b'n', b'o', b' ', b'?', 1, b'S', 0, 0, 1, //
                0xFD, 0, 2, 0, 0, 0, 0, 0, 0, // DONE
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_login_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..700), text in "\\PC{0,3000}") {
            if let Ok(login) = LegacyLogin::decode(&bytes) {
                let reply = login.refusal(&ServerMessage { text, ..message() });
                prop_assert!(reply.len() < 3000);
            }
        }
    }
}
