//! PRELOGIN: what client and server say before the login [MS-TDS 2.2.6.5].
//!
//! Options are kept as they came, in their order: drivers send them in different sets and sizes (a TRACEID of 20 or of
//! 36 bytes, say), and a typed struct would have to refuse what SQL Server lets pass.

use std::borrow::Cow;

use super::Error;
use super::reader::Reader;

/// One option: its token and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreloginOption<'a> {
    /// Which option.
    pub token: u8,
    /// Its data, as it came.
    pub data: Cow<'a, [u8]>,
}

/// A PRELOGIN message, of a client or of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prelogin<'a> {
    /// The options in their order; VERSION is the first.
    pub options: Vec<PreloginOption<'a>>,
}

/// ENCRYPTION's values [MS-TDS 2.2.6.5].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// The login packet only.
    Off = 0,
    /// The whole connection, if the other side can.
    On = 1,
    /// None.
    NotSupported = 2,
    /// The whole connection, or no connection.
    Required = 3,
}

impl Prelogin<'_> {
    /// VERSION: four bytes of version, two of build; the first in every message.
    pub const VERSION: u8 = 0;
    /// ENCRYPTION: one byte.
    pub const ENCRYPTION: u8 = 1;
    /// INSTOPT: the instance's name; the server answers 0 when it is that instance.
    pub const INSTOPT: u8 = 2;
    /// THREADID: the client's thread; a server sends it empty.
    pub const THREADID: u8 = 3;
    /// MARS: whether several requests may run at once.
    pub const MARS: u8 = 4;
    /// TRACEID: for traces; a server sends it empty.
    pub const TRACEID: u8 = 5;
    /// FEDAUTHREQUIRED: whether the client may log in with a token.
    pub const FEDAUTHREQUIRED: u8 = 6;
    /// NONCE: 32 random bytes, of use with FEDAUTHREQUIRED only.
    pub const NONCE: u8 = 7;

    const TERMINATOR: u8 = 0xFF;
    /// The protocol has eight options; more than this is no PRELOGIN.
    const MAX_OPTIONS: usize = 32;

    /// The data of the option `token`.
    #[must_use]
    pub fn option(&self, token: u8) -> Option<&[u8]> {
        self.options.iter().find(|option| option.token == token).map(|option| &*option.data)
    }

    /// What ENCRYPTION says; none when it was not sent.
    #[must_use]
    pub fn encryption(&self) -> Option<Encryption> {
        // Bit 0x80 asks for a client certificate and leaves the rest as it is.
        match self.option(Self::ENCRYPTION)?.first()? & 0x7F {
            0 => Some(Encryption::Off),
            1 => Some(Encryption::On),
            2 => Some(Encryption::NotSupported),
            3 => Some(Encryption::Required),
            _ => None,
        }
    }

    /// A server's answer: only options that were sent, since one driver takes an INSTOPT it did not ask for as its
    /// ENCRYPTION. `version` is four bytes of version and two of build.
    #[must_use]
    pub fn reply(&self, version: [u8; 6], encryption: Encryption) -> Prelogin<'static> {
        let answer = |option: &PreloginOption<'_>| -> Option<Cow<'static, [u8]>> {
            match option.token {
                Self::VERSION => Some(Cow::Owned(version.to_vec())),
                Self::ENCRYPTION => Some(Cow::Borrowed(match encryption {
                    Encryption::Off => &[0],
                    Encryption::On => &[1],
                    Encryption::NotSupported => &[2],
                    Encryption::Required => &[3],
                })),
                // The instance is this one; MARS is off; a login with a token is not asked for.
                Self::INSTOPT | Self::MARS | Self::FEDAUTHREQUIRED => Some(Cow::Borrowed(&[0])),
                Self::THREADID | Self::TRACEID => Some(Cow::Borrowed(&[])),
                _ => None,
            }
        };
        let options = self
            .options
            .iter()
            .filter_map(|option| answer(option).map(|data| PreloginOption { token: option.token, data }))
            .collect();
        Prelogin { options }
    }

    /// The message's bytes.
    ///
    /// # Errors
    /// When the options do not fit into offsets of two bytes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut offset = self.options.len() * 5 + 1;
        let data: usize = self.options.iter().map(|option| option.data.len()).sum();
        let mut out = Vec::with_capacity(offset + data);
        for option in &self.options {
            let outside = |_| Error::Outside("PRELOGIN option");
            out.push(option.token);
            out.extend_from_slice(&u16::try_from(offset).map_err(outside)?.to_be_bytes());
            out.extend_from_slice(&u16::try_from(option.data.len()).map_err(outside)?.to_be_bytes());
            offset += option.data.len();
        }
        out.push(Self::TERMINATOR);
        for option in &self.options {
            out.extend_from_slice(&option.data);
        }
        Ok(out)
    }
}

impl<'a> Prelogin<'a> {
    /// Reads a message. Bytes that no option points to are not looked at, as in SQL Server: the message has offsets,
    /// and so no end of its own.
    ///
    /// # Errors
    /// When VERSION is not first, an option repeats or points outside, or the terminator is missing.
    pub fn decode(payload: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(payload, "PRELOGIN");
        let mut options: Vec<PreloginOption<'a>> = Vec::with_capacity(8);
        let mut lowest = usize::MAX;
        let table = loop {
            let token = reader.u8()?;
            if token == Self::TERMINATOR {
                break options.len() * 5 + 1;
            }
            let (offset, length) = (usize::from(reader.u16_be()?), usize::from(reader.u16_be()?));
            let known = options.iter().any(|option| option.token == token);
            if known || options.is_empty() != (token == Self::VERSION) || options.len() == Self::MAX_OPTIONS {
                return Err(Error::Unknown { what: "PRELOGIN option", value: u32::from(token) });
            }
            let data = payload.get(offset..offset + length).ok_or(Error::Outside("PRELOGIN option"))?;
            if !data.is_empty() {
                lowest = lowest.min(offset);
            }
            options.push(PreloginOption { token, data: Cow::Borrowed(data) });
        };
        // An option's data may not lie in the table; an empty one lies nowhere.
        if lowest < table {
            return Err(Error::Outside("PRELOGIN option"));
        }
        if options.first().is_none_or(|version| version.data.len() != 6) {
            return Err(Error::Outside("PRELOGIN VERSION"));
        }
        Ok(Self { options })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tds_protocol::prelogin::{EncryptionLevel, PreLogin};

    use super::*;

    /// [MS-TDS 4.1] the payload of the specification's PRELOGIN request.
    const REQUEST: &[u8] = &[
        0x00, 0x00, 0x1A, 0x00, 0x06, 0x01, 0x00, 0x20, 0x00, 0x01, 0x02, 0x00, 0x21, 0x00, 0x01, 0x03, 0x00, 0x22,
        0x00, 0x04, 0x04, 0x00, 0x26, 0x00, 0x01, 0xFF, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0xB8, 0x0D,
        0x00, 0x00, 0x01,
    ];

    #[test]
    fn the_specifications_request_reads_and_writes() {
        let prelogin = Prelogin::decode(REQUEST).unwrap();
        assert_eq!(prelogin.options.len(), 5);
        assert_eq!(prelogin.encryption(), Some(Encryption::On));
        assert_eq!(prelogin.option(Prelogin::THREADID), Some([0xB8, 0x0D, 0, 0].as_slice()));
        assert_eq!(prelogin.encode().unwrap(), REQUEST);
    }

    #[test]
    fn the_reply_answers_only_what_was_sent() {
        let request = Prelogin {
            options: vec![
                PreloginOption { token: Prelogin::VERSION, data: Cow::Borrowed(&[0; 6]) },
                PreloginOption { token: Prelogin::MARS, data: Cow::Borrowed(&[1]) },
                PreloginOption { token: Prelogin::NONCE, data: Cow::Borrowed(&[1; 32]) },
            ],
        };
        let reply = request.reply([16, 0, 3, 232, 0, 0], Encryption::NotSupported);
        let bytes = reply.encode().unwrap();
        assert_eq!(bytes, [0, 0, 11, 0, 6, 4, 0, 17, 0, 1, 0xFF, 16, 0, 3, 232, 0, 0, 0]);
    }

    #[test]
    fn an_independent_crate_reads_the_reply_and_we_its_request() {
        let request = PreLogin::new().with_encryption(EncryptionLevel::NotSupported).encode();
        let request = Prelogin::decode(&request).unwrap();
        assert_eq!(request.encryption(), Some(Encryption::NotSupported));
        let reply = request.reply([16, 0, 3, 232, 0, 0], Encryption::NotSupported).encode().unwrap();
        let theirs = PreLogin::decode(reply.as_slice()).unwrap();
        assert_eq!(theirs.encryption, EncryptionLevel::NotSupported);
        assert_eq!(theirs.server_version.map(|version| (version.major, version.build)), Some((16, 1000)));
    }

    #[test]
    fn offsets_and_order_are_held() {
        for (what, bytes) in [
            ("empty", [].as_slice()),
            ("no terminator", &REQUEST[..25]),
            ("outside", &REQUEST[..38]),
            ("VERSION not first", &[1, 0, 6, 0, 1, 0xFF, 0]),
            ("no VERSION", &[0xFF]),
            ("inside the table", &[0, 0, 0, 0, 6, 0xFF, 0]),
            ("twice", &[0, 0, 11, 0, 6, 0, 0, 11, 0, 6, 0xFF, 1, 2, 3, 4, 5, 6]),
        ] {
            assert!(Prelogin::decode(bytes).is_err(), "{what}");
        }
    }

    proptest! {
        #[test]
        fn decode_of_encode(
            version in any::<[u8; 6]>(),
            rest in proptest::collection::btree_map(1_u8..0xFF, proptest::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            let options = std::iter::once((0, version.to_vec())).chain(rest);
            let options = options.map(|(token, data)| PreloginOption { token, data: Cow::Owned(data) }).collect();
            let prelogin = Prelogin { options };
            let bytes = prelogin.encode().unwrap();
            prop_assert_eq!(Prelogin::decode(&bytes).unwrap(), prelogin);
        }

        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(prelogin) = Prelogin::decode(&bytes) {
                prop_assert!(prelogin.reply([0; 6], Encryption::Off).encode().is_ok());
            }
        }
    }
}
