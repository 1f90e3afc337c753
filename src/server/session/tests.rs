//! Requests of every kind, and what they are told.

use super::*;
use crate::tds::{Call, Parameter, Procedure, Value};

fn ask(session: &mut Session, kind: PacketType, status: u8, payload: Vec<u8>) -> Vec<Token> {
    reply(&Message { kind, status, payload }, TdsVersion::V7_4, session).unwrap()
}

fn session() -> Session {
    Session::new(&Login7::default(), 51)
}

fn sql(sql: &str, version: TdsVersion) -> Vec<u8> {
    SqlBatch { sql: sql.to_owned() }.encode(version)
}

#[test]
fn packet_sizes_are_what_the_protocol_allows() {
    assert_eq!([0, 8000, 100, 70_000].map(packet_size), [4096, 8000, 512, 32_767]);
}

#[test]
fn features_are_acknowledged_only_when_asked() {
    let acknowledged = |features: Vec<Feature>| {
        let login = Login7 { features, ..Login7::default() };
        welcome(&login, &Session::new(&login, 51), TdsVersion::V7_4, 4096).into_iter().find_map(|token| match token {
            Token::FeatureExtAck(features) => Some(features.iter().map(|feature| feature.id).collect::<Vec<_>>()),
            _ => None,
        })
    };
    let feature = |id, data: &[u8]| Feature { id, data: data.to_vec() };
    assert_eq!(acknowledged(Vec::new()), None);
    assert_eq!(acknowledged(vec![feature(5, &[])]), Some(Vec::new()));
    assert_eq!(acknowledged(vec![feature(1, &[]), feature(0x0A, &[1]), feature(0x0D, &[1])]), Some(vec![1, 0x0A]));
}

#[test]
fn a_broken_session_is_taken_up_again() {
    let part = |database: u8| [&[5, 0, 0, 0, 1, database, 0, 0, 0][..]].concat();
    let data = [part(b'a'), part(b'b')].concat();
    let login = Login7 {
        database: "shop".to_owned(),
        features: vec![Feature { id: Feature::SESSION_RECOVERY, data }],
        ..Login7::default()
    };
    assert_eq!(Session::new(&login, 51).database, "b");
}

#[test]
fn an_attention_and_a_reset_are_answered() {
    let mut session = session();
    assert_eq!(ask(&mut session, PacketType::ATTENTION, 1, Vec::new()), [Token::Done(Done::of(Done::ATTENTION))]);
    ask(&mut session, PacketType::SQL_BATCH, 1, sql("USE shop", TdsVersion::V7_4));
    let tokens = ask(&mut session, PacketType::SQL_BATCH, 0x09, sql("SELECT DB_NAME()", TdsVersion::V7_4));
    assert_eq!(tokens[0], Token::EnvChange(EnvChange::Reset));
    assert!(tokens.contains(&Token::Row(vec![Value::Text("master".to_owned())])), "{tokens:?}");
}

#[test]
fn a_call_that_does_not_read_and_a_bulk_load_get_ordinary_errors() {
    let mut session = session();
    let call = |bytes: &[u8]| [&[4, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 0], bytes].concat();
    for (kind, payload, number) in [
        (PacketType::RPC, call(&[0, 0, 0xF4]), 8009),
        (PacketType::RPC, call(&[0]), 4002),
        (PacketType::RPC, call(&[0, 0, 0x1F].repeat(Rpc::MAX_PARAMETERS + 1)), 8003),
        (PacketType::BULK_LOAD, vec![0x81], 4002),
    ] {
        let tokens = ask(&mut session, kind, 1, payload);
        assert!(matches!(&tokens[..], [Token::Error(error), Token::Done(_)] if error.number == number), "{tokens:?}");
    }
}

#[test]
fn a_call_is_answered() {
    let parameters = vec![Parameter::text("SELECT 1", TdsVersion::V7_4)];
    let call = Call { procedure: Procedure::Id(10), options: 0, parameters };
    let tokens = ask(&mut session(), PacketType::RPC, 1, Rpc { calls: vec![call] }.encode(TdsVersion::V7_4));
    assert!(matches!(tokens.last(), Some(Token::DoneProc(done)) if done.status == Done::FINAL));
}

#[test]
fn transactions_by_request_and_by_text_are_the_same() {
    let mut session = session();
    let request = |kind: u8| vec![4, 0, 0, 0, kind, 0, 0, 0];
    assert!(matches!(ask(&mut session, PacketType::TRANSACTION, 1, request(5))[0], Token::EnvChange(_)));
    assert_eq!(session.transactions, 1);
    ask(&mut session, PacketType::SQL_BATCH, 1, sql("COMMIT", TdsVersion::V7_4));
    assert_eq!(ask(&mut session, PacketType::TRANSACTION, 1, request(8)), [Token::Done(Done::of(Done::FINAL))]);
}

#[test]
fn an_old_client_is_told_of_no_descriptor() {
    let message = Message { kind: PacketType::SQL_BATCH, status: 1, payload: sql("BEGIN TRAN", TdsVersion::V7_1) };
    let tokens = reply(&message, TdsVersion::V7_1, &mut session()).unwrap();
    assert_eq!(tokens, [Token::Done(Done::of(Done::FINAL))]);
}

#[test]
fn columns_carry_keys_where_column_encryption_was_asked_for() {
    let feature = Feature { id: Feature::COLUMN_ENCRYPTION, data: vec![1] };
    let login = Login7 { features: vec![feature], ..Login7::default() };
    let tokens = ask(&mut Session::new(&login, 51), PacketType::SQL_BATCH, 1, sql("SELECT 1", TdsVersion::V7_4));
    assert!(matches!(tokens[0], Token::KeyedColMetadata(_)));
}

#[test]
fn a_second_login_is_no_request() {
    let message = Message { kind: PacketType::LOGIN7, status: 1, payload: Vec::new() };
    assert!(matches!(reply(&message, TdsVersion::V7_4, &mut session()), Err(Error::Malformed(_))));
}
