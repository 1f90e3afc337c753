//! What the server says to a session: a handful of queries, the settings that drivers send, and ordinary errors.
//!
//! The choice not taken: an SQL parser. A statement is known by its words, or it gets the error that SQL Server would
//! most likely give.

use super::session::Session;
use crate::tds::{Change, Column, ColumnType, Done, EnvChange, ServerMessage, Token, Value};

/// What `SELECT @@VERSION` says.
const VERSION: &str = concat!(
    "Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64) \n\tclosewait ",
    env!("CARGO_PKG_VERSION"),
    ", an embedded stand-in for login failures"
);

/// The server's name in messages.
pub(super) const SERVER: &str = "CLOSEWAIT";

/// Statements that change nothing here, by their first words: what drivers send at connect, and around transactions.
const ACCEPTED: &[&str] = &["SET ", "BEGIN TRAN", "COMMIT", "ROLLBACK", "IF @@TRANCOUNT"];

/// The tokens that answer a batch, its last DONE included.
pub(super) fn batch(sql: &str, session: &mut Session) -> Vec<Token> {
    let mut tokens = Vec::new();
    let statements = sql.split(';').map(words).filter(|statement| !statement.is_empty());
    let mut statements = statements.peekable();
    while let Some(statement) = statements.next() {
        if let Err(message) = answer(&statement, session, &mut tokens) {
            tokens.push(Token::Error(message));
            tokens.push(Token::Done(Done::of(Done::ERROR)));
            return tokens;
        }
        if statements.peek().is_some()
            && let Some(Token::Done(done)) = tokens.last_mut()
        {
            done.status |= Done::MORE;
        }
    }
    if tokens.is_empty() {
        tokens.push(Token::Done(Done::of(Done::FINAL)));
    }
    tokens
}

/// The statement with one space between its words.
fn words(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn answer(statement: &str, session: &mut Session, tokens: &mut Vec<Token>) -> Result<(), ServerMessage> {
    let upper = statement.to_uppercase();
    let (kind, value) = match upper.as_str() {
        "SELECT 1" => (ColumnType::Int, Value::Int(1)),
        "SELECT @@VERSION" => (ColumnType::NVarChar(600), Value::Text(VERSION.to_owned())),
        // smallint, as @@SPID is; session ids stay below 32,768.
        "SELECT @@SPID" => (ColumnType::SmallInt, Value::SmallInt(i16::try_from(session.spid).unwrap_or(i16::MAX))),
        known if known.starts_with("USE ") => {
            use_database(statement.split(' ').nth(1).unwrap_or_default(), session, tokens);
            return Ok(());
        }
        known if ACCEPTED.iter().any(|head| known.starts_with(head)) => {
            tokens.push(Token::Done(Done::of(Done::FINAL)));
            return Ok(());
        }
        _ => return Err(unknown(statement, &upper)),
    };
    tokens.push(Token::ColMetadata(vec![Column { name: String::new(), kind }]));
    tokens.push(Token::Row(vec![value]));
    tokens.push(Token::Done(Done { status: Done::COUNT, command: Done::SELECT, rows: 1 }));
    Ok(())
}

/// Every database exists; its name may stand in brackets.
fn use_database(name: &str, session: &mut Session, tokens: &mut Vec<Token>) {
    let new = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let old = std::mem::replace(&mut session.database, new.clone());
    let text = format!("Changed database context to '{new}'.");
    tokens.push(Token::EnvChange(EnvChange::Database(Change { new, old })));
    tokens.push(Token::Info(error(5701, 0, 2, text)));
    tokens.push(Token::Done(Done::of(Done::FINAL)));
}

/// The error for SQL that is not known: a missing table, a missing procedure, or the syntax.
fn unknown(statement: &str, upper: &str) -> ServerMessage {
    let mut words = statement.split(' ');
    let first = words.next().unwrap_or_default();
    if upper.starts_with("EXEC ") || upper.starts_with("EXECUTE ") {
        return no_procedure(words.next().unwrap_or_default());
    }
    let table = statement.split(' ').skip_while(|word| !word.eq_ignore_ascii_case("FROM")).nth(1);
    match table {
        Some(table) => error(208, 16, 1, format!("Invalid object name '{table}'.")),
        None => error(102, 15, 1, format!("Incorrect syntax near '{first}'.")),
    }
}

/// A procedure that does not exist; also the answer to every remote procedure call.
pub(super) fn no_procedure(name: &str) -> ServerMessage {
    error(2812, 16, 62, format!("Could not find stored procedure '{name}'."))
}

/// A message in a session, at line 1 of its batch.
pub(super) fn error(number: i32, class: u8, state: u8, text: String) -> ServerMessage {
    ServerMessage { number, state, class, text, server: SERVER.to_owned(), procedure: String::new(), line: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(sql: &str) -> Vec<Token> {
        super::batch(sql, &mut Session { spid: 51, database: "master".to_owned() })
    }

    fn value(sql: &str) -> Option<Value> {
        batch(sql).into_iter().find_map(|token| match token {
            Token::Row(mut values) => values.pop(),
            _ => None,
        })
    }

    #[test]
    fn known_queries_whatever_their_case_and_spaces() {
        for sql in ["SELECT 1", " select\n 1 ; ", "Select\t1;;"] {
            assert_eq!(value(sql), Some(Value::Int(1)), "{sql}");
        }
        assert_eq!(value("select @@spid"), Some(Value::SmallInt(51)));
        assert!(
            matches!(value("SELECT @@VERSION"), Some(Value::Text(text)) if text.starts_with("Microsoft SQL Server"))
        );
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
    fn another_database_is_told() {
        let tokens = batch("use [shop]");
        let change = Change { new: "shop".to_owned(), old: "master".to_owned() };
        assert_eq!(tokens[0], Token::EnvChange(EnvChange::Database(change)));
        assert!(matches!(&tokens[1], Token::Info(info) if info.number == 5701 && info.text.ends_with("'shop'.")));
    }

    #[test]
    fn unknown_sql_gets_an_ordinary_error() {
        for (sql, number) in [
            ("SELECT * FROM orders", 208),
            ("EXEC sp_nothing 1", 2812),
            ("FROBNICATE", 102),
            ("SET X ON; DROP IT", 102),
        ] {
            let tokens = batch(sql);
            let error = tokens.iter().find_map(|token| match token {
                Token::Error(message) => Some((message.number, message.class)),
                _ => None,
            });
            assert!(matches!(error, Some((n, 15 | 16)) if n == number), "{sql}: {error:?}");
            assert_eq!(tokens.last(), Some(&Token::Done(Done::of(Done::ERROR))));
        }
    }
}
