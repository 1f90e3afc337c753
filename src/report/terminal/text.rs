//! Text in columns: padded, wrapped, and harmless to the terminal.

use unicode_width::UnicodeWidthStr as _;

/// How many columns `text` takes.
pub(in crate::report) fn columns(text: &str) -> usize {
    text.width()
}

/// `text` without what would drive a terminal: names come from files.
pub(in crate::report) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `text` to the left in `width` columns.
pub(in crate::report) fn cell(text: &str, width: usize) -> String {
    let text = printable(text);
    let blanks = width.saturating_sub(columns(&text));
    text + &" ".repeat(blanks)
}

/// `text` to the right in `width` columns.
pub(in crate::report) fn right(text: &str, width: usize) -> String {
    let text = printable(text);
    " ".repeat(width.saturating_sub(columns(&text))) + &text
}

/// `text` cut to `width` columns, with an ellipsis where something is missing.
pub(in crate::report) fn cut(text: &str, width: usize) -> String {
    let text = printable(text);
    if columns(&text) <= width {
        return text;
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if columns(&short) >= width {
            short.pop();
            break;
        }
    }
    short + "…"
}

/// `text` in pieces of at most `width` columns that together are all of it: broken behind a blank, else behind a mark,
/// and anywhere where there is neither.
pub(in crate::report) fn broken(text: &str, width: usize) -> Vec<String> {
    const MARKS: [char; 6] = ['.', ':', '/', ',', '-', '='];
    let mut rest = printable(text);
    let mut pieces = Vec::new();
    while columns(&rest) > width {
        let ends = || rest.char_indices().map(|(at, c)| (at + c.len_utf8(), c));
        let fits = |end: usize| columns(&rest[..end]) <= width;
        let blank = ends().rfind(|(end, c)| *c == ' ' && fits(*end));
        let mark = || ends().rfind(|(end, c)| MARKS.contains(c) && fits(*end));
        // One column may be too narrow for a character: it is taken whole.
        let end = blank.or_else(mark).or_else(|| ends().rfind(|(end, _)| fits(*end))).or_else(|| ends().next());
        let Some((end, _)) = end else { break };
        let after = rest.split_off(end);
        pieces.push(std::mem::replace(&mut rest, after).trim_end().to_owned());
    }
    if pieces.is_empty() || !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// `text` in lines of `width` columns that begin with `start`, and with blanks from the second on.
pub(crate) fn wrapped(text: &str, start: &str, width: usize) -> Vec<String> {
    let indent = " ".repeat(columns(start));
    let (mut lines, mut line, mut empty) = (Vec::new(), start.to_owned(), true);
    for word in printable(text).split_whitespace() {
        if !empty && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_words() {
        assert_eq!(wrapped("one two three", "- ", 9), ["- one two", "  three"]);
        assert_eq!(wrapped("incomprehensible", "- ", 9), ["- incomprehensible"], "a word is never broken");
    }

    #[test]
    fn nothing_is_lost_where_it_is_broken() {
        assert_eq!(broken("127.0.0.1 to 127.0.0.1:33017", 23), ["127.0.0.1 to", "127.0.0.1:33017"]);
        assert_eq!(broken("[::1]:33017", 7), ["[::1]:", "33017"]);
        assert_eq!(broken("incomprehensible", 6), ["incomp", "rehens", "ible"]);
        assert_eq!((broken("漢字", 1), broken("", 5)), (vec!["漢".to_owned(), "字".into()], vec![String::new()]));
    }

    #[test]
    fn cuts_and_pads_by_columns() {
        assert_eq!((cut("orderly", 5), cut("漢字漢字", 5)), ("orde…".into(), "漢字…".into()));
        assert_eq!((cell("漢", 3), right("ab", 4)), ("漢 ".into(), "  ab".into()));
    }
}
