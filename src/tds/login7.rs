//! LOGIN7: who wants in, and how [MS-TDS 2.2.6.4].

use std::fmt;

use super::Error;
use super::feature::Feature;
use super::reader::{Reader, utf16};
use super::text::put_utf16;

/// A password; its text is in no Debug output.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(String);

impl Password {
    /// Takes a password in clear.
    #[must_use]
    pub const fn new(clear: String) -> Self {
        Self(clear)
    }

    /// Whether it is `clear`.
    #[must_use]
    pub fn is(&self, clear: &str) -> bool {
        self.0 == clear
    }

    /// UTF-16LE, each byte's nibbles swapped, then XOR 0xA5: a disguise, not a cipher [MS-TDS 2.2.6.4].
    fn disguise(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 2);
        put_utf16(&mut bytes, &self.0);
        for byte in &mut bytes {
            *byte = byte.rotate_left(4) ^ 0xA5;
        }
        bytes
    }

    fn reveal(disguised: &[u8]) -> Self {
        let bytes: Vec<u8> = disguised.iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
        Self(utf16(&bytes))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A login, as far as a server decides by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login7 {
    /// The TDS version that is asked for, as LOGIN7 writes it; see [`super::TdsVersion::negotiate`].
    pub tds_version: u32,
    /// The packet size that is asked for; 0 leaves it to the server.
    pub packet_size: u32,
    /// The client's process id.
    pub client_pid: u32,
    /// OptionFlags1, OptionFlags2, TypeFlags and OptionFlags3; the bit for feature extensions follows `features`.
    pub flags: [u8; 4],
    /// The client's machine.
    pub host_name: String,
    /// The login's name.
    pub user: String,
    /// The password.
    pub password: Password,
    /// The application's name.
    pub app_name: String,
    /// The server's name, as the client knows it.
    pub server_name: String,
    /// The name of the client's library.
    pub library: String,
    /// The language that is asked for.
    pub language: String,
    /// The database that is asked for.
    pub database: String,
    /// What SSPI said, for an integrated login.
    pub sspi: Vec<u8>,
    /// The feature extensions, in their order; empty before TDS 7.4.
    pub features: Vec<Feature>,
}

impl Login7 {
    /// The longest LOGIN7 that a server takes: 128 KiB less one byte [MS-TDS 2.2.6.4].
    pub const MAX_LEN: usize = 128 * 1024 - 1;

    /// The bit of OptionFlags3 that announces feature extensions.
    const EXTENSION: u8 = 0x10;
    /// The fixed part before the offset/length pairs.
    const PAIRS_AT: usize = 36;
    /// Everything before the first text since TDS 7.2, and before it without ChangePassword and cbSSPILong.
    const FIXED: usize = 94;
    const FIXED_OLD: usize = 86;

    /// Reads a login.
    ///
    /// # Errors
    /// When its own length is not the payload's, or a field points outside.
    pub fn decode(payload: &[u8]) -> Result<Self, Error> {
        let mut fixed = Reader::new(payload, "LOGIN7");
        let length = usize::try_from(fixed.u32()?).unwrap_or(usize::MAX);
        if length > payload.len() || length < Self::FIXED_OLD {
            return Err(Error::Outside("LOGIN7"));
        }
        if length < payload.len() {
            return Err(Error::Trailing { what: "LOGIN7", left: payload.len() - length });
        }
        let (tds_version, packet_size) = (fixed.u32()?, fixed.u32()?);
        let _program_version = fixed.u32()?;
        let client_pid = fixed.u32()?;
        let _connection_id = fixed.u32()?;
        let flags = fixed.array()?;
        let _time_zone_and_lcid = fixed.u64()?;

        let mut pairs = Pairs { payload, reader: fixed };
        let (host_name, user) = (pairs.text()?, pairs.text()?);
        let password = Password::reveal(pairs.bytes(2)?);
        let (app_name, server_name) = (pairs.text()?, pairs.text()?);
        let extension = pairs.bytes(1)?;
        let (library, language, database) = (pairs.text()?, pairs.text()?, pairs.text()?);
        let _client_mac: [u8; 6] = pairs.reader.array()?;
        let sspi = pairs.bytes(1)?.to_vec();
        let [_, _, _, flags3] = flags;
        let features = if flags3 & Self::EXTENSION == 0 { Vec::new() } else { Self::features(payload, extension)? };
        Ok(Self {
            tds_version,
            packet_size,
            client_pid,
            flags,
            host_name,
            user,
            password,
            app_name,
            server_name,
            library,
            language,
            database,
            sspi,
            features,
        })
    }

    /// The extension block holds the offset of the features, which is four bytes long.
    fn features(payload: &[u8], extension: &[u8]) -> Result<Vec<Feature>, Error> {
        let at = usize::try_from(Reader::new(extension, "LOGIN7 extension").u32()?).unwrap_or(usize::MAX);
        let block = payload.get(at..).ok_or(Error::Outside("LOGIN7 extension"))?;
        Feature::decode_all(&mut Reader::new(block, "LOGIN7 features"))
    }

    /// The login's bytes, in the form of TDS 7.2 and later, which older servers read as well.
    ///
    /// # Errors
    /// When the texts do not fit into offsets of two bytes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut out = vec![0; Self::PAIRS_AT];
        let mut data = Vec::new();
        put_pair(&mut out, &mut data, &units(&self.host_name), 2)?;
        put_pair(&mut out, &mut data, &units(&self.user), 2)?;
        put_pair(&mut out, &mut data, &self.password.disguise(), 2)?;
        put_pair(&mut out, &mut data, &units(&self.app_name), 2)?;
        put_pair(&mut out, &mut data, &units(&self.server_name), 2)?;
        let extension_at = data.len();
        let extension: &[u8] = if self.features.is_empty() { &[] } else { &[0; 4] };
        put_pair(&mut out, &mut data, extension, 1)?;
        put_pair(&mut out, &mut data, &units(&self.library), 2)?;
        put_pair(&mut out, &mut data, &units(&self.language), 2)?;
        put_pair(&mut out, &mut data, &units(&self.database), 2)?;
        out.extend_from_slice(&[0; 6]);
        put_pair(&mut out, &mut data, &self.sspi, 1)?;
        // AtchDBFile and ChangePassword are empty, and so is cbSSPILong.
        put_pair(&mut out, &mut data, &[], 2)?;
        put_pair(&mut out, &mut data, &[], 2)?;
        out.extend_from_slice(&[0; 4]);

        let [f1, f2, types, f3] = self.flags;
        let mut f3 = f3 & !Self::EXTENSION;
        if !self.features.is_empty() {
            f3 |= Self::EXTENSION;
            let features_at = u32::try_from(Self::FIXED + data.len()).map_err(|_| Error::Outside("LOGIN7"))?;
            data[extension_at..extension_at + 4].copy_from_slice(&features_at.to_le_bytes());
            Feature::encode_all(&self.features, &mut data);
        }
        out.extend_from_slice(&data);
        let length = u32::try_from(out.len()).map_err(|_| Error::Outside("LOGIN7"))?;
        out[0..4].copy_from_slice(&length.to_le_bytes());
        out[4..8].copy_from_slice(&self.tds_version.to_le_bytes());
        out[8..12].copy_from_slice(&self.packet_size.to_le_bytes());
        out[16..20].copy_from_slice(&self.client_pid.to_le_bytes());
        out[24..28].copy_from_slice(&[f1, f2, types, f3]);
        Ok(out)
    }
}

/// The offset/length pairs of a login, in their order.
struct Pairs<'a> {
    payload: &'a [u8],
    reader: Reader<'a>,
}

impl<'a> Pairs<'a> {
    /// The bytes of the next pair, whose length counts units of `unit` bytes.
    fn bytes(&mut self, unit: usize) -> Result<&'a [u8], Error> {
        let (at, units) = (usize::from(self.reader.u16()?), usize::from(self.reader.u16()?));
        // Some drivers leave the offset of an empty field 0, or beyond the end.
        if units == 0 {
            return Ok(&[]);
        }
        self.payload.get(at..at + units * unit).ok_or(Error::Outside("LOGIN7 field"))
    }

    fn text(&mut self) -> Result<String, Error> {
        self.bytes(2).map(utf16)
    }
}

fn units(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() * 2);
    put_utf16(&mut bytes, text);
    bytes
}

fn put_pair(out: &mut Vec<u8>, data: &mut Vec<u8>, bytes: &[u8], unit: usize) -> Result<(), Error> {
    let outside = |_| Error::Outside("LOGIN7 field");
    out.extend_from_slice(&u16::try_from(Login7::FIXED + data.len()).map_err(outside)?.to_le_bytes());
    out.extend_from_slice(&u16::try_from(bytes.len() / unit).map_err(outside)?.to_le_bytes());
    data.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::TdsVersion;
    use super::*;

    #[test]
    fn the_password_is_disguised_as_the_specification_says() {
        // `a` is 61 00: the nibbles swapped 16 00, XOR A5 is B3 A5.
        assert_eq!(Password::new("a".to_owned()).disguise(), [0xB3, 0xA5]);
        assert!(Password::reveal(&[0xB3, 0xA5]).is("a"));
    }

    #[test]
    fn no_debug_output_shows_the_password() {
        let login = Login7 { password: Password::new("hunter2".to_owned()), ..Login7::default() };
        assert!(!format!("{login:?}").contains("hunter2"));
    }

    #[test]
    fn an_old_login_has_a_shorter_fixed_part() {
        let mut login = Login7 { tds_version: TdsVersion::V7_1.login(), ..Login7::default() }.encode().unwrap();
        login.truncate(Login7::FIXED_OLD);
        login[0] = u8::try_from(Login7::FIXED_OLD).unwrap();
        assert_eq!(Login7::decode(&login).unwrap().tds_version, 0x7100_0000);
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = Login7 { user: "sa".to_owned(), ..Login7::default() }.encode().unwrap();
        for length in 0..whole.len() {
            assert!(Login7::decode(&whole[..length]).is_err(), "{length}");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(Login7::decode(&longer), Err(Error::Trailing { what: "LOGIN7", left: 1 }));
    }

    #[test]
    fn an_independent_crate_writes_a_login_that_we_read() {
        use tds_protocol::login7::{FeatureExtension, FeatureId, Login7 as Theirs};
        let feature = FeatureExtension { feature_id: FeatureId::Utf8Support, data: vec![1].into() };
        let theirs = Theirs::new()
            .with_sql_auth("sa", "p€ss")
            .with_database("shop")
            .with_hostname("web01")
            .with_packet_size(8000)
            .with_feature(feature)
            .encode();
        let login = Login7::decode(&theirs).unwrap();
        assert_eq!((login.user.as_str(), login.database.as_str(), login.packet_size), ("sa", "shop", 8000));
        assert!(login.password.is("p€ss") && login.host_name == "web01");
        assert_eq!(login.features, [Feature { id: Feature::UTF8_SUPPORT, data: vec![1] }]);
    }

    proptest! {
        #[test]
        fn decode_of_encode(
            numbers in any::<(u32, u32, u32)>(),
            flags in any::<[u8; 3]>(),
            texts in proptest::array::uniform8("\\PC{0,30}"),
            password in "\\PC{0,20}",
            sspi in proptest::collection::vec(any::<u8>(), 0..50),
            features in proptest::collection::vec((0_u8..0xFF, proptest::collection::vec(any::<u8>(), 0..9)), 0..4),
        ) {
            let [host_name, user, app_name, server_name, library, language, database, _] = texts;
            let features: Vec<_> = features.into_iter().map(|(id, data)| Feature { id, data }).collect();
            let [f1, f2, types] = flags;
            let f3 = if features.is_empty() { 0 } else { Login7::EXTENSION };
            let (tds_version, packet_size, client_pid) = numbers;
            let login = Login7 {
                tds_version, packet_size, client_pid, flags: [f1, f2, types, f3], host_name, user,
                password: Password::new(password), app_name, server_name, library, language, database, sspi, features,
            };
            prop_assert_eq!(Login7::decode(&login.encode().unwrap()).unwrap(), login);
        }

        #[test]
        fn a_changed_login_never_panics(at in 0_usize..130, byte in any::<u8>()) {
            let mut login = Login7 {
                user: "sa".to_owned(),
                features: vec![Feature { id: 1, data: Vec::new() }],
                ..Login7::default()
            }.encode().unwrap();
            if let Some(target) = login.get_mut(at) {
                *target = byte;
            }
            let _ = Login7::decode(&login);
        }
    }
}
