//! Calls by bytes of real drivers, by round trip, and by an independent crate.

use proptest::prelude::*;
use tds_protocol::rpc::{EncryptedParamMetadata, ProcId, RpcParam, RpcRequest, TypeInfo as Theirs};

use super::*;

fn read(bytes: &[u8]) -> Rpc {
    let rpc = Rpc::decode(bytes, TdsVersion::V7_4).unwrap();
    // What was read says all: it writes the same bytes.
    assert_eq!(rpc.encode(TdsVersion::V7_4), bytes);
    rpc
}

/// ALL_HEADERS as we write them.
fn headers() -> [u8; 22] {
    let mut bytes = [0; 22];
    (bytes[0], bytes[4], bytes[8], bytes[18]) = (22, 18, 2, 1);
    bytes
}

#[test]
fn an_independent_crates_sp_executesql() {
    let parameters =
        vec![RpcParam::int("@a", 7), RpcParam::nvarchar("@b", "x"), RpcParam::null("@c", Theirs::bigint())];
    let rpc = read(&RpcRequest::execute_sql("SELECT @a", parameters).encode());
    let [call] = rpc.calls.as_slice() else { panic!("one call") };
    assert_eq!((&call.procedure, call.procedure.name()), (&Procedure::Id(10), "sp_executesql"));
    let [statement, _declared, a, b, c] = call.parameters.as_slice() else { panic!("{call:?}") };
    assert_eq!(statement.as_text().as_deref(), Some("SELECT @a"));
    assert_eq!((a.name.as_str(), a.as_int(), b.as_text().as_deref()), ("@a", Some(7), Some("x")));
    assert_eq!((c.as_int(), c.as_text()), (None, None));
}

#[test]
fn every_type_that_an_independent_crate_writes() {
    let types: Vec<(Theirs, &[u8])> = vec![
        (Theirs::int(), &[1, 2, 3, 4]),
        (Theirs::bigint(), &[1; 8]),
        (Theirs::smallint(), &[1; 2]),
        (Theirs::tinyint(), &[1]),
        (Theirs::bit(), &[1]),
        (Theirs::float(), &[1; 8]),
        (Theirs::real(), &[1; 4]),
        (Theirs::nvarchar(20), &[1; 4]),
        (Theirs::varchar(20), b"ab"),
        (Theirs::varbinary(20), &[1; 3]),
        (Theirs::uniqueidentifier(), &[1; 16]),
        (Theirs::date(), &[1; 3]),
        (Theirs::time(7), &[1; 5]),
        (Theirs::datetime2(7), &[1; 8]),
        (Theirs::datetimeoffset(7), &[1; 10]),
        (Theirs::decimal(18, 2), &[1; 9]),
        (Theirs::money(), &[1; 8]),
        (Theirs::smallmoney(), &[1; 4]),
        (Theirs::datetime(), &[1; 8]),
        (Theirs::smalldatetime(), &[1; 4]),
    ];
    for (kind, value) in types {
        let id = kind.type_id;
        let parameter = RpcParam::new("@p", kind.clone(), value.to_vec().into());
        let request =
            RpcRequest::named("p").param(parameter).param(RpcParam::null("@n", kind)).param(RpcParam::int("@z", 9));
        let rpc = read(&request.encode());
        let [p, n, z] = rpc.calls[0].parameters.as_slice() else { panic!("{id:#x}: {rpc:?}") };
        assert_eq!((p.value.as_deref(), n.value.as_deref(), z.as_int()), (Some(value), None, Some(9)), "{id:#x}");
    }
}

/// Types that the independent crate does not write, or not with the length of two bytes that CHAR, NCHAR and BINARY
/// have: type, value, and the value's bytes.
#[test]
fn the_other_types_byte_by_byte() {
    const COLLATION: [u8; 5] = [9, 4, 0xD0, 0, 0x34];
    let some = Some([1_u8, 2].as_slice());
    for (what, kind, value, expected) in [
        ("NULL", [0x1F].as_slice(), [].as_slice(), None),
        ("BIT", &[0x32], &[1], Some([1].as_slice())),
        ("INT2", &[0x34], &[1, 2], some),
        ("INT8", &[0x7F], &[1; 8], Some(&[1; 8])),
        ("BINARY", &[0xAD, 2, 0], &[2, 0, 1, 2], some),
        ("CHAR", &[&[0xAF, 2, 0], COLLATION.as_slice()].concat(), &[2, 0, 1, 2], some),
        ("NCHAR", &[&[0xEF, 2, 0], COLLATION.as_slice()].concat(), &[0xFF, 0xFF], None),
        ("NTEXT", &[&[0x63, 2, 0, 0, 0], COLLATION.as_slice()].concat(), &[2, 0, 0, 0, 1, 2], some),
        ("TEXT", &[&[0x23, 2, 0, 0, 0], COLLATION.as_slice()].concat(), &[0xFF; 4], None),
        ("IMAGE", &[0x22, 2, 0, 0, 0], &[2, 0, 0, 0, 1, 2], some),
        ("SSVARIANT", &[0x62, 8, 0, 0, 0], &[2, 0, 0, 0, 1, 2], some),
        ("SSVARIANT, NULL", &[0x62, 8, 0, 0, 0], &[0; 4], None),
        ("XML", &[0xF1, 0], &[2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0, 0, 0], some),
        ("UDT", &[0xF0, 0, 0, 1, b'u', 0], &[0xFF; 8], None),
        ("VARBINARY, short", &[0x25, 2], &[2, 1, 2], some),
    ] {
        let head = [&headers(), [1, 0, b'p', 0, 0, 0, 0, 0].as_slice()].concat();
        let rpc = read(&[&head, kind, value, &[0, 0, 0x26, 4, 4, 9, 0, 0, 0]].concat());
        let [p, z] = rpc.calls[0].parameters.as_slice() else { panic!("{what}: {rpc:?}") };
        assert_eq!((p.value.as_deref(), z.as_int()), (expected, Some(9)), "{what}");
    }
}

#[test]
fn max_types_go_in_chunks() {
    for (kind, text) in
        [(Theirs::nvarchar_max(), true), (Theirs::varchar_max(), true), (Theirs::varbinary_max(), false)]
    {
        let long = vec![0x41; 20_000];
        let request = RpcRequest::named("p").param(RpcParam::new("@p", kind.clone(), long.clone().into()));
        let rpc = Rpc::decode(&request.param(RpcParam::null("@n", kind)).encode(), TdsVersion::V7_4).unwrap();
        let [p, n] = rpc.calls[0].parameters.as_slice() else { panic!("{rpc:?}") };
        assert_eq!((p.value.as_ref(), n.value.as_ref(), p.as_text().is_some()), (Some(&long), None, text));
    }
}

#[test]
fn an_encrypted_parameter_is_read_to_its_end() {
    let metadata = EncryptedParamMetadata {
        base_type_info: Theirs::int(),
        algorithm_id: 2,
        encryption_type: tds_protocol::crypto::EncryptionTypeWire::Deterministic,
        database_id: 5,
        cek_id: 1,
        cek_version: 1,
        cek_md_version: 7,
        normalization_rule_version: 1,
    };
    let secret = RpcParam::encrypted("@s", vec![1; 65].into(), metadata);
    let rpc =
        Rpc::decode(&RpcRequest::named("p").param(secret).param(RpcParam::int("@z", 9)).encode(), TdsVersion::V7_4);
    let parameters = rpc.unwrap().calls.remove(0).parameters;
    assert_eq!((parameters.len(), parameters[0].flags & 8, parameters[1].as_int()), (2, 8, Some(9)));
    assert!(!parameters[0].cipher.is_empty());
}

#[test]
fn a_table_is_passed_over() {
    // Its type dbo.t; two columns, of which the second is in no row; an order; two rows.
    let table: &[u8] = &[
        0xF3, 0, 3, b'd', 0, b'b', 0, b'o', 0, 1, b't', 0, // type
        2, 0, 0, 0, 0, 0, 0, 0, 0x26, 4, 0, 0, 0, 0, 0, 0, 2, 0x26, 4, 0, // columns
        0x10, 1, 0, 1, 0, 1, 0x00, // order
        0x01, 4, 7, 0, 0, 0, 0x01, 0, 0x00, // rows
    ];
    let rpc =
        |table: &[u8]| [&[4, 0, 0, 0, 1, 0, b'p', 0, 0, 0, 0, 0], table, &[0, 0, 0x26, 4, 4, 9, 0, 0, 0]].concat();
    let parameters = Rpc::decode(&rpc(table), TdsVersion::V7_4).unwrap().calls.remove(0).parameters;
    assert_eq!((parameters.len(), parameters[1].as_int()), (2, Some(9)));
    let null: &[u8] = &[0xF3, 0, 0, 1, b't', 0, 0xFF, 0xFF, 0, 0];
    assert_eq!(Rpc::decode(&rpc(null), TdsVersion::V7_4).unwrap().calls[0].parameters.len(), 2);
    assert!(Rpc::decode(&rpc(&table[..30]), TdsVersion::V7_4).is_err());
}

#[test]
fn several_calls_in_one_message() {
    let call = |id| Call { procedure: Procedure::Id(id), options: 0, parameters: vec![Parameter::int(Some(3))] };
    for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
        let rpc = Rpc { calls: vec![call(15), call(12), call(15)] };
        let mut bytes = rpc.encode(version);
        assert_eq!(Rpc::decode(&bytes, version).as_ref(), Ok(&rpc));
        // A separator at the end, as one driver sends it, begins nothing.
        bytes.push(if version == TdsVersion::V7_1 { 0x80 } else { 0xFF });
        assert_eq!(Rpc::decode(&bytes, version).as_ref(), Ok(&rpc));
    }
}

#[test]
fn too_many_and_too_much_are_errors() {
    let call = Call { procedure: Procedure::Id(15), options: 0, parameters: Vec::new() };
    let calls = Rpc { calls: vec![call; Rpc::MAX_CALLS + 1] }.encode(TdsVersion::V7_4);
    assert!(matches!(Rpc::decode(&calls, TdsVersion::V7_4), Err(Error::TooMany { .. })));
    let parameters = vec![Parameter::int(None); Rpc::MAX_PARAMETERS + 1];
    let call = Call { procedure: Procedure::Id(15), options: 0, parameters };
    assert!(matches!(
        Rpc::decode(&Rpc { calls: vec![call] }.encode(TdsVersion::V7_4), TdsVersion::V7_4),
        Err(Error::TooMany { .. })
    ));
    let many = Call { procedure: Procedure::Id(12), options: 0, parameters: vec![Parameter::int(None); 2000] };
    assert!(Rpc::decode(&Rpc { calls: vec![many.clone(); 16] }.encode(TdsVersion::V7_4), TdsVersion::V7_4).is_ok());
    assert!(Rpc::decode(&Rpc { calls: vec![many; 17] }.encode(TdsVersion::V7_4), TdsVersion::V7_4).is_err());
    // JSON, which SQL Server 2022 does not know; a chunk longer than the message; lengths that disagree.
    for bytes in [
        [0, 0, 0xF4].as_slice(),
        &[0, 0, 0xA5, 0xFF, 0xFF, 4, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1],
        &[0, 0, 0xA5, 0xFF, 0xFF, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0],
    ] {
        let bytes = [&[4, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 0], bytes].concat();
        assert!(Rpc::decode(&bytes, TdsVersion::V7_4).is_err(), "{bytes:?}");
    }
}

#[test]
fn the_numbers_are_those_of_an_independent_crate() {
    for (id, name) in [
        (ProcId::Cursor, "sp_cursor"),
        (ProcId::CursorClose, "sp_cursorclose"),
        (ProcId::ExecuteSql, "sp_executesql"),
        (ProcId::Prepare, "sp_prepare"),
        (ProcId::Execute, "sp_execute"),
        (ProcId::PrepExec, "sp_prepexec"),
        (ProcId::PrepExecRpc, "sp_prepexecrpc"),
        (ProcId::Unprepare, "sp_unprepare"),
    ] {
        assert_eq!(Procedure::Id(id as u16).name(), name);
    }
    assert_eq!((Procedure::Id(0).name(), Procedure::Id(16).name()), ("", ""));
}

fn parameter(version: TdsVersion) -> impl Strategy<Value = Parameter> {
    let int = proptest::option::of(any::<i32>()).prop_map(Parameter::int);
    let text = "\\PC{0,40}".prop_map(move |text| Parameter::text(&text, version));
    (prop_oneof![int, text], "@[a-z]{0,9}", 0_u8..4).prop_map(|(parameter, name, flags)| Parameter {
        name,
        flags,
        ..parameter
    })
}

fn rpc(version: TdsVersion) -> impl Strategy<Value = Rpc> {
    let procedure = prop_oneof![any::<u16>().prop_map(Procedure::Id), "[a-z_.]{1,40}".prop_map(Procedure::Name),];
    let call = (procedure, 0_u16..8, proptest::collection::vec(parameter(version), 0..4))
        .prop_map(|(procedure, options, parameters)| Call { procedure, options, parameters });
    proptest::collection::vec(call, 1..4).prop_map(|calls| Rpc { calls })
}

proptest! {
    #[test]
    fn decode_of_encode(old in rpc(TdsVersion::V7_0), new in rpc(TdsVersion::V7_4)) {
        prop_assert_eq!(Rpc::decode(&old.encode(TdsVersion::V7_0), TdsVersion::V7_0).unwrap(), old);
        prop_assert_eq!(Rpc::decode(&new.encode(TdsVersion::V7_4), TdsVersion::V7_4).unwrap(), new);
    }

    #[test]
    fn any_bytes_are_calls_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let headed = [&[4, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 0], bytes.as_slice()].concat();
        if let Ok(rpc) = Rpc::decode(&headed, TdsVersion::V7_4) {
            let again = rpc.encode(TdsVersion::V7_4);
            prop_assert_eq!(Rpc::decode(&again, TdsVersion::V7_4).unwrap(), rpc);
        }
    }
}
