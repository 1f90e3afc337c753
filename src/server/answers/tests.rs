//! Batches that drivers send, and what they are told.

use super::*;
use crate::tds::{Login7, Value};

fn session() -> Session {
    Session::new(&Login7::default(), 51)
}

fn batch(sql: &str) -> Vec<Token> {
    super::batch(sql, &mut session())
}

fn values(tokens: &[Token]) -> Vec<Value> {
    let rows = tokens.iter().filter_map(|token| match token {
        Token::Row(values) => Some(values.clone()),
        _ => None,
    });
    rows.flatten().collect()
}

fn number(tokens: &[Token]) -> Option<(i32, u8)> {
    tokens.iter().find_map(|token| match token {
        Token::Error(message) => Some((message.number, message.class)),
        _ => None,
    })
}

#[test]
fn known_queries_whatever_their_case_and_spaces() {
    for sql in ["SELECT 1", " select\n 1 ; ", "Select\t1;;", "/* ping */ SELECT 1 -- x"] {
        assert_eq!(values(&batch(sql)), [Value::Int(1)], "{sql}");
    }
    assert_eq!(values(&batch("select @@spid")), [Value::SmallInt(51)]);
    assert!(
        matches!(&values(&batch("SELECT @@VERSION"))[..], [Value::Text(text)] if text.starts_with("Microsoft SQL Server"))
    );
}

/// What drivers were seen to send at connect, at a pool's check, and around transactions.
#[test]
fn what_drivers_send_on_their_own() {
    for sql in [
        // jTDS: settings without semicolons.
        "SELECT @@MAX_PRECISION\r\nSET TRANSACTION ISOLATION LEVEL READ COMMITTED\r\nSET IMPLICIT_TRANSACTIONS OFF\r\n\
         SET QUOTED_IDENTIFIER ON\r\nSET TEXTSIZE 2147483647",
        // ODBC, FreeTDS and PDO
        "SET QUOTED_IDENTIFIER OFF",
        "set textsize 64512 set quoted_identifier on",
        "SET ANSI_NULLS ON SET ANSI_NULL_DFLT_ON ON SET ANSI_PADDING ON SET ANSI_WARNINGS ON",
        // tedious
        "set ansi_nulls on\nset language us_english\nset transaction isolation level read committed\nset xact_abort off",
        // pymssql
        "SET ARITHABORT ON;SET CONCAT_NULL_YIELDS_NULL ON;SET ANSI_NULLS ON;SET ANSI_NULL_DFLT_ON ON;SET ANSI_PADDING ON;\
         SET ANSI_WARNINGS ON;SET CURSOR_CLOSE_ON_COMMIT ON;SET QUOTED_IDENTIFIER ON;SET TEXTSIZE 2147483647;",
        "SELECT @@TRANCOUNT",
        "IF @@TRANCOUNT > 0 ROLLBACK TRAN",
        "IF @@TRANCOUNT > 0 COMMIT TRAN set implicit_transactions off",
        "SELECT SERVERPROPERTY('EngineEdition'), SERVERPROPERTY('productversion')",
        "select DB_NAME() as db, @@SERVERNAME as server",
        "exec sp_reset_connection",
        "PRINT 'hello'",
        "DECLARE @x int",
        "SELECT @@MICROSOFTVERSION",
        "SELECT @@OPTIONS, @@LANGUAGE, @@ROWCOUNT, @@IDENTITY",
    ] {
        let tokens = batch(sql);
        assert_eq!(number(&tokens), None, "{sql}");
        assert!(matches!(tokens.last(), Some(Token::Done(done)) if done.status & Done::MORE == 0), "{sql}: {tokens:?}");
    }
}

#[test]
fn settings_before_a_query_are_accepted() {
    let tokens = batch("SET ARITHABORT ON; SET ANSI_NULLS ON; SELECT 1");
    assert_eq!(tokens.len(), 5);
    assert_eq!(tokens[0], Token::Done(Done::of(Done::MORE)));
    assert!(matches!(tokens[4], Token::Done(done) if done.status == Done::COUNT));
    assert_eq!(batch(" \n"), [Token::Done(Done::of(Done::FINAL))]);
}

#[test]
fn transactions_are_counted() {
    let mut session = session();
    let mut ask = |sql: &str| super::batch(sql, &mut session);
    assert!(matches!(ask("BEGIN TRAN")[0], Token::EnvChange(EnvChange::TransactionBegun(_))));
    assert_eq!(values(&ask("BEGIN TRANSACTION; SELECT @@TRANCOUNT")), [Value::Int(2)]);
    assert_eq!(ask("COMMIT"), [Token::Done(Done::of(Done::FINAL))]);
    let tokens = ask("IF @@TRANCOUNT > 0 ROLLBACK TRAN SELECT @@TRANCOUNT");
    assert!(matches!(tokens[0], Token::EnvChange(EnvChange::TransactionRolledBack(_))));
    assert_eq!(values(&tokens), [Value::Int(0)]);
    assert_eq!(values(&ask("IF @@TRANCOUNT <> 0 SELECT 1 SELECT 2")), [Value::Int(2)], "the IF does not hold");
    assert_eq!(values(&ask("IF @@TRANCOUNT = 0 BEGIN TRAN SELECT @@TRANCOUNT")), [Value::Int(1)]);
}

#[test]
fn another_database_is_told() {
    let tokens = batch("use [shop]");
    let change = Change { new: "shop".to_owned(), old: "master".to_owned() };
    assert_eq!(tokens[0], Token::EnvChange(EnvChange::Database(change)));
    assert!(matches!(&tokens[1], Token::Info(info) if info.number == 5701 && info.text.ends_with("'shop'.")));
}

#[test]
fn unknown_sql_gets_an_ordinary_error() {
    for (sql, expected) in [
        ("SELECT * FROM orders", 208),
        ("INSERT BULK [t] (a int)", 208),
        ("UPDATE t SET a = 1", 208),
        ("EXEC sp_nothing 1", 2812),
        ("FROBNICATE", 102),
        ("SET X ON; DROP IT", 102),
        ("SELECT 1 UNION SELECT 2", 102),
    ] {
        let tokens = batch(sql);
        assert!(matches!(number(&tokens), Some((n, 15 | 16)) if n == expected), "{sql}: {tokens:?}");
        assert_eq!(tokens.last(), Some(&Token::Done(Done::of(Done::ERROR))));
    }
}

#[test]
fn an_endless_batch_gets_a_bounded_answer() {
    let tokens = batch(&"SELECT 1;".repeat(100_000));
    assert!(tokens.len() < 1000);
    assert_eq!(number(&tokens), Some((191, 15)));
    assert_eq!(number(&batch(&format!("SELECT {}1", "1,".repeat(10_000)))), Some((191, 15)));
}
