//! Keys as values, and what one asks of the world beyond the screen.

use crate::sample::Entry;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Up.
    Up,
    /// Down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// Ctrl-L: draw everything anew.
    Redraw,
}

/// What a key asks of the world beyond the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// The end.
    Quit,
    /// The whole screen anew: somebody else wrote on it.
    Redraw,
    /// A snapshot in a file.
    Snapshot,
    /// The end of these sockets.
    Destroy(Vec<Entry>),
}
