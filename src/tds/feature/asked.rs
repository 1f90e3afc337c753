//! What a feature extension asks for, read from its data.

use super::super::Error;
use super::super::reader::Reader;
use super::{Feature, FedAuth, Recovery};

/// A feature that a client asked for [MS-TDS 2.2.6.4].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// Session recovery; with the state of the session that broke, when one is to be taken up again.
    SessionRecovery(Option<Recovery>),
    /// A login with a token.
    FedAuth(FedAuth),
    /// Column encryption, of this version at the most.
    ColumnEncryption(u8),
    /// Global transactions.
    GlobalTransactions,
    /// What Azure SQL has and the box product has not.
    AzureSqlSupport,
    /// Data classification, of this version at the most.
    DataClassification(u8),
    /// UTF-8 in character columns.
    Utf8Support,
    /// The address to use instead of the name from now on.
    AzureDnsCaching,
    /// One that SQL Server 2022 does not know, by its number.
    Unknown(u8),
}

impl Feature {
    /// What is asked for.
    ///
    /// # Errors
    /// When the data of a feature that SQL Server 2022 knows is not that feature's. What it does not know, it passes
    /// over unread.
    pub fn asked(&self) -> Result<Asked, Error> {
        let mut data = Reader::new(&self.data, "feature");
        let asked = match self.id {
            Self::SESSION_RECOVERY => Asked::SessionRecovery(Recovery::decode(&mut data)?),
            Self::FED_AUTH => Asked::FedAuth(FedAuth::decode(&mut data)?),
            Self::COLUMN_ENCRYPTION => Asked::ColumnEncryption(version(&mut data)?),
            Self::DATA_CLASSIFICATION => Asked::DataClassification(version(&mut data)?),
            Self::GLOBAL_TRANSACTIONS => Asked::GlobalTransactions,
            Self::AZURE_DNS_CACHING => Asked::AzureDnsCaching,
            Self::AZURE_SQL_SUPPORT => {
                data.u8()?;
                Asked::AzureSqlSupport
            }
            // Drivers send a byte or nothing; both ask for it.
            Self::UTF8_SUPPORT if data.is_empty() => Asked::Utf8Support,
            Self::UTF8_SUPPORT => {
                data.u8()?;
                Asked::Utf8Support
            }
            other => return Ok(Asked::Unknown(other)),
        };
        data.end()?;
        Ok(asked)
    }
}

/// Versions count from 1.
fn version(data: &mut Reader<'_>) -> Result<u8, Error> {
    match data.u8()? {
        0 => Err(Error::Unknown { what: "feature version", value: 0 }),
        version => Ok(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: u8, data: &[u8]) -> Result<Asked, Error> {
        Feature { id, data: data.to_vec() }.asked()
    }

    #[test]
    fn every_feature_by_its_number() {
        for (id, data, expected) in [
            (0x01, [].as_slice(), Asked::SessionRecovery(None)),
            (0x04, &[1], Asked::ColumnEncryption(1)),
            (0x05, &[], Asked::GlobalTransactions),
            (0x08, &[1], Asked::AzureSqlSupport),
            (0x09, &[2], Asked::DataClassification(2)),
            (0x0A, &[1], Asked::Utf8Support),
            (0x0A, &[], Asked::Utf8Support),
            (0x0B, &[], Asked::AzureDnsCaching),
        ] {
            assert_eq!(asked(id, data), Ok(expected), "{id:#x}");
        }
    }

    #[test]
    fn what_2022_does_not_know_is_not_read() {
        for id in [0x0D, 0x0E, 0x0F, 0x10, 0x7F] {
            assert_eq!(asked(id, &[9, 9, 9]), Ok(Asked::Unknown(id)));
        }
    }

    #[test]
    fn malformed_data_is_an_error() {
        for (id, data) in [
            (0x01, [1].as_slice()),
            (0x02, &[]),
            (0x04, &[]),
            (0x04, &[0]),
            (0x05, &[1]),
            (0x08, &[]),
            (0x09, &[1, 2]),
            (0x0A, &[1, 1]),
            (0x0B, &[0]),
        ] {
            assert!(asked(id, data).is_err(), "{id:#x} {data:?}");
        }
    }
}
