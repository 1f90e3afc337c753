//! The states over time, in fixed places: those of this side's guilt in the first two lines.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::figures::sparkline;
use super::super::theme::Theme;
use super::super::ui::Ui;
use crate::record::TcpState;
use crate::units::Count;

const PAIRS: [[TcpState; 2]; 5] = [
    [TcpState::CloseWait, TcpState::Established],
    [TcpState::TimeWait, TcpState::FinWait2],
    [TcpState::LastAck, TcpState::FinWait1],
    [TcpState::SynSent, TcpState::SynRecv],
    [TcpState::Closing, TcpState::Listen],
];

#[expect(clippy::cast_possible_truncation, reason = "five")]
pub(super) const ROWS: u16 = PAIRS.len() as u16;

pub(super) fn lines(ui: &Ui, theme: Theme, area: Rect) -> Vec<Line<'static>> {
    let half = usize::from(area.width) / 2;
    let leak_grows = ui.model().peers.iter().any(|group| group.leak().is_some_and(|leak| leak.per_s.is_some()));
    let line = |pair: &[TcpState; 2]| {
        let mut spans = Vec::new();
        for (side, &state) in pair.iter().enumerate() {
            let count = ui.model().states.of(state);
            // Name, space, count, space; two columns between the halves.
            let room = half.saturating_sub(11 + 9 + 1 + 2);
            let columns = ui.model().history.columns(state, ui.span, room);
            let style = match (state, count) {
                (_, 0) => theme.faint(),
                (TcpState::CloseWait, _) if leak_grows => theme.bad(),
                (TcpState::CloseWait, _) => theme.odd(),
                _ => theme.plain(),
            };
            spans.push(Span::styled(format!("{state:<11}{:>9} ", Count(u64::from(count))), style));
            let seen = columns.iter().flatten().any(|count| *count > 0);
            let spark = if seen { sparkline(&columns) } else { " ".repeat(room) };
            spans.push(Span::styled(spark, style));
            spans.push(Span::raw(if side == 0 { "  " } else { "" }));
        }
        Line::from(spans)
    };
    PAIRS.iter().map(line).collect()
}
