//! A feature of a login: what was asked for is known or an error, and only what is known is acknowledged.
#![no_main]

use closewait::tds::{Asked, Feature};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((id, data)) = input.split_first() else { return };
    let feature = Feature { id: *id, data: data.to_vec() };
    let (asked, answer) = (feature.asked(), feature.acknowledged());
    if let Ok(Asked::SessionRecovery(Some(state))) = &asked {
        // UTF-16 to UTF-8: two bytes become three at the most.
        assert!((state.database.len() + state.language.len()) * 2 <= data.len() * 3);
    }
    match answer {
        Some(answer) => {
            assert!(!matches!(asked, Err(_) | Ok(Asked::Unknown(_) | Asked::FedAuth(_))), "{asked:?}");
            assert!(answer.id == *id && (1..=64).contains(&answer.data.len()), "{answer:?}");
        }
        None => assert!(!matches!(asked, Ok(Asked::Utf8Support | Asked::SessionRecovery(_))), "{asked:?}"),
    }
});
