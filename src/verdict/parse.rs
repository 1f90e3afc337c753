//! An expectation's text to its parts, by hand: the grammar has four parts and every error names its place.

use std::ops::Range;

use super::expectation::Places;
use super::{Expectation, ExpectationError, Literal, Op};
use crate::record::Named as _;

/// The characters that operators are made of; quotes set them aside.
const OPERATOR: [char; 4] = ['=', '!', '<', '>'];

pub(super) fn expectation(text: &str) -> Result<Expectation, ExpectationError> {
    let (op, op_at) = operator(text)?;
    let Subject { arm, arm_at, path_at } = subject(text, 0..op_at.start)?;
    let path = text[path_at.clone()].to_owned();
    let (value, value_at) = value(text, op_at.end)?;
    Ok(Expectation { arm, path, op, value, places: Places { arm: arm_at, path: path_at, op: op_at, value: value_at } })
}

/// The first run of operator characters outside quotes.
fn operator(text: &str) -> Result<(Op, Range<usize>), ExpectationError> {
    let mut from = 0;
    while let Some(found) = text[from..].find(|c| OPERATOR.contains(&c) || c == '"' || c == '\'') {
        let start = from + found;
        if text[start..].starts_with(['"', '\'']) {
            from = quoted(text, start)?.1;
            continue;
        }
        let length = text[start..].find(|c| !OPERATOR.contains(&c)).unwrap_or(text.len() - start);
        let at = start..start + length;
        return match Op::ALL.iter().find(|op| op.name() == &text[at.clone()]) {
            Some(op) => Ok((*op, at)),
            None => Err(ExpectationError::WrongOperator { found: text[at.clone()].to_owned(), at }),
        };
    }
    Err(ExpectationError::NoOperator { at: trimmed(text, 0..text.len()) })
}

/// What stands before the operator.
struct Subject {
    arm: Option<String>,
    arm_at: Range<usize>,
    path_at: Range<usize>,
}

fn subject(text: &str, range: Range<usize>) -> Result<Subject, ExpectationError> {
    // A path has no colon, so the last one ends the arm, which may itself hold some.
    let (arm_at, path_at) = match text[range.clone()].rfind(':') {
        Some(colon) => (Some(trimmed(text, range.start..colon)), trimmed(text, colon + 1..range.end)),
        None => (None, trimmed(text, range)),
    };
    let path = &text[path_at.clone()];
    if path.is_empty() {
        return Err(ExpectationError::NoPath { at: path_at });
    }
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
        return Err(ExpectationError::NotAPath { found: path.to_owned(), at: path_at });
    }
    match arm_at {
        Some(arm_at) => Ok(Subject { arm: Some(arm(text, &arm_at)?), arm_at, path_at }),
        None => Ok(Subject { arm: None, arm_at: 0..0, path_at }),
    }
}

/// The arm's name at `at`, bare or quoted.
fn arm(text: &str, at: &Range<usize>) -> Result<String, ExpectationError> {
    let bare = &text[at.clone()];
    if !bare.starts_with(['"', '\'']) {
        return Ok(bare.to_owned());
    }
    match quoted(text, at.start)? {
        (name, end) if end == at.end => Ok(name),
        (_, end) => Err(ExpectationError::Trailing { found: text[end..at.end].to_owned(), at: end..at.end }),
    }
}

fn value(text: &str, from: usize) -> Result<(Literal, Range<usize>), ExpectationError> {
    let at = trimmed(text, from..text.len());
    if at.is_empty() {
        return Err(ExpectationError::NoValue { at });
    }
    let (value, end) = if text[at.start..].starts_with(['"', '\'']) {
        let (string, end) = quoted(text, at.start)?;
        (Literal::Text(string), end)
    } else {
        let ends = |c: char| c.is_whitespace() || OPERATOR.contains(&c) || c == '"' || c == '\'';
        let end = at.start + text[at.clone()].find(ends).unwrap_or(at.len());
        (Literal::bare(&text[at.start..end]), end)
    };
    if end < at.end {
        let rest = trimmed(text, end..at.end);
        return Err(ExpectationError::Trailing { found: text[rest.clone()].to_owned(), at: rest });
    }
    Ok((value, at))
}

/// The string that begins with the quote at `start`, and where it ends: double quotes with JSON's escapes, or single
/// quotes without any, as in TOML.
fn quoted(text: &str, start: usize) -> Result<(String, usize), ExpectationError> {
    let broken = |end: usize| ExpectationError::BrokenString { at: start..end };
    let quote = text[start..].chars().next().unwrap_or('"');
    let mut escaped = false;
    for (offset, c) in text[start..].char_indices().skip(1) {
        let end = start + offset + 1;
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if c == quote && quote == '"' => {
                return serde_json::from_str(&text[start..end]).map(|s| (s, end)).map_err(|_| broken(end));
            }
            _ if c == quote => return Ok((text[start + 1..end - 1].to_owned(), end)),
            _ => {}
        }
    }
    Err(broken(text.len()))
}

/// `range` without the blanks at its ends; empty ranges stay where the blanks began.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_contracts_examples() {
        for (text, arm, path, op, value) in [
            (
                "orderly: sockets.client.close_wait.peak <= 64",
                Some("orderly"),
                "sockets.client.close_wait.peak",
                Op::AtMost,
                Literal::Number(64.0),
            ),
            ("leaky:ports.exhausted==true", Some("leaky"), "ports.exhausted", Op::Equal, Literal::Bool(true)),
            (" attempts > 5e3 ", None, "attempts", Op::Greater, Literal::Number(5000.0)),
            (
                "\"a: <b>\": target != 'db:1433 == x'",
                Some("a: <b>"),
                "target",
                Op::NotEqual,
                Literal::Text("db:1433 == x".into()),
            ),
            ("a:b: target == db:1433", Some("a:b"), "target", Op::Equal, Literal::Text("db:1433".into())),
            ("ports.exhausted_after_s == null", None, "ports.exhausted_after_s", Op::Equal, Literal::Null),
        ] {
            let read: Expectation = text.parse().unwrap();
            assert_eq!((read.arm(), read.path(), read.op, &read.value), (arm, path, op, &value), "{text}");
        }
    }

    #[test]
    fn errors_point_at_their_place() {
        for (text, part, message) in [
            ("ports.exhausted", "ports.exhausted", "no comparison"),
            ("ports.peak = 5", "=", "does not compare"),
            ("ports.peak =< 5", "=<", "does not compare"),
            ("leaky: == 5", "", "no path"),
            ("two words == 5", "two words", "not a path"),
            ("ports.peak == ", "", "no value"),
            ("close == \"leaky", "\"leaky", "does not end"),
            (r#"close == "\q""#, r#""\q""#, "unknown escape"),
            ("1 < ports.peak < 5", "< 5", "one part too many"),
            ("close == two words", "words", "one part too many"),
            ("'leaky' x: attempts == 1", " x", "one part too many"),
        ] {
            let error = text.parse::<Expectation>().unwrap_err();
            assert_eq!(&text[error.at()], part, "{text}: {error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
    }

    fn literal() -> impl Strategy<Value = Literal> {
        prop_oneof![
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Literal::Number),
            any::<bool>().prop_map(Literal::Bool),
            Just(Literal::Null),
            any::<String>().prop_map(Literal::Text),
        ]
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            arm in proptest::option::of(any::<String>()),
            path in "[a-z_]{1,8}(\\.[a-z0-9_]{1,8}){0,3}",
            op in proptest::sample::select(Op::ALL),
            value in literal(),
        ) {
            let written = Expectation { arm, path, op, value, places: Places::default() };
            let read: Expectation = written.to_string().parse().unwrap();
            prop_assert_eq!(Expectation { places: Places::default(), ..read }, written);
        }

        #[test]
        fn no_text_panics(text in prop_oneof![any::<String>(), "[ap\"': .=<\\\\ü]{0,14}"]) {
            if let Err(error) = text.parse::<Expectation>() {
                prop_assert!(text.get(error.at()).is_some());
            }
        }
    }
}
