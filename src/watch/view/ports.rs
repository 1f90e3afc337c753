//! The ports that are used up towards each destination, the fullest first, and when the last one goes.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::figures::{bar, held, rate};
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
    let what = between(&it.source.to_string(), &it.group.peer.as_filter(), place);
    let used = format!("{} of {}", Count(u64::from(it.used)), Count(u64::from(it.available)));
    let title = if first { "ports" } else { "" };
    let head = format!("{title:<7}{what:<place$} {used:>16} {:>5.1}% ", 100.0 * share);
    let room = if wide { width.saturating_sub(head.chars().count() + 28).min(40) } else { 0 };
    Line::styled(format!("{head}{:<room$} {full}", bar(share, room)), style)
}

/// The two ends of a destination's connections in `width` columns. The far end is what a port is missing for, and its own
/// port what tells it from others: of long IPv6 addresses the near one goes first, then the beginning of the far one.
fn between(source: &str, peer: &str, width: usize) -> String {
    let (whole, far) = (format!("{source} to {peer}"), format!("to {peer}"));
    if let Some(fits) = [&whole, &far].into_iter().find(|text| text.len() <= width) {
        return fits.clone();
    }
    let kept = peer.char_indices().find(|(at, _)| peer.len() - at + "to …".chars().count() <= width);
    format!("to …{}", kept.map_or("", |(at, _)| &peer[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_far_port_is_never_cut_off() {
        let (source, peer) = ("2001:db8:1:2:3:4:5:6", "[2001:db8:1:2:3:4:5:7]:1433");
        for (width, text) in [
            (51, "2001:db8:1:2:3:4:5:6 to [2001:db8:1:2:3:4:5:7]:1433"),
            (50, "to [2001:db8:1:2:3:4:5:7]:1433"),
            (29, "to …001:db8:1:2:3:4:5:7]:1433"),
            (9, "to …:1433"),
        ] {
            let shown = between(source, peer, width);
            assert!(shown == text && shown.chars().count() <= width, "{width}: {shown}");
        }
    }
}
