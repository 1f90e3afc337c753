//! What the server says to a session: a handful of queries, the settings that drivers send, and ordinary errors.
//!
//! The choice not taken: an SQL parser. A statement is known by its words, or it gets the error that SQL Server would
//! most likely give.

mod known;
mod select;
mod words;

use words::{MOST_WORDS, Statements, Word};

use super::session::Session;
use crate::tds::{Change, Done, EnvChange, ServerMessage, Token};

/// The server's name in messages.
pub(super) const SERVER: &str = "CLOSEWAIT";

/// The most statements of a batch that are answered, so that an answer stays bounded.
const MOST_STATEMENTS: usize = 256;

/// The tokens that answer a batch, its last DONE included.
pub(super) fn batch(sql: &str, session: &mut Session) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut skip = false;
    for (number, statement) in Statements::of(sql).enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let answered = if number == MOST_STATEMENTS || statement.len() > MOST_WORDS {
            let text = "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into \
                        smaller queries.";
            Err(error(191, 15, 1, text.to_owned()))
        } else {
            answer(&statement, session, &mut tokens)
        };
        match answered {
            Ok(Next::Statement) => {}
            Ok(Next::Skip) => skip = true,
            Err(message) => {
                tokens.push(Token::Error(message));
                tokens.push(Token::Done(Done::of(Done::ERROR)));
                break;
            }
        }
    }
    if !matches!(tokens.last(), Some(Token::Done(_))) {
        tokens.push(Token::Done(Done::of(Done::FINAL)));
    }
    let last = tokens.len() - 1;
    for token in &mut tokens[..last] {
        if let Token::Done(done) = token {
            done.status |= Done::MORE;
        }
    }
    tokens
}

/// What a statement makes of the one behind it.
enum Next {
    Statement,
    /// An IF that does not hold: it is passed over.
    Skip,
}

fn answer(words: &[Word<'_>], session: &mut Session, tokens: &mut Vec<Token>) -> Result<Next, ServerMessage> {
    let Some((first, rest)) = words.split_first() else { return Ok(Next::Statement) };
    let done = Token::Done(Done::of(Done::FINAL));
    match rest {
        list if first.is("SELECT") => match select::row(list, session) {
            Some((columns, values)) => {
                tokens.push(Token::ColMetadata(columns));
                tokens.push(Token::Row(values));
                tokens.push(Token::Done(Done { status: Done::COUNT, command: Done::SELECT, rows: 1 }));
            }
            None => return Err(unknown(words)),
        },
        [Word::Plain(name) | Word::Name(name)] if first.is("USE") => use_database(name, session, tokens),
        [variable, comparison @ .., Word::Plain(number)] if first.is("IF") && variable.is("@@TRANCOUNT") => {
            return match holds(session.transactions, comparison, number) {
                Some(true) => Ok(Next::Statement),
                Some(false) => Ok(Next::Skip),
                None => Err(unknown(words)),
            };
        }
        [kind, ..] if first.is("BEGIN") && (kind.is("TRAN") || kind.is("TRANSACTION")) => {
            tokens.extend(session.begin().map(Token::EnvChange));
            tokens.push(done);
        }
        // A COMMIT too many is passed over: a driver that has lost count is told nothing by a stand-in.
        _ if first.is("COMMIT") => {
            tokens.extend(session.commit().map(Token::EnvChange));
            tokens.push(done);
        }
        _ if first.is("ROLLBACK") => {
            tokens.extend(session.roll_back().map(Token::EnvChange));
            tokens.push(done);
        }
        [Word::Text(text)] if first.is("PRINT") => {
            tokens.push(Token::Info(error(0, 0, 1, text.replace("''", "'"))));
            tokens.push(done);
        }
        [Word::Plain(name)] if (first.is("EXEC") || first.is("EXECUTE")) && is_reset(name) => {
            session.reset();
            tokens.push(done);
        }
        // They change nothing here.
        [_, ..] if first.is("SET") || first.is("DECLARE") || first.is("SAVE") => tokens.push(done),
        _ => return Err(unknown(words)),
    }
    Ok(Next::Statement)
}

/// Whether this is what pools call before they hand out a connection.
pub(super) fn is_reset(procedure: &str) -> bool {
    procedure.rsplit('.').next().is_some_and(|name| name.eq_ignore_ascii_case("sp_reset_connection"))
}

/// Whether a comparison of the count of transactions holds; none when it is no comparison.
fn holds(transactions: u32, comparison: &[Word<'_>], number: &str) -> Option<bool> {
    let number: u32 = number.parse().ok()?;
    Some(match comparison {
        [Word::Mark('>')] => transactions > number,
        [Word::Mark('<')] => transactions < number,
        [Word::Mark('=')] => transactions == number,
        [Word::Mark('>'), Word::Mark('=')] => transactions >= number,
        [Word::Mark('<'), Word::Mark('>')] | [Word::Mark('!'), Word::Mark('=')] => transactions != number,
        _ => return None,
    })
}

/// Every database exists.
fn use_database(new: &str, session: &mut Session, tokens: &mut Vec<Token>) {
    // A name has at most 128 characters, here as in LOGIN7.
    let new: String = new.chars().take(128).collect();
    let old = std::mem::replace(&mut session.database, new.clone());
    let text = format!("Changed database context to '{new}'.");
    tokens.push(Token::EnvChange(EnvChange::Database(Change { new, old })));
    tokens.push(Token::Info(error(5701, 0, 2, text)));
    tokens.push(Token::Done(Done::of(Done::FINAL)));
}

/// The error for SQL that is not known: a missing procedure, a missing table, or the syntax.
fn unknown(words: &[Word<'_>]) -> ServerMessage {
    let shown = |word: Option<&Word<'_>>| match word {
        Some(Word::Plain(text) | Word::Text(text) | Word::Name(text)) => text.chars().take(128).collect(),
        Some(Word::Mark(mark)) => mark.to_string(),
        None => String::new(),
    };
    let first = words.first();
    if first.is_some_and(|first| first.is("EXEC") || first.is("EXECUTE")) {
        return no_procedure(&shown(words.get(1)));
    }
    // Where a table's name stands; INSERT BULK is what a bulk load begins with.
    let before = |word: &Word<'_>| ["FROM", "INTO", "BULK", "UPDATE"].iter().any(|keyword| word.is(keyword));
    let named = |at: usize| words.get(at + 1).filter(|word| matches!(word, Word::Plain(_) | Word::Name(_)));
    match words.iter().position(before).and_then(named) {
        Some(table) => error(208, 16, 1, format!("Invalid object name '{}'.", shown(Some(table)))),
        None => error(102, 15, 1, format!("Incorrect syntax near '{}'.", shown(first))),
    }
}

/// A procedure that does not exist.
pub(super) fn no_procedure(name: &str) -> ServerMessage {
    error(2812, 16, 62, format!("Could not find stored procedure '{name}'."))
}

/// A message in a session, at line 1 of its batch.
pub(super) fn error(number: i32, class: u8, state: u8, text: String) -> ServerMessage {
    ServerMessage { number, state, class, text, server: SERVER.to_owned(), procedure: String::new(), line: 1 }
}

#[cfg(test)]
mod tests;
