//! SQL batches [MS-TDS 2.2.6.7], and the headers that requests carry since TDS 7.2 [MS-TDS 2.2.5.3].

use super::reader::{Reader, utf16};
use super::text::put_utf16;
use super::{Error, TdsVersion};

/// The transaction descriptor header, the only one that every request has: 18 bytes, type 2, no transaction, one
/// request.
const TRANSACTION_HEADER: [u8; 18] = [18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

/// What follows ALL_HEADERS; before TDS 7.2 there are none.
pub(super) fn after_headers<'a>(
    payload: &'a [u8],
    version: TdsVersion,
    what: &'static str,
) -> Result<Reader<'a>, Error> {
    let mut reader = Reader::new(payload, what);
    if version.has_wide_tokens() {
        // The total counts its own four bytes.
        let total = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        reader.bytes(total.checked_sub(4).ok_or(Error::Outside("ALL_HEADERS"))?)?;
    }
    Ok(reader)
}

/// The headers of a request outside of a transaction; none before TDS 7.2.
pub(super) fn put_headers(out: &mut Vec<u8>, version: TdsVersion) {
    if version.has_wide_tokens() {
        out.extend_from_slice(&[22, 0, 0, 0]);
        out.extend_from_slice(&TRANSACTION_HEADER);
    }
}

/// SQL text that a client wants executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlBatch {
    /// The text.
    pub sql: String,
}

impl SqlBatch {
    /// Reads a batch.
    ///
    /// # Errors
    /// When its headers are longer than it is, or half a character stands at the end.
    pub fn decode(payload: &[u8], version: TdsVersion) -> Result<Self, Error> {
        let text = after_headers(payload, version, "SQL batch")?.rest();
        if text.len() % 2 != 0 {
            return Err(Error::Trailing { what: "SQL batch", left: 1 });
        }
        Ok(Self { sql: utf16(text) })
    }

    /// The batch's bytes.
    #[must_use]
    pub fn encode(&self, version: TdsVersion) -> Vec<u8> {
        let mut out = Vec::with_capacity(22 + self.sql.len() * 2);
        put_headers(&mut out, version);
        put_utf16(&mut out, &self.sql);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_independent_crate_writes_the_same_bytes() {
        let sql = "SELECT 1";
        let theirs = tds_protocol::sql_batch::SqlBatch::new(sql).encode();
        assert_eq!(SqlBatch { sql: sql.to_owned() }.encode(TdsVersion::V7_4), theirs);
    }

    #[test]
    fn headers_that_lie_are_refused() {
        for bytes in [[3, 0, 0, 0].as_slice(), &[40, 0, 0, 0, 1], &[255, 255, 255, 255], &[4, 0, 0, 0, 0x41]] {
            assert!(SqlBatch::decode(bytes, TdsVersion::V7_4).is_err(), "{bytes:?}");
        }
        assert_eq!(SqlBatch::decode(&[0x41, 0], TdsVersion::V7_1).unwrap().sql, "A", "no headers before TDS 7.2");
    }

    proptest! {
        #[test]
        fn decode_of_encode(sql in "\\PC{0,200}") {
            for version in [TdsVersion::V7_0, TdsVersion::V7_4] {
                let batch = SqlBatch { sql: sql.clone() };
                prop_assert_eq!(SqlBatch::decode(&batch.encode(version), version).unwrap(), batch);
            }
        }
    }
}
