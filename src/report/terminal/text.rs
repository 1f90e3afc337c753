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
    fn cuts_and_pads_by_columns() {
        assert_eq!((cut("orderly", 5), cut("漢字漢字", 5)), ("orde…".into(), "漢字…".into()));
        assert_eq!((cell("漢", 3), right("ab", 4)), ("漢 ".into(), "  ab".into()));
    }
}
