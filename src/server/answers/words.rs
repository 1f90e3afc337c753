//! SQL text as words, statement by statement: enough to know a statement by, and no more.

/// One word of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A keyword, a name, a number, a variable.
    Plain(&'a str),
    /// What stands in quotes, its doubled quotes still doubled.
    Text(&'a str),
    /// A name in brackets or double quotes.
    Name(&'a str),
    /// Anything else, a character each.
    Mark(char),
}

impl Word<'_> {
    /// Whether it is this keyword, given in upper case.
    pub(super) fn is(self, keyword: &str) -> bool {
        matches!(self, Word::Plain(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// The most words of a statement that are kept; a longer one is not known by its first ones.
pub(super) const MOST_WORDS: usize = 256;

/// What a statement may begin with behind another one without a semicolon, as drivers write their settings.
const BEGINNINGS: &[&str] =
    &["SELECT", "SET", "USE", "IF", "EXEC", "EXECUTE", "BEGIN", "COMMIT", "ROLLBACK", "SAVE", "DECLARE", "PRINT"];

/// The statements of a batch.
#[derive(Debug)]
pub(super) struct Statements<'a> {
    rest: &'a str,
}

impl<'a> Statements<'a> {
    pub(super) const fn of(sql: &'a str) -> Self {
        Self { rest: sql }
    }

    /// The next word, and what is behind it.
    fn word(text: &'a str) -> Option<(Word<'a>, &'a str)> {
        let text = skip(text);
        let first = text.chars().next()?;
        let quoted = |open: usize, close: char| {
            let inside = &text[open..];
            let (inside, rest) = until(inside, close);
            (inside, rest)
        };
        Some(match first {
            '\'' => {
                let (inside, rest) = quoted(1, '\'');
                (Word::Text(inside), rest)
            }
            'N' | 'n' if text[1..].starts_with('\'') => {
                let (inside, rest) = quoted(2, '\'');
                (Word::Text(inside), rest)
            }
            '[' | '"' => {
                let (inside, rest) = quoted(1, if first == '[' { ']' } else { '"' });
                (Word::Name(inside), rest)
            }
            plain if is_plain(plain) => {
                let (word, rest) = text.split_at(text.find(|other| !is_plain(other)).unwrap_or(text.len()));
                (Word::Plain(word), rest)
            }
            mark => (Word::Mark(mark), &text[mark.len_utf8()..]),
        })
    }
}

impl<'a> Iterator for Statements<'a> {
    type Item = Vec<Word<'a>>;

    /// The next statement; never an empty one. One with more than [`MOST_WORDS`] words has one word more.
    fn next(&mut self) -> Option<Vec<Word<'a>>> {
        let mut words = Vec::new();
        let mut depth = 0_usize;
        while let Some((word, rest)) = Self::word(self.rest) {
            match word {
                Word::Mark(';') if depth == 0 => {
                    self.rest = rest;
                    if words.is_empty() {
                        continue;
                    }
                    return Some(words);
                }
                Word::Mark('(') => depth += 1,
                Word::Mark(')') => depth = depth.saturating_sub(1),
                Word::Plain(_) if depth == 0 && begins(word) && words.first().is_some_and(|first| begins(*first)) => {
                    return Some(words);
                }
                _ => {}
            }
            self.rest = rest;
            if words.len() <= MOST_WORDS {
                words.push(word);
            }
        }
        self.rest = "";
        (!words.is_empty()).then_some(words)
    }
}

fn begins(word: Word<'_>) -> bool {
    BEGINNINGS.iter().any(|beginning| word.is(beginning))
}

fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '@' | '#' | '$' | '.')
}

/// Passes over space and comments.
fn skip(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        text = if let Some(comment) = text.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(comment) = text.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else {
            return text;
        };
    }
}

/// What stands before `close`, where a doubled one is none, and what stands behind it.
fn until(text: &str, close: char) -> (&str, &str) {
    let mut from = 0;
    while let Some(at) = text[from..].find(close) {
        let (at, behind) = (from + at, from + at + close.len_utf8());
        if !text[behind..].starts_with(close) {
            return (&text[..at], &text[behind..]);
        }
        from = behind + close.len_utf8();
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(sql: &str) -> Vec<usize> {
        Statements::of(sql).map(|words| words.len()).collect()
    }

    #[test]
    fn words_of_every_kind() {
        let words = Statements::of("select N'a''b', [c d] -- e\n, @@SPID/* f */=\"g\"").next().unwrap();
        assert_eq!(
            words,
            [
                Word::Plain("select"),
                Word::Text("a''b"),
                Word::Mark(','),
                Word::Name("c d"),
                Word::Mark(','),
                Word::Plain("@@SPID"),
                Word::Mark('='),
                Word::Name("g"),
            ]
        );
    }

    #[test]
    fn statements_end_at_semicolons_and_where_another_begins() {
        assert_eq!(split("SELECT 1; ;SELECT 2"), [2, 2]);
        assert_eq!(
            split("SELECT @@MAX_PRECISION SET TRANSACTION ISOLATION LEVEL READ COMMITTED SET TEXTSIZE 1"),
            [2, 6, 3]
        );
        assert_eq!(split("UPDATE t SET a = 1"), [6], "a SET that is no statement");
        assert_eq!(split("SELECT (SELECT 1)"), [5]);
        assert_eq!(split("'; SELECT 1'"), [1]);
        assert_eq!(split(" ; -- nothing"), [0; 0]);
    }

    #[test]
    fn a_long_statement_is_cut_and_an_open_quote_ends_with_the_text() {
        assert_eq!(split(&"a ".repeat(1000)), [MOST_WORDS + 1]);
        assert_eq!(Statements::of("'a''").next().unwrap(), [Word::Text("a''")]);
        assert_eq!(Statements::of("né ñ'").next().unwrap().len(), 3);
    }
}
