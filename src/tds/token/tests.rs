//! Every token by bytes, by round trip, and by an independent crate.

use proptest::prelude::*;
use tds_protocol::token::{Token as Theirs, TokenParser};

use super::*;

const VERSIONS: [TdsVersion; 4] = [TdsVersion::V7_0, TdsVersion::V7_1, TdsVersion::V7_2, TdsVersion::V7_4];

fn refused() -> Vec<Token> {
    let message = ServerMessage {
        number: 18456,
        state: 1,
        class: 14,
        text: "no".to_owned(),
        server: "S".to_owned(),
        procedure: String::new(),
        line: 1,
    };
    vec![Token::Error(message), Token::Done(Done::of(Done::ERROR))]
}

#[test]
fn a_refused_login_byte_by_byte() {
    let wide = Token::encode_all(&refused(), TdsVersion::V7_4);
    let expected = [
        0xAA, 20, 0, 0x18, 0x48, 0, 0, 1, 14, 2, 0, b'n', 0, b'o', 0, 1, b'S', 0, 0, 1, 0, 0, 0, // ERROR
        0xFD, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // DONE
    ];
    assert_eq!(wide, expected);
    let narrow = Token::encode_all(&refused(), TdsVersion::V7_1);
    assert_eq!(narrow[1], 18, "the line has two bytes before TDS 7.2");
    assert_eq!(narrow.len(), wide.len() - 2 - 4, "and the row count four");
}

#[test]
fn login_ack_has_its_version_big_endian() {
    let ack = |tds_version| {
        let ack = LoginAck { tds_version, program: "M".to_owned(), program_version: [16, 0, 3, 232] };
        Token::encode_all(&[Token::LoginAck(ack)], tds_version)
    };
    assert_eq!(ack(TdsVersion::V7_4), [0xAD, 12, 0, 1, 0x74, 0, 0, 4, 1, b'M', 0, 16, 0, 3, 232]);
    assert_eq!(ack(TdsVersion::V7_1)[4..8], [0x07, 0x01, 0, 0]);
}

#[test]
fn rows_before_columns_and_unknown_tokens_are_errors() {
    assert!(Token::decode_all(&[0xD1], TdsVersion::V7_4).is_err());
    assert_eq!(Token::decode_all(&[0x42], TdsVersion::V7_4), Err(Error::Unknown { what: "token", value: 0x42 }));
    for length in 1..36 {
        let bytes = &Token::encode_all(&refused(), TdsVersion::V7_4)[..length];
        assert!(length == 23 || Token::decode_all(bytes, TdsVersion::V7_4).is_err(), "{length}");
    }
}

#[test]
fn an_independent_crate_reads_a_refusal() {
    let mut parser = TokenParser::new(Token::encode_all(&refused(), TdsVersion::V7_4).into());
    let Some(Theirs::Error(error)) = parser.next_token().unwrap() else { panic!("no ERROR") };
    assert_eq!((error.number, error.state, error.class, error.message.as_str()), (18456, 1, 14, "no"));
    let Some(Theirs::Done(done)) = parser.next_token().unwrap() else { panic!("no DONE") };
    assert!(done.status.error && parser.next_token().unwrap().is_none());
}

#[test]
fn an_independent_crate_reads_a_result() {
    let columns = vec![
        Column { name: "a".to_owned(), kind: ColumnType::Int },
        Column { name: String::new(), kind: ColumnType::NVarChar(8000) },
    ];
    let tokens = [
        Token::EnvChange(EnvChange::Database(Change { new: "shop".to_owned(), old: "master".to_owned() })),
        Token::ColMetadata(columns),
        Token::Row(vec![Value::Int(7), Value::Text("x".to_owned())]),
        Token::Done(Done { status: Done::COUNT, command: Done::SELECT, rows: 1 }),
    ];
    let mut parser = TokenParser::new(Token::encode_all(&tokens, TdsVersion::V7_4).into());
    let Some(Theirs::EnvChange(change)) = parser.next_token().unwrap() else { panic!("no ENVCHANGE") };
    assert_eq!(change.new_database(), Some("shop"));
    let Some(Theirs::ColMetaData(metadata)) = parser.next_token().unwrap() else { panic!("no COLMETADATA") };
    assert_eq!((metadata.column_count(), metadata.columns[0].name.as_str()), (2, "a"));
    let row = parser.next_token_with_metadata(Some(&metadata)).unwrap();
    assert!(matches!(row, Some(Theirs::Row(_))), "{row:?}");
    let Some(Theirs::Done(done)) = parser.next_token().unwrap() else { panic!("no DONE") };
    assert_eq!(done.row_count, 1);
}

#[test]
fn routing_byte_by_byte() {
    let change = Token::EnvChange(EnvChange::Routing { server: "db".to_owned(), port: 1433 });
    let bytes = Token::encode_all(&[change], TdsVersion::V7_4);
    // [MS-TDS 2.2.7.9] type 20: length, protocol TCP, port, US_VARCHAR; an old value of two zero bytes.
    assert_eq!(bytes, [0xE3, 14, 0, 20, 9, 0, 0, 0x99, 0x05, 2, 0, b'd', 0, b'b', 0, 0, 0]);
    let mut parser = TokenParser::new(bytes.into());
    let Some(Theirs::EnvChange(change)) = parser.next_token().unwrap() else { panic!("no ENVCHANGE") };
    assert_eq!(change.routing_info(), Some(("db", 1433)));
}

#[test]
fn an_independent_crate_reads_a_procedures_end() {
    let handle = ReturnValue { ordinal: 0, name: "@h".to_owned(), kind: ColumnType::Int, value: Value::Int(7) };
    let tokens = [
        Token::DoneInProc(Done { status: Done::COUNT | Done::MORE, command: Done::SELECT, rows: 1 }),
        Token::ReturnStatus(-4),
        Token::ReturnValue(handle),
        Token::DoneProc(Done::of(Done::FINAL)),
    ];
    let mut parser = TokenParser::new(Token::encode_all(&tokens, TdsVersion::V7_4).into());
    assert!(matches!(parser.next_token().unwrap(), Some(Theirs::DoneInProc(done)) if done.row_count == 1));
    assert!(matches!(parser.next_token().unwrap(), Some(Theirs::ReturnStatus(-4))));
    let Some(Theirs::ReturnValue(value)) = parser.next_token().unwrap() else { panic!("no RETURNVALUE") };
    assert_eq!((value.param_ordinal, value.param_name.as_str(), &*value.value), (0, "@h", [4, 7, 0, 0, 0].as_slice()));
    assert!(matches!(parser.next_token().unwrap(), Some(Theirs::DoneProc(_))));
}

#[test]
fn columns_behind_an_empty_table_of_keys() {
    let tokens = [
        Token::KeyedColMetadata(vec![Column { name: "a".to_owned(), kind: ColumnType::Int }]),
        Token::Row(vec![Value::Int(7)]),
    ];
    let bytes = Token::encode_all(&tokens, TdsVersion::V7_4);
    assert_eq!(bytes[..5], [0x81, 1, 0, 0, 0], "count, then no keys");
    let mut parser = TokenParser::new(bytes.into()).with_encryption(true);
    let Some(Theirs::ColMetaData(metadata)) = parser.next_token().unwrap() else { panic!("no COLMETADATA") };
    assert_eq!((metadata.column_count(), metadata.columns[0].name.as_str()), (1, "a"));
    assert!(metadata.cek_table.is_some());
    assert!(matches!(parser.next_token_with_metadata(Some(&metadata)).unwrap(), Some(Theirs::Row(_))));
}

fn message() -> impl Strategy<Value = ServerMessage> {
    (any::<(i32, u8, u8, u16)>(), "\\PC{0,80}", "\\PC{0,20}", "\\PC{0,20}").prop_map(
        |((number, state, class, line), text, server, procedure)| ServerMessage {
            number,
            state,
            class,
            text,
            server,
            procedure,
            line: u32::from(line),
        },
    )
}

fn change() -> impl Strategy<Value = EnvChange> {
    let text = || ("\\PC{0,20}", "\\PC{0,20}").prop_map(|(new, old)| Change { new, old });
    prop_oneof![
        text().prop_map(EnvChange::Database),
        text().prop_map(EnvChange::Language),
        text().prop_map(EnvChange::PacketSize),
        any::<[u8; 5]>().prop_map(EnvChange::Collation),
        any::<[u8; 8]>().prop_map(EnvChange::TransactionBegun),
        any::<[u8; 8]>().prop_map(EnvChange::TransactionCommitted),
        any::<[u8; 8]>().prop_map(EnvChange::TransactionRolledBack),
        Just(EnvChange::Reset),
        ("\\PC{0,60}", any::<u16>()).prop_map(|(server, port)| EnvChange::Routing { server, port }),
    ]
}

fn result_set() -> impl Strategy<Value = (Vec<Column>, Vec<Value>)> {
    let cell = prop_oneof![
        any::<Option<u8>>().prop_map(|v| (ColumnType::TinyInt, v.map_or(Value::Null, Value::TinyInt))),
        Just((ColumnType::Numeric, Value::Null)),
        any::<Option<i16>>().prop_map(|v| (ColumnType::SmallInt, v.map_or(Value::Null, Value::SmallInt))),
        any::<Option<i32>>().prop_map(|v| (ColumnType::Int, v.map_or(Value::Null, Value::Int))),
        proptest::option::of("\\PC{0,30}")
            .prop_map(|v| (ColumnType::NVarChar(8000), v.map_or(Value::Null, Value::Text))),
    ];
    proptest::collection::vec(("\\PC{0,10}", cell), 1..4)
        .prop_map(|cells| cells.into_iter().map(|(name, (kind, value))| (Column { name, kind }, value)).unzip())
}

proptest! {
    #[test]
    fn decode_of_encode(
        error in message(),
        info in message(),
        change in change(),
        (columns, row) in result_set(),
        done in any::<(u16, u16, u32)>(),
        features in proptest::collection::vec((0_u8..0xFF, proptest::collection::vec(any::<u8>(), 0..9)), 0..4),
        which in 0_usize..4,
    ) {
        let version = VERSIONS[which];
        let (status, command, rows) = done;
        let output = ReturnValue {
            ordinal: status,
            name: columns[0].name.clone(),
            kind: columns[0].kind,
            value: row[0].clone(),
        };
        let tokens = vec![
            Token::Error(error),
            Token::EnvChange(change),
            Token::LoginAck(LoginAck {
                tds_version: version, program: "Microsoft SQL Server".to_owned(), program_version: [16, 0, 3, 232],
            }),
            Token::FeatureExtAck(features.into_iter().map(|(id, data)| Feature { id, data }).collect()),
            Token::Info(info),
            Token::ColMetadata(columns),
            Token::Row(row),
            Token::DoneInProc(Done { status, command, rows: u64::from(rows) }),
            Token::ReturnStatus(rows.cast_signed()),
            Token::ReturnValue(output),
            Token::DoneProc(Done { status, command, rows: u64::from(rows) }),
            Token::Done(Done { status, command, rows: u64::from(rows) }),
        ];
        let bytes = Token::encode_all(&tokens, version);
        prop_assert_eq!(Token::decode_all(&bytes, version).unwrap(), tokens);
    }

    #[test]
    fn any_bytes_are_tokens_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Token::decode_all(&bytes, TdsVersion::V7_4);
    }
}
