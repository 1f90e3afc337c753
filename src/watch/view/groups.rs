//! The tables by remote address and by process: who has how many in CLOSE_WAIT, since when, and whether it leaks.

use ratatui::text::Line;

use super::super::figures::{held_since, rate};
use super::super::group::Total;
use super::super::model::{Holder, Model};
use super::super::theme::Theme;
use super::super::trend::Leak;
use super::super::ui::{Pane, Sort, Ui};
use super::table::{Column, cell, columns, row};
use crate::record::TcpState;
use crate::units::Count;

fn layout(pane: Pane, width: usize) -> [Column; 6] {
    let name = isize::try_from(width).unwrap_or(0) - (1 + 8 + 8 + 8 + 8 + 14 + 1);
    let (title, sort) = if pane == Pane::Peers { ("remote", Sort::Remote) } else { ("process", Sort::Process) };
    [
        (title, -name.max(8), Some(sort)),
        ("sockets", 7, Some(Sort::Sockets)),
        ("estab", 7, None),
        ("c_wait", 7, Some(Sort::CloseWait)),
        ("held", 7, Some(Sort::Held)),
        ("", -14, None),
    ]
}

pub(super) fn peers(ui: &Ui, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let groups = ui.shown.peers.iter().map(|it| {
        let group = &ui.model().peers[it.index()];
        (group.peer.to_string(), it.total, group.leak())
    });
    lines(ui, Pane::Peers, theme, width, groups)
}

pub(super) fn holders(ui: &Ui, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let groups = ui.shown.holders.iter().map(|it| {
        let group = &ui.model().holders[it.index()];
        let name = match group.holder {
            Holder::Process(_) => ui.model().name(group.holder),
            other => name(ui.model(), other),
        };
        (name, it.total, group.leak())
    });
    lines(ui, Pane::Processes, theme, width, groups)
}

/// A holder with its whole command line.
pub(in crate::watch) fn name(model: &Model, holder: Holder) -> String {
    match holder {
        Holder::Process(pid) => {
            format!("{pid} {}", model.processes.get(&pid).map_or("", |owner| owner.command.as_str()))
        }
        Holder::Unknown(uid) if model.denied > 0 => format!("not visible (user {uid})"),
        Holder::Unknown(uid) => format!("not known yet (user {uid})"),
        Holder::Kernel => "no process: the kernel alone".to_owned(),
    }
}

/// That it leaks and how fast, or that it has leaked and holds what it leaked.
fn leaks(leak: Leak) -> String {
    leak.per_s.map_or_else(|| "LEAKED, held".to_owned(), |per_s| format!("LEAK +{}", rate(per_s)))
}

fn lines(
    ui: &Ui,
    pane: Pane,
    theme: Theme,
    width: usize,
    groups: impl Iterator<Item = (String, Total, Option<Leak>)>,
) -> Vec<Line<'static>> {
    let layout = layout(pane, width);
    let cursor = ui.cursors[pane as usize];
    let mut lines = vec![columns(ui, pane, theme, &layout)];
    for (at, (name, Total { states, oldest }, leak)) in groups.enumerate().skip(cursor.top).take(cursor.height()) {
        let count = |n: u32| Count(u64::from(n)).to_string();
        let close_wait = states.of(TcpState::CloseWait);
        // It is the group's, of which a filter may show a part.
        let leak = leak.filter(|_| close_wait > 0);
        let texts = [
            name,
            count(states.total()),
            count(states.of(TcpState::Established)),
            count(close_wait),
            oldest.map_or(String::new(), |since| held_since(ui.model().at, since)),
            leak.map_or(String::new(), leaks),
        ];
        let style = match leak {
            Some(Leak { per_s: Some(_), .. }) => theme.bad(),
            _ if close_wait > 0 => theme.odd(),
            _ => theme.plain(),
        };
        let mut spans = vec![(" ".to_owned(), theme.plain())];
        for (&(_, width, _), text) in layout.iter().zip(texts) {
            spans.push((cell(&text, width), style));
        }
        lines.push(row(ui, pane, at, theme, spans, width));
    }
    lines
}
