//! What a session is asked: SQL batches, procedure calls and transaction manager requests, of every version.
#![no_main]

use closewait::tds::{Rpc, SqlBatch, TdsVersion, TransactionRequest};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    for version in [TdsVersion::V7_0, TdsVersion::V7_1, TdsVersion::V7_4] {
        if let Ok(batch) = SqlBatch::decode(payload, version) {
            assert_eq!(SqlBatch::decode(&batch.encode(version), version), Ok(batch));
        }
        if let Ok(rpc) = Rpc::decode(payload, version) {
            for parameter in rpc.calls.iter().flat_map(|call| &call.parameters) {
                let _ = (parameter.as_int(), parameter.as_text());
            }
            assert_eq!(Rpc::decode(&rpc.encode(version), version), Ok(rpc));
        }
        let _ = TransactionRequest::decode(payload, version);
    }
});
