//! Calls, and what they are told.

use super::*;
use crate::tds::{Login7, Procedure, TdsVersion};

fn session() -> Session {
    Session::new(&Login7::default(), 51)
}

fn text(text: &str) -> Parameter {
    Parameter::text(text, TdsVersion::V7_4)
}

fn call(name: &str, parameters: Vec<Parameter>) -> Call {
    let at = Procedure::WELL_KNOWN.iter().position(|known| *known == name);
    let procedure =
        at.map_or_else(|| Procedure::Name(name.to_owned()), |at| Procedure::Id(u16::try_from(at + 1).unwrap()));
    Call { procedure, options: 0, parameters }
}

fn ask(session: &mut Session, name: &str, parameters: Vec<Parameter>) -> Vec<Token> {
    answer(&Rpc { calls: vec![call(name, parameters)] }, session)
}

fn failure(tokens: &[Token]) -> Option<i32> {
    assert!(matches!(tokens.last(), Some(Token::DoneProc(done)) if done.status == Done::ERROR), "{tokens:?}");
    tokens.iter().find_map(|token| match token {
        Token::Error(message) => Some(message.number),
        _ => None,
    })
}

fn handle(tokens: &[Token]) -> i32 {
    let handle = tokens.iter().find_map(|token| match token {
        Token::ReturnValue(ReturnValue { value: Value::Int(handle), .. }) => Some(*handle),
        _ => None,
    });
    handle.unwrap_or_else(|| panic!("no handle: {tokens:?}"))
}

#[test]
fn a_statement_with_parameters() {
    let tokens =
        ask(&mut session(), "sp_executesql", vec![text("SET X ON; SELECT 1"), text("@p int"), Parameter::int(Some(3))]);
    let [Token::ColMetadata(_), Token::Row(row), Token::DoneInProc(done), Token::ReturnStatus(0), Token::DoneProc(end)] =
        tokens.as_slice()
    else {
        panic!("{tokens:?}")
    };
    assert_eq!((row.as_slice(), done.status, end.status), ([Value::Int(1)].as_slice(), 0x11, 0));
}

#[test]
fn a_prepared_statement_lives_until_it_is_given_back() {
    let mut session = session();
    let first =
        vec![Parameter { name: "@handle".to_owned(), flags: 1, ..Parameter::int(None) }, text(""), text("SELECT 1")];
    let tokens = ask(&mut session, "sp_prepexec", first.clone());
    assert!(matches!(tokens[1], Token::Row(_)));
    assert!(tokens.iter().any(|token| matches!(token, Token::ReturnValue(value) if value.name == "@handle")));
    let handle = handle(&tokens);
    let again = ask(&mut session, "sp_execute", vec![Parameter::int(Some(handle))]);
    assert!(matches!(again[1], Token::Row(_)));
    assert_eq!(ask(&mut session, "sp_unprepare", vec![Parameter::int(Some(handle))]).len(), 2);
    assert_eq!(failure(&ask(&mut session, "sp_execute", vec![Parameter::int(Some(handle))])), Some(8179));
    assert_eq!(failure(&ask(&mut session, "sp_unprepare", vec![Parameter::int(Some(handle))])), Some(8179));
}

#[test]
fn preparing_shows_the_columns_and_does_nothing() {
    let mut session = session();
    let parameters = vec![Parameter::int(None), text(""), text("BEGIN TRAN; SELECT 1 AS a"), Parameter::int(Some(1))];
    let tokens = ask(&mut session, "sp_prepare", parameters);
    assert!(matches!(&tokens[0], Token::ColMetadata(columns) if columns[0].name == "a"));
    assert_eq!(session.transactions, 0);
    assert!(!tokens.iter().any(|token| matches!(token, Token::Row(_))));
    let handle = handle(&tokens);
    ask(&mut session, "sp_execute", vec![Parameter::int(Some(handle))]);
    assert_eq!(session.transactions, 1);
}

#[test]
fn a_reset_forgets_the_session() {
    let mut session = session();
    let sql = vec![Parameter::int(None), text(""), text("USE shop; BEGIN TRAN")];
    let handle = handle(&ask(&mut session, "sp_prepexec", sql));
    assert_eq!((session.database.as_str(), session.transactions), ("shop", 1));
    assert_eq!(ask(&mut session, "sp_reset_connection", Vec::new()).len(), 2);
    assert_eq!((session.database.as_str(), session.transactions), ("master", 0));
    assert_eq!(failure(&ask(&mut session, "sp_execute", vec![Parameter::int(Some(handle))])), Some(8179));
}

#[test]
fn what_cannot_be_done_is_an_ordinary_error() {
    let mut session = session();
    for (name, parameters, number) in [
        ("sp_nothing", Vec::new(), 2812),
        ("sp_cursoropen", vec![Parameter::int(None), text("SELECT 1")], 2812),
        ("sp_executesql", Vec::new(), 201),
        ("sp_executesql", vec![Parameter::int(Some(1))], 214),
        ("sp_execute", vec![text("x")], 214),
        ("sys.sp_executesql", vec![text("SELECT * FROM orders")], 208),
        ("sp_prepexecrpc", vec![Parameter::int(None), text("sp_nothing")], 2812),
    ] {
        assert_eq!(failure(&ask(&mut session, name, parameters)), Some(number), "{name}");
    }
}

#[test]
fn several_calls_end_with_one_last_done() {
    let calls = vec![
        call("sp_executesql", vec![text("SELECT 1")]),
        call("sp_nothing", Vec::new()),
        call("sp_executesql", vec![text("SELECT 2")]),
    ];
    let ends: Vec<u16> = answer(&Rpc { calls }, &mut session())
        .into_iter()
        .filter_map(|token| match token {
            Token::DoneProc(done) => Some(done.status),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [Done::MORE, Done::MORE | Done::ERROR, Done::FINAL]);
}

#[test]
fn every_answered_procedure_is_one() {
    for name in ANSWERED {
        let second = if name == "sp_prepexecrpc" { "sp_reset_connection" } else { "SELECT 1" };
        let tokens = ask(&mut session(), name, vec![Parameter::int(Some(1)), text(second), text("SELECT 1")]);
        let missing = tokens.iter().any(|token| matches!(token, Token::Error(message) if message.number == 2812));
        assert!(!missing, "{name}");
    }
}

/// The page of the room below says it of each procedure; here is what is done.
#[test]
fn the_coverage_table_is_right_about_procedures() {
    let page = include_str!("../../tds/COVERAGE.md");
    for name in Procedure::WELL_KNOWN.into_iter().chain(["sp_reset_connection"]) {
        let standing = if ANSWERED.contains(&name) { "spoken" } else { "refused properly" };
        assert!(page.contains(&format!("| {name} | {standing} |")), "{name}");
        let tokens = ask(&mut session(), name, Vec::new());
        let missing = tokens.iter().any(|token| matches!(token, Token::Error(message) if message.number == 2812));
        assert_eq!(missing, standing != "spoken", "{name}");
    }
}

#[test]
fn preparing_again_gives_the_old_handle_back() {
    let mut session = session();
    let sql = |handle| vec![Parameter::int(handle), text(""), text("SELECT 1")];
    let first = handle(&ask(&mut session, "sp_prepexec", sql(None)));
    let second = handle(&ask(&mut session, "sp_prepexec", sql(Some(first))));
    assert_eq!((session.prepared.sql(first), session.prepared.sql(second)), (None, Some("SELECT 1")));
}

#[test]
fn a_short_message_gets_no_endless_answer() {
    let mut session = session();
    let long = format!("SELECT {}1;", "1,".repeat(120)).repeat(15);
    let handle = handle(&ask(&mut session, "sp_prepexec", vec![Parameter::int(None), text(""), text(&long)]));
    let calls = vec![call("sp_execute", vec![Parameter::int(Some(handle))]); Rpc::MAX_CALLS];
    let tokens = answer(&Rpc { calls }, &mut session);
    assert!(tokens.len() < 2000, "{}", tokens.len());
    assert_eq!(failure(&tokens), Some(701));
}
