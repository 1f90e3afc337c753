//! Feature extensions of a login, and how they are acknowledged [MS-TDS 2.2.6.4, 2.2.7.11].
//!
//! A feature is kept as it came, and read when it matters: what SQL Server 2022 knows is checked with the login, what
//! it does not know is passed over, as it does. The choice not taken: only the typed form, which could not be written
//! back byte by byte.

mod acknowledge;
mod asked;
mod fed_auth;
mod recovery;

use std::fmt;

pub use asked::Asked;
pub use fed_auth::{FedAuth, FedAuthLibrary};
pub use recovery::Recovery;

use super::Error;
use super::reader::Reader;

/// A feature that a client asks for, or a server's answer to it; the data is the feature's own, and may be an access
/// token, so that no Debug output shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Feature {
    /// Which feature; 0xFF is the terminator and none.
    pub id: u8,
    /// Its data.
    pub data: Vec<u8>,
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feature({:#04x}, {} bytes)", self.id, self.data.len())
    }
}

impl Feature {
    /// SESSIONRECOVERY: a broken session may be taken up again.
    pub const SESSION_RECOVERY: u8 = 0x01;
    /// FEDAUTH: a login with a token, of Microsoft Entra or another issuer.
    pub const FED_AUTH: u8 = 0x02;
    /// COLUMNENCRYPTION: Always Encrypted; a byte of version.
    pub const COLUMN_ENCRYPTION: u8 = 0x04;
    /// GLOBALTRANSACTIONS: elastic transactions of Azure SQL; no data.
    pub const GLOBAL_TRANSACTIONS: u8 = 0x05;
    /// AZURESQLSUPPORT: a byte of flags.
    pub const AZURE_SQL_SUPPORT: u8 = 0x08;
    /// DATACLASSIFICATION: a byte of version.
    pub const DATA_CLASSIFICATION: u8 = 0x09;
    /// UTF8_SUPPORT: one byte, 1 if it is spoken.
    pub const UTF8_SUPPORT: u8 = 0x0A;
    /// AZURESQLDNSCACHING: no data.
    pub const AZURE_DNS_CACHING: u8 = 0x0B;
    /// JSONSUPPORT, of SQL Server 2025.
    pub const JSON_SUPPORT: u8 = 0x0D;
    /// VECTORSUPPORT, of SQL Server 2025.
    pub const VECTOR_SUPPORT: u8 = 0x0E;
    /// ENHANCEDROUTINGSUPPORT, of Azure SQL.
    pub const ENHANCED_ROUTING: u8 = 0x0F;
    /// USERAGENT, of SQL Server 2025.
    pub const USER_AGENT: u8 = 0x10;

    const TERMINATOR: u8 = 0xFF;

    /// Every feature up to the terminator, which must come.
    pub(super) fn decode_all(reader: &mut Reader<'_>) -> Result<Vec<Self>, Error> {
        let mut features = Vec::new();
        loop {
            let id = reader.u8()?;
            if id == Self::TERMINATOR {
                return Ok(features);
            }
            let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
            features.push(Self { id, data: reader.bytes(length)?.to_vec() });
        }
    }

    /// Appends every feature and the terminator.
    pub(super) fn encode_all(features: &[Self], out: &mut Vec<u8>) {
        for feature in features {
            out.push(feature.id);
            out.extend_from_slice(&u32::try_from(feature.data.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(&feature.data);
        }
        out.push(Self::TERMINATOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_lies_is_an_error() {
        let bytes = [1, 0xFF, 0xFF, 0xFF, 0xFF, 0];
        assert!(Feature::decode_all(&mut Reader::new(&bytes, "test")).is_err());
    }

    #[test]
    fn no_debug_output_shows_a_token() {
        let feature = Feature { id: Feature::FED_AUTH, data: b"secret".to_vec() };
        assert_eq!(format!("{feature:?}"), "Feature(0x02, 6 bytes)");
    }
}
