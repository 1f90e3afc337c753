//! What SQL Server 2022, the box product, answers to a feature.
//!
//! A feature that is left out of FEATUREEXTACK is one that the server does not have: every driver goes on without it,
//! or fails at once with an error of its own if its user insisted. None waits.

use super::{Asked, Feature};

/// The states of a session at its start, as a server gives them to a client that may want to take it up again: number,
/// length, value. Only the server that wrote them reads them; a client keeps them and brings them back. These are the
/// small ones of a default session: options, date format, lock timeout and the like.
const SESSION_STATES: &[u8] = &[
    0x00, 9, 0x00, 0x60, 0x81, 0x14, 0xFF, 0xE7, 0xFF, 0xFF, 0x00, // options
    0x02, 2, 0x07, 0x01, // first day of the week
    0x04, 1, 0x00, // deadlock priority
    0x05, 4, 0xFF, 0xFF, 0xFF, 0xFF, // lock timeout
    0x06, 1, 0x00, 0x07, 1, 0x02, // isolation level
    0x08, 8, 0, 0, 0, 0, 0, 0, 0, 0, // context
    0x09, 4, 0xFF, 0xFF, 0xFF, 0xFF,
];

/// The highest version of data classification that SQL Server 2022 speaks.
const CLASSIFICATION: u8 = 2;

impl Feature {
    /// The answer to a feature that was asked for; none leaves it out.
    ///
    /// Acknowledged: session recovery, with the session's first states, because a driver that never had them meets a
    /// broken session otherwise than in production (here as there it logs in again, and is served); column encryption,
    /// version 1, as a server without enclaves has it, so that COLMETADATA carries a table of keys from then on (see
    /// [`Token::KeyedColMetadata`](super::super::Token::KeyedColMetadata)); data classification, which adds nothing to columns that are not
    /// classified; UTF-8.
    ///
    /// Left out: what is Azure SQL's own, and what SQL Server 2022 does not know. FEDAUTH is no feature of a login
    /// that is served: it is refused before.
    #[must_use]
    pub fn acknowledged(&self) -> Option<Self> {
        let data = match self.asked().ok()? {
            Asked::SessionRecovery(_) => SESSION_STATES.to_vec(),
            Asked::ColumnEncryption(_) => vec![1],
            // The second byte: it is enabled.
            Asked::DataClassification(version) => vec![version.min(CLASSIFICATION), 1],
            Asked::Utf8Support => vec![1],
            Asked::FedAuth(_)
            | Asked::GlobalTransactions
            | Asked::AzureSqlSupport
            | Asked::AzureDnsCaching
            | Asked::Unknown(_) => return None,
        };
        Some(Self { id: self.id, data })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::reader::Reader;
    use super::*;

    fn answer(id: u8, data: &[u8]) -> Option<Vec<u8>> {
        Feature { id, data: data.to_vec() }.acknowledged().map(|feature| {
            assert_eq!(feature.id, id);
            feature.data
        })
    }

    #[test]
    fn as_the_box_product_of_2022() {
        assert_eq!(answer(Feature::UTF8_SUPPORT, &[1]), Some(vec![1]));
        assert_eq!(answer(Feature::COLUMN_ENCRYPTION, &[3]), Some(vec![1]));
        assert_eq!(answer(Feature::DATA_CLASSIFICATION, &[1]), Some(vec![1, 1]));
        assert_eq!(answer(Feature::DATA_CLASSIFICATION, &[9]), Some(vec![2, 1]));
        for (id, data) in [(0x02, [5, 1].as_slice()), (0x05, &[]), (0x08, &[1]), (0x0B, &[]), (0x0D, &[1]), (0x10, &[])]
        {
            assert_eq!(answer(id, data), None, "{id:#x}");
        }
    }

    #[test]
    fn the_states_are_well_formed_and_each_comes_once() {
        let states = answer(Feature::SESSION_RECOVERY, &[]).unwrap();
        let mut reader = Reader::new(&states, "states");
        let mut last = None;
        while !reader.is_empty() {
            let id = reader.u8().unwrap();
            assert!(last < Some(id));
            last = Some(id);
            let length = reader.u8().unwrap();
            reader.bytes(usize::from(length)).unwrap();
        }
    }
}
