//! The table of one connection: a line a frame, what it is behind it where there is room, below it where there is not.

use super::super::terminal::columns::{Column, Row, table as columns};
use super::super::terminal::style::{Paint, Style};
use super::super::terminal::{text, wrapped};
use super::items::{Item, items, label, millis, said};
use crate::record::{MissingFin, Side, StateChange, TraceFrame, TracedConnection};

/// Less room than this beside the numbers, and what a frame is stands below them.
const LEAST_BESIDE: usize = 36;

/// How far what stands below is indented.
const INDENT: &str = "    ";

const COLUMNS: [Column; 9] = [
    Column::Right,
    Column::Right,
    Column::Left,
    Column::Left,
    Column::Right,
    Column::Right,
    Column::Right,
    Column::Left,
    Column::Left,
];

pub(super) fn table(connection: &TracedConnection, style: Style) -> Vec<String> {
    let items = items(connection);
    let mut rows = vec![row(["#", "ms", "ports", "flags", "seq", "ack", "len", " client", " server"])];
    rows.extend(items.iter().filter_map(|item| match item {
        Item::Frame(frame) => Some(of_frame(frame)),
        Item::Missing(missing) => Some(of_missing(missing, connection)),
        Item::Remark(_) => None,
    }));
    let lines = columns(&COLUMNS, &rows, style.columns(), style);
    let width = lines.iter().map(|line| text::columns(line)).max().unwrap_or(0);
    let beside = style.columns().checked_sub(width + 2).filter(|room| *room >= LEAST_BESIDE);
    let mut lines = lines.into_iter();
    let mut out = Vec::new();
    out.extend(lines.next().map(|head| {
        let head = if beside.is_some() { format!("{}  what it is", text::cell(&head, width)) } else { head };
        style.paint(Paint::Strong, &head)
    }));
    for item in &items {
        match item {
            Item::Frame(frame) => {
                let line = lines.next().unwrap_or_default();
                out.extend(with_text(&line, &frame.what, width, beside, style, None));
            }
            Item::Missing(missing) => {
                let line = lines.next().unwrap_or_default();
                let told = format!(
                    "MISSING: the FIN of the {}, since {} ms; looked for {} ms: {}",
                    if missing.side == Side::Client { "client" } else { "server" },
                    millis(missing.since_s),
                    millis(missing.waited_s),
                    missing.text
                );
                out.extend(with_text(&line, &told, width, beside, style, Some(Paint::Bad)));
            }
            Item::Remark(remark) => {
                let start = format!("{INDENT}{} ms  {} ", millis(remark.at_s), label(remark));
                let lines = wrapped(said(remark), &start, style.width());
                out.extend(lines.iter().map(|line| style.paint(Paint::Faint, line)));
            }
        }
    }
    out
}

/// A frame's line, and what it is.
fn with_text(
    line: &str,
    what: &str,
    width: usize,
    beside: Option<usize>,
    style: Style,
    paint: Option<Paint>,
) -> Vec<String> {
    let painted = |text: &str| paint.map_or_else(|| text.to_owned(), |paint| style.paint(paint, text));
    let Some(room) = beside else {
        // What the flags say already is not said twice.
        let is_said = ["SYN", "SYN, ACK", "ACK"].contains(&what);
        let below = if is_said { Vec::new() } else { wrapped(what, INDENT, style.columns()) };
        return std::iter::once(painted(line)).chain(below.iter().map(|text| painted(text))).collect();
    };
    let texts = wrapped(what, "", room);
    let starts = std::iter::once(line).chain(std::iter::repeat(""));
    starts.zip(&texts).map(|(start, text)| painted(&format!("{}  {text}", text::cell(start, width)))).collect()
}

fn of_frame(frame: &TraceFrame) -> Row {
    let ack = frame.ack.map(|ack| ack.to_string()).unwrap_or_default();
    let arrow = |port: u16, other: u16| {
        if frame.from == Side::Client { format!("{port} > {other}") } else { format!("{other} < {port}") }
    };
    row([
        &frame.number.to_string(),
        &millis(frame.at_s),
        &arrow(frame.source_port, frame.destination_port),
        &frame.flags.replace(", ", " "),
        &frame.seq.to_string(),
        &ack,
        &frame.length.to_string(),
        &state(frame.client),
        &state(frame.server),
    ])
}

fn of_missing(missing: &MissingFin, connection: &TracedConnection) -> Row {
    let port = connection.client.map_or(0, |client| client.port());
    let arrow = if missing.side == Side::Client { ">" } else { "<" };
    let ports = format!("{port} {arrow} {}", connection.server.port());
    let (client, server) = (connection.client_end, connection.server_end);
    let stays =
        |end: crate::record::TraceEnd| format!(" {}", end.kernel.map_or("gone".to_owned(), |it| it.to_string()));
    row(["-", "", &ports, "FIN", "", "", "", &stays(client), &stays(server)])
}

/// The state after a frame, marked where it changes.
fn state(change: StateChange) -> String {
    let mark = if change.before == change.after { " " } else { "→" };
    format!("{mark}{}", change.after)
}

fn row(cells: [&str; 9]) -> Row {
    Row::plain(cells.map(str::to_owned).into())
}
