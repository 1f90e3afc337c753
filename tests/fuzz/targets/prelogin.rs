//! PRELOGIN: what can be read can be answered, and is the same after it is written.
#![no_main]

use closewait::tds::{Encryption, Prelogin};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(prelogin) = Prelogin::decode(payload) else { return };
    let reply = prelogin.reply([16, 0, 3, 232, 0, 0], Encryption::Off).encode().expect("an answer is short");
    assert_eq!(
        Prelogin::decode(&reply).expect("an answer is a PRELOGIN").encryption().is_some(),
        prelogin.option(1).is_some()
    );
    // Options may share their bytes, so that what was read need not fit when each has bytes of its own.
    let Ok(bytes) = prelogin.encode() else { return };
    assert_eq!(Prelogin::decode(&bytes), Ok(prelogin));
});
