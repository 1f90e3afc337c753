//! The first line: what is watched, how much of it there is, and what looking costs.

use ratatui::text::{Line, Span};

use super::super::figures::{cut, held};
use super::super::scope::Scope;
use super::super::theme::Theme;
use super::super::ui::Ui;
use crate::units::Count;

pub(super) fn line(ui: &Ui, scope: &Scope, theme: Theme, width: u16) -> Line<'static> {
    let model = ui.model();
    let what = cut(&scope.to_string(), 30);
    let sockets = format!("   {} sockets", Count(model.rows.len() as u64));
    let state = if ui.frozen() { "   FROZEN (f goes on)" } else { "" };
    let ended = if model.ended { "   THE PROCESS HAS ENDED" } else { "" };
    let watched = held(model.at.since(model.begun));
    let right = format!("watched {watched}, a look takes {}", cost(model.cost));
    let left = "closewait watch ".len() + what.len() + sockets.len() + ended.len() + state.len();
    let gap = usize::from(width).saturating_sub(left + right.chars().count());
    Line::from(vec![
        Span::styled("closewait watch ", theme.faint()),
        Span::styled(what, theme.strong()),
        Span::styled(sockets, theme.plain()),
        Span::styled(ended, theme.bad()),
        Span::styled(state, theme.odd()),
        Span::styled(if gap > 0 { format!("{}{right}", " ".repeat(gap)) } else { String::new() }, theme.faint()),
    ])
}

fn cost(cpu: std::time::Duration) -> String {
    let ms = cpu.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}
