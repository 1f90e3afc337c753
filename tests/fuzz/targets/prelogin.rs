//! PRELOGIN: what can be read can be answered, and is the same after it is written.
#![no_main]

use closewait::tds::{Encryption, Prelogin};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(prelogin) = Prelogin::decode(payload) else { return };
    for encryption in [Encryption::Off, Encryption::On, Encryption::NotSupported, Encryption::Required] {
        let reply = prelogin.reply([16, 0, 3, 232, 0, 0], encryption);
        let bytes = reply.encode().expect("an answer is short");
        assert!(bytes.len() <= 64, "{reply:?}");
        assert_eq!(Prelogin::decode(&bytes).as_ref(), Ok(&reply));
        assert!(reply.options.iter().all(|option| prelogin.option(option.token).is_some()), "{reply:?}");
        assert_eq!(reply.encryption(), prelogin.option(Prelogin::ENCRYPTION).map(|_| encryption));
    }
    // Options may share their bytes, so that what was read need not fit when each has bytes of its own.
    let Ok(bytes) = prelogin.encode() else { return };
    assert_eq!(Prelogin::decode(&bytes), Ok(prelogin));
});
