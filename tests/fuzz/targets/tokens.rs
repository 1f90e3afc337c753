//! Tokens: what can be read can be written, and is then the same for ever.
#![no_main]

use closewait::tds::{TdsVersion, Token};

const VERSIONS: [TdsVersion; 4] = [TdsVersion::V7_0, TdsVersion::V7_1, TdsVersion::V7_2, TdsVersion::V7_4];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((which, payload)) = input.split_first() else { return };
    let version = VERSIONS[usize::from(which % 4)];
    let Ok(tokens) = Token::decode_all(payload, version) else { return };
    let again =
        |tokens: &[Token]| Token::decode_all(&Token::encode_all(tokens, version), version).expect("we wrote it");
    // The first time, texts are cut to what SQL Server would send and values fitted to their columns.
    let ours = again(&tokens);
    assert_eq!(ours.len(), tokens.len());
    assert_eq!(again(&ours), ours);
});
