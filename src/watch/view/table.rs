//! What the tables have in common: their titles, their columns' names, the cursor.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::figures::cut;
use super::super::theme::Theme;
use super::super::ui::{Pane, Sort, Ui};
use crate::units::Count;

const fn name(pane: Pane) -> &'static str {
    match pane {
        Pane::Sockets => "sockets",
        Pane::Peers => "remote addresses",
        Pane::Processes => "processes",
    }
}

/// All tables' names, the one that shows set off.
pub(super) fn tabs(ui: &Ui, theme: Theme, width: usize) -> Line<'static> {
    let mut spans = Vec::new();
    for (at, pane) in Pane::ALL.into_iter().enumerate() {
        let style = if pane == ui.pane { theme.bar() } else { theme.faint() };
        spans.push(Span::styled(format!(" {} {} ", at + 1, named(ui, pane)), style));
        spans.push(Span::raw(" "));
    }
    let line = Line::from(spans);
    let room = width.saturating_sub(line.width());
    filter(line, ui, theme, room)
}

/// One table's name.
pub(super) fn title(ui: &Ui, pane: Pane, theme: Theme, width: usize) -> Line<'static> {
    let style = if pane == ui.pane { theme.bar() } else { theme.strong() };
    let spans = vec![Span::styled(format!(" {} {} ", pane as usize + 1, named(ui, pane)), style), Span::raw(" ")];
    let line = Line::from(spans);
    let room = width.saturating_sub(line.width());
    if pane == Pane::Sockets { filter(line, ui, theme, room) } else { line }
}

fn named(ui: &Ui, pane: Pane) -> String {
    format!("{} {}", Count(ui.shown.len(pane) as u64), name(pane))
}

/// The line with the filter at its end, and how to end it where there is room for that.
fn filter(mut line: Line<'static>, ui: &Ui, theme: Theme, room: usize) -> Line<'static> {
    if ui.filter().is_empty() {
        return line;
    }
    let (text, end) = (cut(&format!("filter: {}", ui.filter()), room.min(48)), " (Esc ends it)");
    let fits = Line::from(text.as_str()).width() + end.len() <= room;
    line.push_span(Span::styled(if fits { text + end } else { text }, theme.odd()));
    line
}

/// A column: its name, its width (negative: to the left), and what sorts by it.
pub(super) type Column = (&'static str, isize, Option<Sort>);

/// The columns' names; the one that the table is sorted by has an arrow.
pub(super) fn columns(ui: &Ui, pane: Pane, theme: Theme, columns: &[Column]) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for &(name, width, sort) in columns {
        let sorted = sort.is_some_and(|sort| sort == ui.sort(pane));
        let arrow = if !sorted {
            ""
        } else if ui.reversed(pane) {
            "▲"
        } else {
            "▼"
        };
        let style = if sorted { theme.strong() } else { theme.faint() };
        spans.push(Span::styled(cell(&format!("{name}{arrow}"), width), style));
    }
    Line::from(spans)
}

/// A text in its column, with a space behind it.
pub(super) fn cell(text: &str, width: isize) -> String {
    let room = width.unsigned_abs();
    let text = cut(text, room);
    if width < 0 { format!("{text:<room$} ") } else { format!("{text:>room$} ") }
}

/// A row, which the cursor may stand on.
pub(super) fn row(
    ui: &Ui,
    pane: Pane,
    at: usize,
    theme: Theme,
    spans: Vec<(String, Style)>,
    width: usize,
) -> Line<'static> {
    let here = pane == ui.pane && ui.cursors[pane as usize].at == at;
    let mut used = 0;
    let mut spans: Vec<Span<'static>> = spans
        .into_iter()
        .map(|(text, style)| {
            used += unicode_width::UnicodeWidthStr::width(text.as_str());
            Span::styled(text, if here { style.patch(theme.bar()) } else { style })
        })
        .collect();
    if here {
        spans.push(Span::styled(" ".repeat(width.saturating_sub(used)), theme.bar()));
    }
    Line::from(spans)
}
