//! LOGIN7: what can be read is the same after it is written.
#![no_main]

use closewait::tds::{Login7, TdsVersion};

fn read(payload: &[u8]) {
    let Ok(mut login) = Login7::decode(payload) else { return };
    let [plain, strict] = [false, true].map(|strict| TdsVersion::negotiate(login.tds_version, strict));
    assert!(plain == strict || strict == Some(TdsVersion::V8_0), "{plain:?} {strict:?}");
    let _ = (login.fed_auth(), login.integrated());
    for feature in &login.features {
        assert!(feature.acknowledged().is_none_or(|answer| answer.id == feature.id && feature.asked().is_ok()));
    }
    // Fields may share their bytes, so that what was read need not fit when each has bytes of its own.
    let Ok(bytes) = login.encode() else { return };
    if login.features.is_empty() {
        // A list of no features is not written, and its bit neither.
        login.flags[3] &= !0x10;
    }
    assert_eq!(Login7::decode(&bytes), Ok(login));
}

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    read(payload);
    // And with the length that it has: hardly a mutation that inserts or cuts would come past the first field.
    let mut fitted = payload.to_vec();
    let Some(length) = fitted.first_chunk_mut() else { return };
    *length = u32::try_from(payload.len()).expect("an input is short").to_le_bytes();
    read(&fitted);
});
