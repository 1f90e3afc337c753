//! A model and what keys have made of it, put on a frame. Nothing here remembers anything but how high each table is.
//!
//! Every part has a fixed place for a size of the terminal, so that nothing jumps when counts change.

mod bottom;
mod groups;
mod head;
mod help;
mod ports;
mod sockets;
mod states;
mod table;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use super::figures::wrap;
use super::scope::Scope;
use super::theme::Theme;
use super::ui::{Pane, Ui};

pub(super) use groups::name as holder_name;
pub(super) use sockets::texts as socket_texts;

/// From this size on all three tables show at once.
const LARGE: (u16, u16) = (120, 40);
/// Below this size there is no room for anything.
const SMALLEST: (u16, u16) = (60, 16);

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, ui: &mut Ui, scope: &Scope, theme: Theme) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!("closewait watch needs {} columns and {} lines", SMALLEST.0, SMALLEST.1);
        frame.render_widget(Paragraph::new(wrap(&text, usize::from(area.width)).join("\n")), area);
        return;
    }
    let large = area.width >= LARGE.0 && area.height >= LARGE.1;
    let ports = if large { 6 } else { 2 };
    let parts = [
        Constraint::Length(1),
        Constraint::Length(states::ROWS),
        Constraint::Length(ports),
        Constraint::Min(0),
        Constraint::Length(1),
    ];
    let [head, states, ports, tables, bottom] = Layout::vertical(parts).areas(area);
    line(frame, head, head::line(ui, scope, theme, head.width));
    lines(frame, states, states::lines(ui, theme, states));
    lines(frame, ports, ports::lines(ui, theme, ports));
    if large {
        let [groups, sockets] = Layout::vertical([Constraint::Length(11), Constraint::Min(0)]).areas(tables);
        let [peers, gap, holders] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(2), Constraint::Fill(1)]).areas(groups);
        frame.render_widget(Clear, gap);
        pane(frame, peers, ui, Pane::Peers, theme);
        pane(frame, holders, ui, Pane::Processes, theme);
        pane(frame, sockets, ui, Pane::Sockets, theme);
    } else {
        pane(frame, tables, ui, ui.pane, theme);
    }
    line(frame, bottom, bottom::line(ui, theme, bottom.width));
    if ui.help {
        help::draw(frame, area, theme);
    }
    if let Some((said, style)) = bottom::said(ui, theme, area.width) {
        let height = u16::try_from(said.len()).unwrap_or(area.height).min(area.height);
        let place = Rect { y: area.bottom() - height, height, ..area };
        frame.render_widget(Clear, place);
        frame.render_widget(Paragraph::new(said.join("\n")).style(style), place);
    }
}

fn line(frame: &mut Frame<'_>, area: Rect, line: Line<'_>) {
    frame.render_widget(Paragraph::new(line), area);
}

fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

fn pane(frame: &mut Frame<'_>, area: Rect, ui: &mut Ui, pane: Pane, theme: Theme) {
    // A line for the tabs or the title, one for the columns' names.
    ui.fit(pane, usize::from(area.height.saturating_sub(2)));
    let width = usize::from(area.width);
    let rows = match pane {
        Pane::Sockets => sockets::lines(ui, theme, width),
        Pane::Peers => groups::peers(ui, theme, width),
        Pane::Processes => groups::holders(ui, theme, width),
    };
    let alone = area.width == frame.area().width && pane == ui.pane && frame.area().height < LARGE.1;
    let title = if alone || frame.area().width < LARGE.0 {
        table::tabs(ui, theme, width)
    } else {
        table::title(ui, pane, theme, width)
    };
    let mut all = vec![title];
    all.extend(rows);
    lines(frame, area, all);
}

#[cfg(test)]
mod tests;
