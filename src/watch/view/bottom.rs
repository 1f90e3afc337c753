//! The last line: a question, what is typed, what was said, or the keys. What is asked and said is never cut: it takes as
//! many lines as it needs, over the tables.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::super::figures::{cut, cut_front, wrap};
use super::super::model::Holder;
use super::super::theme::Theme;
use super::super::ui::Ui;
use crate::units::Count;

const KEYS: [&str; 8] = ["? help", "q quit", "/ filter", "x destroy", "space mark", "s sort", "f freeze", "w write"];

const HINT: &str = "   words: :PORT, pid:N, a state, part of an address or command";

/// What is asked or was said, in full, and how it looks.
pub(super) fn said(ui: &Ui, theme: Theme, width: u16) -> Option<(Vec<String>, Style)> {
    let (text, style) = match (&ui.question, &ui.note) {
        (Some(question), _) => (question.text(ui.model()), theme.bad().patch(theme.bar())),
        (None, Some(note)) if ui.typing.is_none() => (note.clone(), theme.strong()),
        _ => return None,
    };
    Some((wrap(&text, usize::from(width)), style))
}

/// What is typed, or the keys.
pub(super) fn line(ui: &Ui, theme: Theme, width: u16) -> Line<'static> {
    let width = usize::from(width);
    if ui.typing.is_some() {
        return typed(ui.filter(), theme, width);
    }
    let hidden = ui.model().holders.iter().filter(|group| matches!(group.holder, Holder::Unknown(_)));
    let hidden: u32 = hidden.map(|group| group.states.total()).sum();
    let hidden = match ui.model().denied {
        0 => String::new(),
        _ => format!("{}: only root sees whose   ", Count(u64::from(hidden))),
    };
    Line::styled(format!("{hidden}{}", keys(width.saturating_sub(hidden.len()))), theme.faint())
}

/// The filter with the cursor at its end, which always shows; the hint has what room is left.
fn typed(filter: &str, theme: Theme, width: usize) -> Line<'static> {
    const NAME: &str = "filter: ";
    const CURSOR: usize = 1;
    let typed = cut_front(filter, width.saturating_sub(NAME.len() + CURSOR));
    let hint = cut(HINT, width.saturating_sub(NAME.len() + typed.width() + CURSOR));
    Line::from(vec![
        Span::styled(NAME, theme.strong()),
        Span::raw(typed),
        Span::styled(" ", theme.bar()),
        Span::styled(hint, theme.faint()),
    ])
}

/// As many keys as there is room for, the others being on the page of the first.
fn keys(width: usize) -> String {
    let mut line = String::new();
    for key in KEYS {
        let gap = if line.is_empty() { "" } else { "  " };
        if line.len() + gap.len() + key.len() > width {
            break;
        }
        line.push_str(gap);
        line.push_str(key);
    }
    line
}
