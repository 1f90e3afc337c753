//! LOGIN7 by bytes, by round trip, and by an independent crate.

use proptest::prelude::*;

use super::*;

#[test]
fn no_debug_output_shows_the_password() {
    let login = Login7 { password: Password::new("hunter2".to_owned()), ..Login7::default() };
    assert!(!format!("{login:?}").contains("hunter2"));
}

#[test]
fn an_old_login_has_a_shorter_fixed_part() {
    let mut login = Login7 { tds_version: TdsVersion::V7_1.login(), ..Login7::default() }.encode().unwrap();
    login.truncate(Login7::FIXED_OLD);
    login[0] = u8::try_from(Login7::FIXED_OLD).unwrap();
    assert_eq!(Login7::decode(&login).unwrap().tds_version, 0x7100_0000);
}

#[test]
fn every_cut_is_an_error() {
    let whole = Login7 { user: "sa".to_owned(), ..Login7::default() }.encode().unwrap();
    for length in 0..whole.len() {
        assert!(Login7::decode(&whole[..length]).is_err(), "{length}");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(Login7::decode(&longer), Err(Error::Trailing { what: "LOGIN7", left: 1 }));
}

#[test]
fn an_independent_crate_writes_a_login_that_we_read() {
    use tds_protocol::login7::{FeatureExtension, FeatureId, Login7 as Theirs};
    let feature = FeatureExtension { feature_id: FeatureId::Utf8Support, data: vec![1].into() };
    let theirs = Theirs::new()
        .with_sql_auth("sa", "p€ss")
        .with_database("shop")
        .with_hostname("web01")
        .with_packet_size(8000)
        .with_feature(feature)
        .encode();
    let login = Login7::decode(&theirs).unwrap();
    assert_eq!((login.user.as_str(), login.database.as_str(), login.packet_size), ("sa", "shop", 8000));
    assert!(login.password.is("p€ss") && login.host_name == "web01");
    assert_eq!(login.features, [Feature { id: Feature::UTF8_SUPPORT, data: vec![1] }]);
}

proptest! {
    #[test]
    fn decode_of_encode(
        numbers in (0x7200_0000_u32..0x7500_0000, any::<u32>(), any::<u32>()),
        flags in any::<[u8; 3]>(),
        texts in proptest::array::uniform8("\\PC{0,30}"),
        password in "\\PC{0,20}",
        sspi in proptest::collection::vec(any::<u8>(), 0..50),
        features in proptest::collection::vec((0x11_u8..0xFF, proptest::collection::vec(any::<u8>(), 0..9)), 0..4),
    ) {
        let [host_name, user, app_name, server_name, library, language, database, _] = texts;
        let features: Vec<_> = features.into_iter().map(|(id, data)| Feature { id, data }).collect();
        let [f1, f2, types] = flags;
        let f3 = if features.is_empty() { 0 } else { Login7::EXTENSION };
        let (tds_version, packet_size, client_pid) = numbers;
        let login = Login7 {
            tds_version, packet_size, client_pid, flags: [f1, f2, types, f3], host_name, user,
            password: Password::new(password), app_name, server_name, library, language, database, sspi, features,
        };
        prop_assert_eq!(Login7::decode(&login.encode().unwrap()).unwrap(), login);
    }

    #[test]
    fn a_changed_login_never_panics(at in 0_usize..130, byte in any::<u8>()) {
        let mut login = Login7 {
            user: "sa".to_owned(),
            features: vec![Feature { id: 1, data: Vec::new() }],
            ..Login7::default()
        }.encode().unwrap();
        if let Some(target) = login.get_mut(at) {
            *target = byte;
        }
        let _ = Login7::decode(&login);
    }
}
