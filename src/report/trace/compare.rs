//! Two connections side by side, aligned by what their frames are.

use super::super::terminal::style::{Paint, Style};
use super::super::terminal::text;
use super::items::{Item, items, label, millis, said};
use super::{foot, head};
use crate::record::{Side, StateChange, TracedConnection};
use crate::report::terminal::wrapped;

/// The least that a table of both may be wide.
const LEAST: usize = 150;

/// What stands between the two.
const BETWEEN: &str = " │ ";

/// Frames and remarks beyond which nobody compares by eye; aligning costs the square of it.
const MOST: usize = 400;

/// Whether both have room beside each other.
pub(super) fn fits(left: &TracedConnection, right: &TracedConnection, style: Style) -> bool {
    style.columns() >= LEAST && items(left).len().max(items(right).len()) <= MOST
}

/// Both, each in half of the width.
pub(super) fn side_by_side(left: &TracedConnection, right: &TracedConnection, style: Style) -> Vec<String> {
    let width = (style.columns() - text::columns(BETWEEN)) / 2;
    let mut lines = Vec::new();
    let both = |lines: &mut Vec<String>, left: Vec<String>, right: Vec<String>, paints: [Option<Paint>; 2]| {
        for n in 0..left.len().max(right.len()) {
            let cell = |half: &[String], paint: Option<Paint>| {
                let cell = text::cell(half.get(n).map_or("", String::as_str), width);
                paint.map_or_else(|| cell.clone(), |paint| style.paint(paint, &cell))
            };
            let line = format!("{}{BETWEEN}{}", cell(&left, paints[0]), cell(&right, paints[1]));
            lines.push(line.trim_end().to_owned());
        }
    };
    // What is painted has no width: the halves are painted when they are laid out.
    let plain = Style::new(false, style.columns());
    both(&mut lines, head(left, width, plain), head(right, width, plain), [Some(Paint::Strong); 2]);
    both(&mut lines, vec![String::new()], vec![String::new()], [None; 2]);
    let title = |width| vec![line("#", "ms", "", "what it is", [" client", " server"], width)];
    both(&mut lines, title(width), title(width), [Some(Paint::Strong); 2]);
    let (ours, theirs) = (items(left), items(right));
    for (ours, theirs) in align(&ours, &theirs) {
        let paint = |item: Option<&Item<'_>>| match item {
            Some(Item::Missing(_)) => Some(Paint::Bad),
            Some(Item::Remark(_)) => Some(Paint::Faint),
            _ => None,
        };
        let half = |item: Option<&Item<'_>>| item.map_or_else(Vec::new, |item| cell(item, width));
        both(&mut lines, half(ours), half(theirs), [ours, theirs].map(paint));
    }
    both(&mut lines, vec![String::new()], vec![String::new()], [None; 2]);
    both(&mut lines, foot(left, width, plain), foot(right, width, plain), [None; 2]);
    lines.push(String::new());
    lines
}

/// One item in half of the width.
fn cell(item: &Item<'_>, width: usize) -> Vec<String> {
    match item {
        Item::Frame(frame) => {
            let arrow = if frame.from == Side::Client { ">" } else { "<" };
            let states = [state(frame.client), state(frame.server)];
            let states = [states[0].as_str(), states[1].as_str()];
            let texts = wrapped(&frame.what, "", what_width(width));
            let mut lines = Vec::new();
            for (n, text) in texts.iter().enumerate() {
                lines.push(if n == 0 {
                    line(&frame.number.to_string(), &millis(frame.at_s), arrow, text, states, width)
                } else {
                    line("", "", "", text, ["", ""], width)
                });
            }
            lines
        }
        Item::Remark(remark) => {
            wrapped(said(remark), &format!("     {} {} ", millis(remark.at_s), label(remark)), width)
        }
        Item::Missing(missing) => {
            let side = if missing.side == Side::Client { "client" } else { "server" };
            let told =
                format!("MISSING: the FIN of the {side}, since {} ms: {}", millis(missing.since_s), missing.text);
            wrapped(&told, "  -  ", width)
        }
    }
}

const NUMBER: usize = 3;
const MILLIS: usize = 9;
const STATE: usize = 12;

const fn what_width(width: usize) -> usize {
    width - NUMBER - MILLIS - 2 * STATE - 7
}

fn line(number: &str, ms: &str, arrow: &str, what: &str, states: [&str; 2], width: usize) -> String {
    let [client, server] = states;
    format!(
        "{} {} {} {} {} {}",
        text::right(number, NUMBER),
        text::right(ms, MILLIS),
        text::cell(arrow, 1),
        text::cell(&text::cut(what, what_width(width)), what_width(width)),
        text::cell(client, STATE),
        text::cell(server, STATE)
    )
}

fn state(change: StateChange) -> String {
    let mark = if change.before == change.after { " " } else { "→" };
    format!("{mark}{}", change.after)
}

/// Pairs what is of the same kind, in order, as many as possible (the longest common subsequence); what has no partner
/// stands alone.
fn align<'a, 'b>(left: &'a [Item<'b>], right: &'a [Item<'b>]) -> Vec<(Option<&'a Item<'b>>, Option<&'a Item<'b>>)> {
    let kinds = |items: &[Item<'_>]| items.iter().map(Item::kind).collect::<Vec<_>>();
    let (ours, theirs) = (kinds(left), kinds(right));
    // How many pairs there are from here on, in both.
    let mut pairs = vec![vec![0_usize; theirs.len() + 1]; ours.len() + 1];
    for i in (0..ours.len()).rev() {
        for j in (0..theirs.len()).rev() {
            pairs[i][j] =
                if ours[i] == theirs[j] { pairs[i + 1][j + 1] + 1 } else { pairs[i + 1][j].max(pairs[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut aligned) = (0, 0, Vec::new());
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && ours[i] == theirs[j] {
            aligned.push((Some(&left[i]), Some(&right[j])));
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && pairs[i + 1][j] >= pairs[i][j + 1]) {
            aligned.push((Some(&left[i]), None));
            i += 1;
        } else {
            aligned.push((None, Some(&right[j])));
            j += 1;
        }
    }
    aligned
}
