//! LOGIN7: who wants in, and how [MS-TDS 2.2.6.4].

use super::feature::{Asked, Feature, FedAuth, Recovery};
use super::password::Password;
use super::reader::{Reader, utf16};
use super::text::put_utf16;
use super::{Error, TdsVersion};

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

    /// The bit of OptionFlags2 that asks for an integrated login (fIntSecurity).
    const INTEGRATED: u8 = 0x80;
    /// The bit of OptionFlags3 that announces feature extensions.
    const EXTENSION: u8 = 0x10;
    /// The most characters that a name may have; an attached file's may have more.
    const NAME_UNITS: usize = 128;
    /// What cbSSPI says when the true length stands in cbSSPILong, since TDS 7.2.
    const SSPI_IS_LONG: usize = 0xFFFF;
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
        let (sspi_at, sspi_length) = pairs.next()?;
        // AtchDBFile is of no use without files; ChangePassword came with TDS 7.2, and is of none without passwords.
        pairs.bytes(2)?;
        let mut sspi_long = 0;
        if tds_version >= TdsVersion::V7_2.login() || tds_version == TdsVersion::V8_0.login() {
            pairs.bytes(2)?;
            sspi_long = usize::try_from(pairs.reader.u32()?).unwrap_or(usize::MAX);
        }
        let sspi_length = if sspi_length == Self::SSPI_IS_LONG && sspi_long > 0 { sspi_long } else { sspi_length };
        let sspi = pairs.part(sspi_at, sspi_length)?.to_vec();
        let [_, _, _, flags3] = flags;
        // tedious sets the bit for TDS 7.3 too, and then has no extension.
        let extended = flags3 & Self::EXTENSION != 0 && !extension.is_empty();
        let features = if extended { Self::features(payload, extension)? } else { Vec::new() };
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
        let features = Feature::decode_all(&mut Reader::new(block, "LOGIN7 features"))?;
        features.iter().try_for_each(|feature| feature.asked().map(drop))?;
        Ok(features)
    }

    /// Whether the client wants to log in as the user of its operating system: by its flag, or because it brings what
    /// SSPI said.
    #[must_use]
    pub const fn integrated(&self) -> bool {
        let [_, flags2, _, _] = self.flags;
        flags2 & Self::INTEGRATED != 0 || !self.sspi.is_empty()
    }

    /// The login with a token that is asked for, if one is.
    #[must_use]
    pub fn fed_auth(&self) -> Option<FedAuth> {
        self.asked().find_map(|asked| match asked {
            Asked::FedAuth(fed_auth) => Some(fed_auth),
            _ => None,
        })
    }

    /// The session that the client wants to take up again, if it does.
    #[must_use]
    pub fn recovery(&self) -> Option<Recovery> {
        self.asked().find_map(|asked| match asked {
            Asked::SessionRecovery(recovery) => recovery,
            _ => None,
        })
    }

    /// The features that are asked for; those that do not read were refused with the login.
    pub fn asked(&self) -> impl Iterator<Item = Asked> {
        self.features.iter().filter_map(|feature| feature.asked().ok())
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
        // AtchDBFile and ChangePassword are empty.
        put_pair(&mut out, &mut data, &[], 2)?;
        put_pair(&mut out, &mut data, &[], 2)?;
        // Nor is cbSSPILong of use: what it could count does not fit behind offsets of two bytes.
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
    /// The next pair: where, and how many units.
    fn next(&mut self) -> Result<(usize, usize), Error> {
        Ok((usize::from(self.reader.u16()?), usize::from(self.reader.u16()?)))
    }

    /// The bytes of the next pair, whose length counts units of `unit` bytes.
    fn bytes(&mut self, unit: usize) -> Result<&'a [u8], Error> {
        let (at, units) = self.next()?;
        self.part(at, units * unit)
    }

    fn part(&self, at: usize, length: usize) -> Result<&'a [u8], Error> {
        // Some drivers leave the offset of an empty field 0, or beyond the end.
        if length == 0 {
            return Ok(&[]);
        }
        let end = at.checked_add(length).ok_or(Error::Outside("LOGIN7 field"))?;
        self.payload.get(at..end).ok_or(Error::Outside("LOGIN7 field"))
    }

    /// A name. A longer one than the specification allows is refused, so that what a session keeps is bounded.
    fn text(&mut self) -> Result<String, Error> {
        match self.bytes(2)? {
            long if long.len() > Login7::NAME_UNITS * 2 => Err(Error::TooLong { limit: Login7::NAME_UNITS * 2 }),
            name => Ok(utf16(name)),
        }
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
mod tests;
