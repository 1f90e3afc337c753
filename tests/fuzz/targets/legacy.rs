//! Logins before TDS 7: who can be read can be refused, in tokens whose lengths are right in the client's order.
#![no_main]

use closewait::tds::{LegacyLogin, ServerMessage};

/// The types of the tokens of a reply that ends with DONE; every other has its length in two bytes.
fn tokens(mut reply: &[u8], big_endian: bool) -> Vec<u8> {
    let mut types = Vec::new();
    while let Some((token, rest)) = reply.split_first() {
        types.push(*token);
        reply = if *token == 0xFD {
            &rest[8..]
        } else {
            let (length, rest) = rest.split_first_chunk().expect("a length");
            &rest[usize::from(if big_endian { u16::from_be_bytes(*length) } else { u16::from_le_bytes(*length) })..]
        };
    }
    types
}

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(login) = LegacyLogin::decode(payload) else { return };
    let reply = login.refusal(&ServerMessage {
        number: 17802,
        state: 1,
        class: 20,
        text: String::from_utf8_lossy(payload).into_owned(),
        server: login.server_name.repeat(10),
        procedure: login.app_name.clone(),
        line: login.version(),
    });
    let expected: &[u8] = if login.tds_version[0] >= 5 { &[0xAD, 0xE5, 0xFD] } else { &[0xAA, 0xFD] };
    assert_eq!(tokens(&reply, login.big_endian), expected);
    assert!(reply.len() < 3000);
});
