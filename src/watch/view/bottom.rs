//! The last line: a question, what is typed, what was said, or the keys.

use ratatui::text::{Line, Span};

use super::super::figures::cut;
use super::super::model::Holder;
use super::super::theme::Theme;
use super::super::ui::Ui;
use crate::record::{Counts, TcpState};
use crate::sample::Entry;
use crate::units::Count;

const KEYS: &str = "? help  q quit  / filter  s sort  f freeze  w write  space mark  x destroy";

pub(super) fn line(ui: &Ui, theme: Theme, width: u16) -> Line<'static> {
    let width = usize::from(width);
    if let Some(sockets) = &ui.question {
        return Line::styled(cut(&question(ui, sockets), width), theme.bad().patch(theme.bar()));
    }
    if ui.typing.is_some() {
        let typed = cut(ui.filter(), width.saturating_sub(60).max(20));
        let hint = "   words: :PORT, pid:N, a state, part of an address or command";
        return Line::from(vec![
            Span::styled("filter: ", theme.strong()),
            Span::raw(typed),
            Span::styled(" ", theme.bar()),
            Span::styled(hint, theme.faint()),
        ]);
    }
    if let Some(note) = &ui.note {
        return Line::styled(cut(note, width), theme.strong());
    }
    let hidden = ui.model().holders.iter().filter(|group| matches!(group.holder, Holder::Unknown(_)));
    let hidden: u32 = hidden.map(|group| group.states.total()).sum();
    let hidden = match ui.model().denied {
        0 => String::new(),
        _ => format!("{}: only root sees whose   ", Count(u64::from(hidden))),
    };
    Line::styled(cut(&format!("{hidden}{KEYS}"), width), theme.faint())
}

/// Names what will be destroyed, by state and by whose it is.
fn question(ui: &Ui, sockets: &[Entry]) -> String {
    let states: Counts<TcpState> = sockets.iter().map(|entry| (entry.state, 1)).collect();
    let states: Vec<String> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let holder = |entry: &Entry| {
        let at = ui.model().rows.binary_search_by_key(&entry.handle.cookie, |row| row.entry.handle.cookie).ok()?;
        Some(ui.model().name(ui.model().rows[at].holder))
    };
    let holders: std::collections::BTreeSet<String> = sockets.iter().filter_map(holder).collect();
    let whose = match holders.len() {
        0 => String::new(),
        1 => format!(" of {}", holders.into_iter().next().unwrap_or_default()),
        n => format!(" of {n} processes"),
    };
    let one = match sockets {
        [entry] => format!(" {} to {}", entry.local, entry.remote),
        _ => String::new(),
    };
    format!("Destroy {}{one}{whose}? Its owner gets an error. y/N", states.join(", "))
}
