//! The ports that are used up towards each destination, the fullest first, and when the last one goes.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::figures::{bar, cut, held, rate};
use super::super::model::Destination;
use super::super::theme::Theme;
use super::super::ui::Ui;
use crate::units::Count;

/// From this width on there is room for a bar and the rate.
const WIDE: usize = 110;

pub(super) fn lines(ui: &Ui, theme: Theme, area: Rect) -> Vec<Line<'static>> {
    let (rows, width) = (usize::from(area.height), usize::from(area.width));
    let all = ui.model().destinations();
    if all.is_empty() {
        let ports = ui.model().ports;
        let text =
            format!("ports      none of {} ({ports}) is used for a connection", Count(u64::from(ui.model().usable)));
        return vec![Line::styled(text, theme.faint())];
    }
    all.iter().take(rows).enumerate().map(|(at, it)| line(it, at == 0, theme, width)).collect()
}

fn line(it: &Destination<'_>, first: bool, theme: Theme, width: usize) -> Line<'static> {
    let share = f64::from(it.used) / f64::from(it.available);
    let wide = width >= WIDE;
    let full = match (it.full_in, it.per_s) {
        _ if it.used >= it.available => "NO PORT LEFT".to_owned(),
        (Some(time), Some(per_s)) if wide => format!("full in {} at {}", held(time), rate(per_s)),
        (Some(time), _) => format!("full in {}", held(time)),
        _ => String::new(),
    };
    let style = match it.full_in {
        _ if share >= 0.9 => theme.bad(),
        Some(_) => theme.odd(),
        None if share >= 0.5 => theme.odd(),
        None => Style::new(),
    };
    let place = if wide { width * 3 / 10 } else { 29 };
    let what = cut(&format!("{} to {}", it.source, it.group.peer.as_filter()), place);
    let used = format!("{} of {}", Count(u64::from(it.used)), Count(u64::from(it.available)));
    let title = if first { "ports" } else { "" };
    let head = format!("{title:<7}{what:<place$} {used:>16} {:>5.1}% ", 100.0 * share);
    let room = if wide { width.saturating_sub(head.chars().count() + 28).min(40) } else { 0 };
    Line::styled(format!("{head}{:<room$} {full}", bar(share, room)), style)
}
