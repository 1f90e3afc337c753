//! serde's and toml's reasons in the words of a scenario's author, with a hint: the nearest value, or the setting's form.

use super::nearest::hint;
use super::schema::{form, settings};

/// A reason and something to type instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// The keys of the top.
pub(super) const TOP: [&str; 6] = ["name", "seed", "expect", "target", "base", "arm"];

/// The keys that people try to keep a password in.
const PASSWORDS: [&str; 4] = ["password", "passwd", "pwd", "pass"];

/// Explains an unknown key of a table; `known` are the keys that it has.
pub(super) fn unknown_key(key: &str, known: &[&str], table: &str) -> Explained {
    if PASSWORDS.contains(&key.to_ascii_lowercase().as_str()) {
        return Explained {
            message: "a password never stands in a scenario".to_owned(),
            hint: Some(
                "name where it is to be found: password_env = \"DB_PASSWORD\", or password_file = \"...\"".to_owned(),
            ),
        };
    }
    let elsewhere = match (TOP.contains(&key), settings().contains_key(key)) {
        (true, _) => Some(format!("`{key}` stands at the top of the file, before every [table]")),
        (_, true) => Some(format!("`{key}` is a setting: it stands below [base] or an [[arm]]")),
        _ => None,
    };
    let hint = elsewhere.unwrap_or_else(|| hint(key, known.iter().copied()));
    Explained { message: format!("unknown key `{key}` in {table}"), hint: Some(hint) }
}

/// Explains why the value of `key` in `table` was refused.
pub(super) fn refused(message: &str, key: &str, table: &str) -> Explained {
    if matches!(key, "password_env" | "password_file") {
        // serde's reason quotes the value, and somebody may have written the password itself.
        let hint = format!("name where it is to be found: {key} = \"...\"");
        return Explained { message: format!("`{key}` is text in quotes"), hint: Some(hint) };
    }
    if let Some((_, rest)) = message.split_once("unexpected keys in table: ") {
        // toml's own words for a wrong key in a variant; serde's never come to it.
        let (unknown, known) = rest.split_once(", available keys: ").unwrap_or((rest, ""));
        let known: Vec<_> = known.split(", ").collect();
        return unknown_key(unknown.split(", ").next().unwrap_or(unknown), &known, &format!("`{key}`"));
    }
    let quoted: Vec<_> = message.split('`').skip(1).step_by(2).collect();
    let known = expected(message);
    match quoted.split_first() {
        Some((unknown, _)) if message.starts_with("unknown field") => {
            let table = if *unknown == key { table.to_owned() } else { format!("`{key}`") };
            unknown_key(unknown, &known, &table)
        }
        Some((unknown, _)) if message.starts_with("unknown") && !known.is_empty() => Explained {
            message: message.split_once(", expected").map_or(message, |(what, _)| what).replace("variant", "value"),
            hint: Some(hint(unknown, known.iter().copied())),
        },
        _ => {
            let explained = with_hint(&plain(message));
            let hint = explained.hint.or_else(|| form(key).map(|form| format!("`{key}` is {form}")));
            Explained { hint, ..explained }
        }
    }
}

/// serde's names of types in a person's words.
fn plain(message: &str) -> String {
    let (reason, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let expected = match expected {
        "i64" | "u32" => "a whole number",
        "u64" => "a whole number from 0 on",
        "a string" => "text in quotes",
        "a sequence" => "a list in brackets",
        _ => return message.to_owned(),
    };
    format!("{reason}, expected {expected}")
}

/// Other rooms put what to type after the reason, in one sentence: here each has its line.
pub(super) fn with_hint(message: &str) -> Explained {
    let parts = match message.split_once(", did you mean") {
        // A list of what else is known helps nobody who has been told what was meant.
        Some((reason, rest)) => Some((reason, format!("did you mean{}?", rest.split('?').next().unwrap_or_default()))),
        None => message.split_once("; ").map(|(reason, hint)| (reason, hint.to_owned())),
    };
    match parts {
        Some((reason, hint)) => Explained { message: reason.to_owned(), hint: Some(hint) },
        None => Explained { message: message.to_owned(), hint: None },
    }
}

/// The values that a message lists after "expected".
fn expected(message: &str) -> Vec<&str> {
    message.rsplit_once("expected ").map_or(Vec::new(), |(_, list)| list.split('`').skip(1).step_by(2).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_in_the_authors_words() {
        let explained = refused("unknown field `colse`, expected one of `close`, `driver`", "colse", "[base]");
        assert_eq!(explained.message, "unknown key `colse` in [base]");
        assert_eq!(explained.hint.as_deref(), Some("did you mean `close`?"));
        let explained = refused("unknown variant `tcpp`, expected `tiberius` or `tcp`", "driver", "[base]");
        assert_eq!(explained.message, "unknown value `tcpp`");
        assert_eq!(explained.hint.as_deref(), Some("did you mean `tcp`?"));
        let explained = refused("unknown field `rat`, expected `rate`", "arrivals", "[base]");
        assert_eq!(explained.message, "unknown key `rat` in `arrivals`");
    }

    #[test]
    fn a_wrong_type_is_told_the_right_form() {
        let explained = refused("invalid type: integer `5`, expected a string", "timeout", "[base]");
        assert!(explained.hint.is_some_and(|hint| hint.contains("\"250ms\"")));
    }

    #[test]
    fn a_password_is_told_where_to_go() {
        let explained = unknown_key("password", &["user"], "[target]");
        assert!(explained.hint.is_some_and(|hint| hint.contains("password_env")));
    }
}
