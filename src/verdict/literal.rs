//! The value on the right of an expectation: a number, `true`, `false`, `null`, or a string.

use std::fmt;

use serde_json::Value;

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A finite number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`: nothing was observed.
    Null,
    /// A string.
    Text(String),
}

impl Literal {
    /// A value without quotes: what reads as a number, a bool or null is one, and anything else is a string.
    pub(super) fn bare(text: &str) -> Self {
        match text {
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            "null" => Self::Null,
            // Rust also reads "inf", "nan" and "infinity" as numbers; JSON has none of them.
            _ => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Self::Number(number),
                _ => Self::Text(text.to_owned()),
            },
        }
    }

    /// With its article, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Null => "null",
            Self::Text(_) => "a string",
        }
    }
}

/// The kind of a JSON value, in the words of [`Literal::kind`].
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        Value::String(_) => "a string",
        Value::Array(_) | Value::Object(_) => "a group",
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Null => f.write_str("null"),
            Self::Text(text) => f.write_str(&quoted_if_needed(text)),
        }
    }
}

/// A name as an expectation writes it: bare where that reads back as the same string, in JSON's quotes elsewhere.
pub(super) fn quoted_if_needed(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if !text.is_empty() && text.chars().all(plain) && matches!(Literal::bare(text), Literal::Text(_)) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_find_their_kind() {
        for (text, kind) in
            [("1e3", "a number"), ("-0.5", "a number"), ("nan", "a string"), ("inf", "a string"), ("leaky", "a string")]
        {
            assert_eq!(Literal::bare(text).kind(), kind, "{text}");
        }
    }

    #[test]
    fn strings_that_read_as_something_else_are_quoted() {
        for text in ["true", "5", "", "a b", "a:b", "x\"y"] {
            assert!(quoted_if_needed(text).starts_with('"'), "{text}");
        }
        assert_eq!(quoted_if_needed("two-hosts"), "two-hosts");
    }
}
