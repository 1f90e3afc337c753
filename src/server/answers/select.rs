//! A SELECT without a table: its list of literals, variables and functions, with their names.

use super::super::session::Session;
use super::known::{Cell, function, text, variable};
use super::words::Word;
use crate::tds::{Column, ColumnType, Value};

/// What may stand behind an expression and is no name for it.
const NO_NAMES: &[&str] = &["UNION", "FROM", "WHERE", "INTO", "ORDER", "GROUP", "FOR", "OPTION", "EXCEPT", "INTERSECT"];

/// The columns and the only row of a SELECT, from the words behind it; none when one of them is not known.
pub(super) fn row(list: &[Word<'_>], session: &Session) -> Option<(Vec<Column>, Vec<Value>)> {
    let mut columns = Vec::new();
    let mut values = Vec::new();
    for item in items(without_top(list)) {
        let (name, (kind, value)) = column(item, session)?;
        columns.push(Column { name, kind });
        values.push(value);
    }
    Some((columns, values))
}

/// `TOP 1` and `TOP (1)` change nothing where there is one row.
fn without_top<'a, 'b>(list: &'a [Word<'b>]) -> &'a [Word<'b>] {
    match list {
        [top, Word::Mark('('), Word::Plain("1"), Word::Mark(')'), rest @ ..] if top.is("TOP") => rest,
        [top, Word::Plain("1"), rest @ ..] if top.is("TOP") => rest,
        list => list,
    }
}

/// The list cut at its commas, those in brackets left alone.
fn items<'a, 'b>(list: &'a [Word<'b>]) -> impl Iterator<Item = &'a [Word<'b>]> {
    let mut depth = 0_usize;
    list.split(move |word| {
        match word {
            Word::Mark('(') => depth += 1,
            Word::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *word == Word::Mark(',')
    })
}

/// `expression`, `expression AS name`, `expression name` or `name = expression`.
fn column(item: &[Word<'_>], session: &Session) -> Option<(String, Cell)> {
    if let [alias, Word::Mark('='), rest @ ..] = item
        && let Some(name) = name(*alias)
    {
        let (cell, []) = expression(rest, session)? else { return None };
        return Some((name, cell));
    }
    let (cell, rest) = expression(item, session)?;
    let name = match rest {
        [] => String::new(),
        [alias] => name(*alias)?,
        [keyword, alias] if keyword.is("AS") => name(*alias)?,
        _ => return None,
    };
    Some((name, cell))
}

/// The name that a word can be for a column.
fn name(word: Word<'_>) -> Option<String> {
    match word {
        Word::Plain(plain) if plain.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
            (!NO_NAMES.iter().any(|keyword| word.is(keyword))).then(|| plain.to_owned())
        }
        Word::Name(name) => Some(name.to_owned()),
        Word::Text(text) => Some(text.replace("''", "'")),
        Word::Plain(_) | Word::Mark(_) => None,
    }
}

/// The value of the expression that the words begin with, and what is left of them.
fn expression<'a, 'b>(words: &'a [Word<'b>], session: &Session) -> Option<(Cell, &'a [Word<'b>])> {
    match words {
        [Word::Text(quoted), rest @ ..] => Some((text(quoted.replace("''", "'")), rest)),
        [Word::Mark('-'), Word::Plain(number), rest @ ..] => {
            let value = number.parse::<i32>().ok()?.checked_neg()?;
            Some(((ColumnType::Int, Value::Int(value)), rest))
        }
        [word @ Word::Plain(function), Word::Mark('('), rest @ ..] => {
            let (arguments, rest) = rest.split_at(closing(rest)?);
            Some((call(*word, function, arguments, session)?, rest.get(1..)?))
        }
        [Word::Plain(plain), rest @ ..] => Some((plain_value(plain, session)?, rest)),
        _ => None,
    }
}

/// Where the bracket closes that is open before the words.
fn closing(words: &[Word<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    words.iter().position(|word| match word {
        Word::Mark('(') => {
            depth += 1;
            false
        }
        Word::Mark(')') if depth == 0 => true,
        Word::Mark(')') => {
            depth -= 1;
            false
        }
        _ => false,
    })
}

fn plain_value(plain: &str, session: &Session) -> Option<Cell> {
    if let Ok(number) = plain.parse::<i32>() {
        return Some((ColumnType::Int, Value::Int(number)));
    }
    let upper = plain.to_uppercase();
    match upper.as_str() {
        "NULL" => Some((ColumnType::Int, Value::Null)),
        variable_name if variable_name.starts_with("@@") => variable(variable_name, session),
        keyword => function(keyword, "", session).filter(|_| keyword.ends_with("_USER") || keyword == "USER"),
    }
}

fn call(word: Word<'_>, name: &str, arguments: &[Word<'_>], session: &Session) -> Option<Cell> {
    // Only to text: it is what drivers do with a property.
    let to_text = |kind: &[Word<'_>]| kind.first().is_some_and(|kind| is_text(*kind));
    if word.is("CAST") {
        let (cell, [keyword, kind @ ..]) = expression(arguments, session)? else { return None };
        return (keyword.is("AS") && to_text(kind)).then(|| as_text(cell));
    }
    if word.is("CONVERT") {
        let mut parts = items(arguments);
        let (kind, value) = (parts.next()?, parts.next()?);
        let (cell, []) = expression(value, session)? else { return None };
        return to_text(kind).then(|| as_text(cell));
    }
    let argument = match arguments {
        [] => "",
        [Word::Text(argument)] => argument,
        _ => return None,
    };
    function(&name.to_uppercase(), argument, session)
}

fn is_text(kind: Word<'_>) -> bool {
    ["VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "SYSNAME"].iter().any(|text| kind.is(text))
}

fn as_text((kind, value): Cell) -> Cell {
    match value {
        Value::TinyInt(number) => text(number.to_string()),
        Value::SmallInt(number) => text(number.to_string()),
        Value::Int(number) => text(number.to_string()),
        Value::Null => (ColumnType::NVarChar(60), Value::Null),
        Value::Text(_) => (kind, value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Statements;
    use super::*;
    use crate::tds::Login7;

    fn row_of(sql: &str) -> Option<(Vec<Column>, Vec<Value>)> {
        let login = Login7 { user: "sa".to_owned(), ..Login7::default() };
        row(&Statements::of(sql).next().unwrap()[1..], &Session::new(&login, 51))
    }

    fn named(sql: &str) -> (String, Value) {
        let (mut columns, mut values) = row_of(sql).unwrap_or_else(|| panic!("{sql}"));
        (columns.remove(0).name, values.remove(0))
    }

    #[test]
    fn literals_and_their_names() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (sql, name, value) in [
            ("SELECT 1", "", Value::Int(1)),
            ("select -7 as x", "x", Value::Int(-7)),
            ("SELECT N'a''b' [the name]", "the name", text("a'b")),
            ("SELECT x = 2", "x", Value::Int(2)),
            ("SELECT NULL AS 'n'", "n", Value::Null),
            ("SELECT TOP (1) 3 AS three", "three", Value::Int(3)),
            ("SELECT @@SPID AS spid", "spid", Value::SmallInt(51)),
            ("SELECT SUSER_SNAME()", "", text("sa")),
            ("select system_user", "", text("sa")),
            ("SELECT CAST(SERVERPROPERTY('EngineEdition') AS VARCHAR(9)) v", "v", text("3")),
            ("SELECT CONVERT(nvarchar(128), SERVERPROPERTY(N'ProductVersion'))", "", text("16.0.1000.6")),
            ("SELECT SERVERPROPERTY('InstanceName')", "", Value::Null),
        ] {
            assert_eq!(named(sql), (name.to_owned(), value), "{sql}");
        }
    }

    #[test]
    fn several_columns() {
        let (columns, values) = row_of("SELECT 1 AS a, N'x,y' AS b, db_name(), @@TRANCOUNT").unwrap();
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "", ""]);
        assert_eq!(values[1..], [Value::Text("x,y".to_owned()), Value::Text("master".to_owned()), Value::Int(0)]);
    }

    #[test]
    fn what_is_not_known_is_none() {
        for sql in [
            "SELECT",
            "SELECT a",
            "SELECT 1 +",
            "SELECT 1 UNION",
            "SELECT f(1)",
            "SELECT (1",
            "SELECT 1,",
            "SELECT @@NOTHING",
        ] {
            assert_eq!(row_of(sql), None, "{sql}");
        }
    }
}
