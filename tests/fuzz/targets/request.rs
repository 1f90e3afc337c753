//! What a session is asked: SQL batches and transaction manager requests, of every version.
#![no_main]

use closewait::tds::{SqlBatch, TdsVersion, TransactionRequest};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
        if let Ok(batch) = SqlBatch::decode(payload, version) {
            assert_eq!(SqlBatch::decode(&batch.encode(version), version), Ok(batch));
        }
        let _ = TransactionRequest::decode(payload, version);
    }
});
