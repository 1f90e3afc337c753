//! What `x` asks before it destroys anything: which sockets, whose, and what will come of it.
//!
//! Only what shows is ever asked for: a mark that a filter hides is told, and left alone. The choice not taken: to ask for
//! all that is marked, of which a person sees a number and nothing else.

use std::collections::BTreeSet;

use super::figures::cut;
use super::model::Model;
use super::ui::Ui;
use crate::record::{Counts, TcpState};
use crate::sample::Entry;
use crate::units::Count;

/// Sockets that are to be destroyed after a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) sockets: Vec<Entry>,
    /// Nothing is marked: it is the one under the cursor.
    unmarked: bool,
    /// Marked ones that the filter hides.
    hidden: usize,
}

impl Question {
    /// The marked sockets that show, or the one under the cursor where none is marked; or why there is nothing to ask.
    pub(super) fn of(ui: &Ui) -> Result<Self, String> {
        let unmarked = ui.marked.is_empty();
        let mut sockets: Vec<Entry> = if unmarked {
            ui.under_the_cursor().into_iter().collect()
        } else {
            let shown = ui.shown.sockets.iter().map(|at| ui.model().rows[*at as usize].entry);
            shown.filter(|entry| ui.marked.contains(&entry.handle.cookie)).collect()
        };
        let hidden = if unmarked { 0 } else { ui.marked.len() - sockets.len() };
        if sockets.is_empty() && hidden > 0 {
            return Err(format!("the filter hides what is marked ({hidden}): / changes it, Esc ends it and the marks"));
        }
        let listeners = sockets.iter().any(|entry| entry.state == TcpState::Listen);
        // A listener is not stuck: its program wants it.
        sockets.retain(|entry| entry.state != TcpState::Listen);
        match sockets.is_empty() {
            true if listeners => Err("a listener is not destroyed: it is not stuck, its program waits".to_owned()),
            true => Err("mark connections with space in the table of sockets (1), then press x".to_owned()),
            false => Ok(Self { sockets, unmarked, hidden }),
        }
    }

    /// The question in full, as long as it gets.
    pub(super) fn text(&self, model: &Model) -> String {
        let n = self.sockets.len();
        let target = match n {
            _ if self.unmarked => "Nothing is marked. Destroy the socket under the cursor".to_owned(),
            1 => "Destroy 1 marked socket".to_owned(),
            _ => format!("Destroy {} marked sockets", Count(n as u64)),
        };
        let what = match self.sockets.as_slice() {
            [entry] => format!("{} {} to {}", entry.state, entry.local, entry.remote),
            all => {
                let states: Counts<TcpState> = all.iter().map(|entry| (entry.state, 1)).collect();
                let states: Vec<String> = states.iter().map(|(state, n)| format!("{} {state}", Count(n))).collect();
                states.join(", ")
            }
        };
        let hidden = match self.hidden {
            0 => String::new(),
            n => format!(" ({} more marked, which the filter hides: not these.)", Count(n as u64)),
        };
        let (whose, each) = (self.whose(model), if n == 1 { "it" } else { "each" });
        format!(
            "{target}: {what}{whose}?{hidden} The other end gets a RST, the port is free at once, and the owner's next \
             call on {each} fails (ECONNABORTED). y/N"
        )
    }

    fn whose(&self, model: &Model) -> String {
        let holder = |entry: &Entry| {
            let at = model.rows.binary_search_by_key(&entry.handle.cookie, |row| row.entry.handle.cookie).ok()?;
            Some(model.name(model.rows[at].holder))
        };
        let holders: BTreeSet<String> = self.sockets.iter().filter_map(holder).collect();
        match holders.len() {
            0 => String::new(),
            1 => format!(" of {}", cut(&holders.into_iter().next().unwrap_or_default(), 60)),
            n => format!(" of {n} processes"),
        }
    }
}
