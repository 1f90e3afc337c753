//! Transaction manager requests [MS-TDS 2.2.6.9]: drivers without autocommit begin one before anything else.

use super::batch::after_headers;
use super::{Error, TdsVersion};

/// What a client wants done to its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionRequest {
    /// TM_BEGIN_XACT
    Begin,
    /// TM_COMMIT_XACT; `begin` when the next one starts at once.
    Commit {
        /// Whether fBeginXact is set.
        begin: bool,
    },
    /// TM_ROLLBACK_XACT; `begin` when the next one starts at once.
    Rollback {
        /// Whether fBeginXact is set.
        begin: bool,
    },
    /// Any other: a distributed transaction, a savepoint.
    Other(u16),
}

impl TransactionRequest {
    /// Reads a request; the transaction's name is passed over.
    ///
    /// # Errors
    /// When it ends too soon.
    pub fn decode(payload: &[u8], version: TdsVersion) -> Result<Self, Error> {
        let mut reader = after_headers(payload, version, "transaction manager request")?;
        match reader.u16()? {
            5 => Ok(Self::Begin),
            kind @ (7 | 8) => {
                reader.b_varchar()?;
                let begin = !reader.is_empty() && reader.u8()? & 1 != 0;
                Ok(if kind == 7 { Self::Commit { begin } } else { Self::Rollback { begin } })
            }
            other => Ok(Self::Other(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_begin_commit_and_rollback() {
        let read = |bytes: &[u8]| {
            let mut payload = vec![4, 0, 0, 0];
            payload.extend_from_slice(bytes);
            TransactionRequest::decode(&payload, TdsVersion::V7_4)
        };
        assert_eq!(read(&[5, 0, 2, 0]), Ok(TransactionRequest::Begin));
        assert_eq!(read(&[7, 0, 0, 0]), Ok(TransactionRequest::Commit { begin: false }));
        assert_eq!(read(&[8, 0, 1, 0x41, 0, 1, 2, 0]), Ok(TransactionRequest::Rollback { begin: true }));
        assert_eq!(read(&[9, 0]), Ok(TransactionRequest::Other(9)));
        assert!(read(&[7]).is_err() && read(&[7, 0, 9, 0]).is_err());
    }
}
