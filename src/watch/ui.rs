//! What keys have made of the screen: a value that a key and a model change, and that a frame shows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::keys::{Effect, Key};
use super::model::{Holder, Model};
use super::order::Shown;
use super::question::Question;
use crate::sample::Entry;

/// Which table the keys belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pane {
    Sockets,
    Peers,
    Processes,
}

impl Pane {
    pub(super) const ALL: [Self; 3] = [Self::Sockets, Self::Peers, Self::Processes];

    /// What it can be sorted by, the first being what it begins with.
    const fn sorts(self) -> &'static [Sort] {
        match self {
            Self::Sockets => &[Sort::Held, Sort::State, Sort::Local, Sort::Remote, Sort::Process, Sort::Unread],
            Self::Peers => &[Sort::CloseWait, Sort::Sockets, Sort::Held, Sort::Remote],
            Self::Processes => &[Sort::CloseWait, Sort::Sockets, Sort::Held, Sort::Process],
        }
    }
}

/// What a table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Held,
    State,
    Local,
    Remote,
    Process,
    Unread,
    CloseWait,
    Sockets,
}

/// What keys have made of the screen.
#[derive(Debug, Clone)]
pub struct Ui {
    model: Arc<Model>,
    /// The last look, while the screen is frozen on an earlier one.
    newest: Option<Arc<Model>>,
    pub(super) shown: Shown,
    pub(super) pane: Pane,
    sorts: [(usize, bool); 3],
    filter: String,
    /// The filter as it was before it began to be typed.
    pub(super) typing: Option<String>,
    /// The cursor's place by pane, and the first row on the screen.
    pub(super) cursors: [Cursor; 3],
    pub(super) marked: BTreeSet<u64>,
    pub(super) question: Option<Question>,
    pub(super) note: Option<String>,
    pub(super) help: bool,
    pub(super) span: Duration,
}

/// A place in a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) at: usize,
    pub(super) top: usize,
    /// The socket that it stands on: it follows it through another order.
    cookie: Option<u64>,
    /// Rows that the screen has for it.
    height: usize,
}

impl Cursor {
    /// Rows that the screen has for the table.
    pub(super) const fn height(self) -> usize {
        self.height
    }
}

/// Spans of the sparklines.
const SPANS: [Duration; 3] = [Duration::from_secs(2 * 60), Duration::from_secs(15 * 60), Duration::from_secs(2 * 3600)];

impl Ui {
    /// The screen as it begins.
    #[must_use]
    pub fn new(model: Arc<Model>) -> Self {
        let mut ui = Self {
            model,
            newest: None,
            shown: Shown::default(),
            pane: Pane::Sockets,
            sorts: [(0, false); 3],
            filter: String::new(),
            typing: None,
            cursors: [Cursor::default(); 3],
            marked: BTreeSet::new(),
            question: None,
            note: None,
            help: false,
            span: SPANS[0],
        };
        ui.arrange();
        ui
    }

    /// The model that shows.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    pub(super) fn sort(&self, pane: Pane) -> Sort {
        pane.sorts()[self.sorts[pane as usize].0]
    }

    pub(super) const fn reversed(&self, pane: Pane) -> bool {
        self.sorts[pane as usize].1
    }

    pub(super) const fn frozen(&self) -> bool {
        self.newest.is_some()
    }

    /// Another look; a frozen screen keeps what it shows.
    pub fn looked(&mut self, model: Arc<Model>) {
        if self.frozen() {
            self.newest = Some(model);
            return;
        }
        self.model = model;
        let lives = |cookie: &u64| self.model.rows.binary_search_by_key(cookie, |row| row.entry.handle.cookie).is_ok();
        self.marked.retain(lives);
        self.arrange();
    }

    /// Says something in the last line until the next key.
    pub fn tell(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }

    /// How many rows of a pane's table the screen shows: what a page is.
    pub(super) fn fit(&mut self, pane: Pane, height: usize) {
        let cursor = &mut self.cursors[pane as usize];
        cursor.height = height;
        let last_top = self.shown.len(pane).saturating_sub(height);
        // Before the first frame nothing is known of the height.
        let lowest = (cursor.at + 1).saturating_sub(height.max(1));
        cursor.top = cursor.top.clamp(lowest, cursor.at).min(last_top);
    }

    /// A key was pressed.
    pub fn key(&mut self, key: Key) -> Effect {
        if key == Key::Redraw {
            return Effect::Redraw;
        }
        self.note = None;
        if let Some(question) = self.question.take() {
            return match key {
                Key::Char('y' | 'Y') => {
                    let asked: BTreeSet<u64> = question.sockets.iter().map(|entry| entry.handle.cookie).collect();
                    self.marked.retain(|cookie| !asked.contains(cookie));
                    Effect::Destroy(question.sockets)
                }
                _ => {
                    self.tell("nothing was destroyed");
                    Effect::None
                }
            };
        }
        if self.typing.is_some() {
            self.typed(key);
            return Effect::None;
        }
        if std::mem::take(&mut self.help) && key != Key::Char('q') {
            return Effect::None;
        }
        self.command(key)
    }

    fn command(&mut self, key: Key) -> Effect {
        match key {
            Key::Char('q') => return Effect::Quit,
            Key::Char('w') => return Effect::Snapshot,
            Key::Char('?' | 'h') => self.help = true,
            Key::Char('/') => self.typing = Some(self.filter.clone()),
            Key::Char('f') => self.freeze(),
            Key::Char('s') => self.resort(|(at, _), sorts| ((at + 1) % sorts, false)),
            Key::Char('r') => self.resort(|(at, reversed), _| (at, !reversed)),
            Key::Char('t') => {
                let at = SPANS.iter().position(|span| *span == self.span).unwrap_or(0);
                self.span = SPANS[(at + 1) % SPANS.len()];
            }
            Key::Char('c') => {
                let only = "close_wait";
                self.filtered(if self.filter == only { String::new() } else { only.to_owned() });
            }
            Key::Char(' ') => self.mark(),
            Key::Char('x') => match Question::of(self) {
                Ok(question) => self.question = Some(question),
                Err(why) => self.tell(why),
            },
            Key::Char('1' | '2' | '3') | Key::Tab | Key::BackTab => self.turn(key),
            Key::Enter => self.follow(),
            Key::Escape => {
                self.marked.clear();
                self.filtered(String::new());
            }
            _ => self.travel(key),
        }
        Effect::None
    }

    fn typed(&mut self, key: Key) {
        let mut filter = self.filter.clone();
        match key {
            Key::Enter => self.typing = None,
            Key::Escape => filter = self.typing.take().unwrap_or_default(),
            Key::Backspace => drop(filter.pop()),
            // Longer than any address and any command that shows.
            Key::Char(c) if filter.chars().count() < 200 => filter.push(c),
            _ => {}
        }
        self.filtered(filter);
    }

    fn filtered(&mut self, filter: String) {
        if self.filter != filter {
            self.filter = filter;
            self.arrange();
        }
    }

    fn freeze(&mut self) {
        match self.newest.take() {
            Some(newest) => self.looked(newest),
            None => self.newest = Some(Arc::clone(&self.model)),
        }
    }

    fn resort(&mut self, change: impl FnOnce((usize, bool), usize) -> (usize, bool)) {
        let sort = &mut self.sorts[self.pane as usize];
        *sort = change(*sort, self.pane.sorts().len());
        self.cursors[self.pane as usize] = Cursor { height: self.cursor().height, ..Cursor::default() };
        self.arrange();
    }

    fn turn(&mut self, key: Key) {
        let by = match key {
            Key::Tab => 1,
            Key::BackTab => 2,
            Key::Char('2') => return self.pane = Pane::Peers,
            Key::Char('3') => return self.pane = Pane::Processes,
            _ => return self.pane = Pane::Sockets,
        };
        self.pane = Pane::ALL[(self.pane as usize + by) % 3];
    }

    /// From a group to its sockets.
    fn follow(&mut self) {
        let at = self.cursor().at;
        let filter = match self.pane {
            Pane::Sockets => return,
            Pane::Peers => self.shown.peers.get(at).map(|it| self.model.peers[it.index()].peer.as_filter()),
            Pane::Processes => self.shown.holders.get(at).and_then(|it| match self.model.holders[it.index()].holder {
                Holder::Process(pid) => Some(format!("pid:{pid}")),
                Holder::Unknown(_) | Holder::Kernel => None,
            }),
        };
        if let Some(filter) = filter {
            self.pane = Pane::Sockets;
            self.filtered(filter);
        }
    }

    fn mark(&mut self) {
        let Some(entry) = self.under_the_cursor() else { return };
        if !self.marked.remove(&entry.handle.cookie) {
            self.marked.insert(entry.handle.cookie);
        }
        self.travel(Key::Down);
    }

    pub(super) fn under_the_cursor(&self) -> Option<Entry> {
        let at = self.shown.sockets.get(self.cursor().at).filter(|_| self.pane == Pane::Sockets)?;
        Some(self.model.rows[*at as usize].entry)
    }

    pub(super) const fn cursor(&self) -> &Cursor {
        &self.cursors[self.pane as usize]
    }

    fn travel(&mut self, key: Key) {
        let (cursor, last) = (*self.cursor(), self.shown.len(self.pane).saturating_sub(1));
        let page = cursor.height.saturating_sub(1).max(1);
        let at = match key {
            Key::Up | Key::Char('k') => cursor.at.saturating_sub(1),
            Key::Down | Key::Char('j') => cursor.at + 1,
            Key::PageUp => cursor.at.saturating_sub(page),
            Key::PageDown => cursor.at + page,
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => last,
            _ => return,
        };
        self.place(self.pane, at.min(last));
    }

    /// Puts a cursor on a row. On the first row it stays whatever comes there, elsewhere it follows its socket.
    fn place(&mut self, pane: Pane, at: usize) {
        let row = self.shown.sockets.get(at).filter(|_| at > 0 && pane == Pane::Sockets);
        let cookie = row.map(|row| self.model.rows[*row as usize].entry.handle.cookie);
        let cursor = &mut self.cursors[pane as usize];
        (cursor.at, cursor.cookie) = (at, cookie);
        self.fit(pane, self.cursors[pane as usize].height);
    }

    /// Works out anew what shows, and where the cursors stand.
    fn arrange(&mut self) {
        self.shown = Shown::of(&self.model, self);
        for pane in Pane::ALL {
            let cursor = self.cursors[pane as usize];
            let followed = cursor.cookie.and_then(|cookie| {
                self.shown.sockets.iter().position(|row| self.model.rows[*row as usize].entry.handle.cookie == cookie)
            });
            let last = self.shown.len(pane).saturating_sub(1);
            self.place(pane, followed.unwrap_or(cursor.at).min(last));
        }
    }
}

#[cfg(test)]
mod tests;
