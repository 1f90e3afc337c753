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
pub(super) fn tabs(ui: &Ui, theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    for (at, pane) in Pane::ALL.into_iter().enumerate() {
        let style = if pane == ui.pane { theme.bar() } else { theme.faint() };
        spans.push(Span::styled(format!(" {} {} ", at + 1, named(ui, pane)), style));
        spans.push(Span::raw(" "));
    }
    spans.extend(filter(ui, theme));
    Line::from(spans)
}

/// One table's name.
pub(super) fn title(ui: &Ui, pane: Pane, theme: Theme) -> Line<'static> {
    let style = if pane == ui.pane { theme.bar() } else { theme.strong() };
    let mut spans = vec![Span::styled(format!(" {} {} ", pane as usize + 1, named(ui, pane)), style), Span::raw(" ")];
    if pane == Pane::Sockets {
        spans.extend(filter(ui, theme));
    }
    Line::from(spans)
}

fn named(ui: &Ui, pane: Pane) -> String {
    format!("{} {}", Count(ui.shown.len(pane) as u64), name(pane))
}

fn filter(ui: &Ui, theme: Theme) -> Option<Span<'static>> {
    (!ui.filter().is_empty())
        .then(|| Span::styled(format!("filter: {} (Esc ends it)", cut(ui.filter(), 40)), theme.odd()))
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
