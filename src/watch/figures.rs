//! Figures in few columns: times, rates, bars and sparklines.

use std::time::Duration;

use super::group::Since;
use crate::units::Monotonic;

/// A time in at most six columns: `3s`, `12m03s`, `3h05m`, `4d03h`.
pub(super) fn held(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..360_000 => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3_600 % 24),
    }
}

/// How long since then, with `>` where it may be longer.
pub(super) fn held_since(now: Monotonic, since: Since) -> String {
    let more = if since.at_least { ">" } else { "" };
    format!("{more}{}", held(now.since(since.at)))
}

/// A rate: `40/s`, `0.5/s`, `3/min`.
pub(super) fn rate(per_s: f64) -> String {
    if per_s >= 9.95 {
        format!("{per_s:.0}/s")
    } else if per_s >= 0.095 {
        format!("{per_s:.1}/s")
    } else {
        format!("{:.1}/min", per_s * 60.0)
    }
}

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns as tall as their values, the tallest of them being full; a value above 0 shows at least a little, and what
/// was never seen is blank.
pub(super) fn sparkline(values: &[Option<u32>]) -> String {
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let column = |value: &Option<u32>| match value {
        None => ' ',
        Some(0) => '▁',
        Some(value) => EIGHTHS[usize::try_from(1 + u64::from(*value) * 7 / u64::from(most)).unwrap_or(8).min(8)],
    };
    values.iter().map(column).collect()
}

const LEFT: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// A bar of at most `width` columns, in eighths of a column; anything above 0 shows.
pub(super) fn bar(share: f64, width: usize) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a width")]
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).ceil() as usize;
    let mut bar: String = std::iter::repeat_n('█', eighths / 8).collect();
    if let Some(part) = (eighths % 8).checked_sub(1) {
        bar.push(LEFT[part]);
    }
    bar
}

/// The text cut to `width` columns; what is cut off shows as `…`.
pub(super) fn cut(text: &str, width: usize) -> String {
    use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

    if text.width() <= width {
        return text.to_owned();
    }
    let (mut kept, mut used) = (String::new(), 0);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// The end of the text, `width` columns of it; what is cut off before it shows as `…`.
pub(super) fn cut_front(text: &str, width: usize) -> String {
    use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

    if text.width() <= width {
        return text.to_owned();
    }
    let (mut from, mut used) = (text.len(), 0);
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        from = at;
    }
    let mark = if width > 0 { "…" } else { "" };
    format!("{mark}{}", &text[from..])
}

/// The text in lines of at most `width` columns, broken between words, and inside of one that is longer.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

    let (width, mut lines) = (width.max(1), vec![String::new()]);
    for word in text.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.width());
        if used > 0 && used + 1 + word.width() > width {
            lines.push(String::new());
        } else if used > 0 {
            lines.iter_mut().last().into_iter().for_each(|line| line.push(' '));
        }
        for c in word.chars() {
            let used = lines.last().map_or(0, |line| line.width());
            if used > 0 && used + c.width().unwrap_or(0) > width {
                lines.push(String::new());
            }
            lines.iter_mut().last().into_iter().for_each(|line| line.push(c));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fit_six_columns() {
        for (s, text) in
            [(0, "0s"), (59, "59s"), (723, "12m03s"), (11_100, "3h05m"), (359_999, "99h59m"), (360_000, "4d04h")]
        {
            assert_eq!(held(Duration::from_secs(s)), text);
            assert!(text.len() <= 6);
        }
    }

    #[test]
    fn rates_keep_two_figures() {
        for (per_s, text) in [(412.4, "412/s"), (9.96, "10/s"), (9.9, "9.9/s"), (0.5, "0.5/s"), (0.05, "3.0/min")] {
            assert_eq!(rate(per_s), text);
        }
    }

    #[test]
    fn what_is_there_shows() {
        assert_eq!(sparkline(&[None, Some(0), Some(1), Some(500), Some(1000)]), " ▁▁▄█");
        assert_eq!(sparkline(&[Some(0), Some(0)]), "▁▁");
        assert_eq!(
            (bar(0.0, 4), bar(0.001, 4), bar(0.5, 4), bar(2.0, 4)),
            (String::new(), "▏".into(), "██".into(), "████".into())
        );
    }

    #[test]
    fn nothing_is_lost_where_a_line_is_broken() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefg hi", 3), ["abc", "def", "g", "hi"]);
        assert_eq!(
            (wrap("", 5), wrap("漢字漢字", 5)),
            (vec![String::new()], vec!["漢字".to_owned(), "漢字".to_owned()])
        );
    }

    #[test]
    fn a_cut_shows() {
        assert_eq!(
            (cut("abcdef", 6), cut("abcdef", 4), cut("漢字漢字", 5), cut("ab", 0)),
            ("abcdef".into(), "abc…".into(), "漢字…".into(), String::new())
        );
        assert_eq!(
            (cut_front("abcdef", 6), cut_front("abcdef", 4), cut_front("漢字漢字", 4), cut_front("ab", 0)),
            ("abcdef".into(), "…def".into(), "…字".into(), String::new())
        );
    }
}
