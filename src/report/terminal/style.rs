//! How wide a terminal is, and whether it takes colour.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style as Ansi};

/// How the report is drawn: its width, and whether colour repeats what the words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    colour: bool,
    width: usize,
    columns: usize,
    terminal: bool,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) enum Paint {
    Strong,
    Faint,
    Good,
    Odd,
    Bad,
}

impl Style {
    /// Below this the columns of two arms do not fit, and lines wrap instead.
    const NARROWEST: usize = 80;

    /// Beyond this a line of prose is hard to read.
    const WIDEST: usize = 120;

    /// Without colour, 80 columns wide: for files and pipes.
    pub const PLAIN: Self = Self { colour: false, width: Self::NARROWEST, columns: Self::NARROWEST, terminal: false };

    /// Beyond this a table is no easier to read.
    const MOST_COLUMNS: usize = 240;

    /// A style of one's own; a width below 80 becomes 80. Prose takes at most 120 columns of it, tables 240.
    #[must_use]
    pub const fn new(colour: bool, columns: usize) -> Self {
        let width = if columns < Self::NARROWEST {
            Self::NARROWEST
        } else if columns > Self::WIDEST {
            Self::WIDEST
        } else {
            columns
        };
        let columns = if width == Self::NARROWEST {
            Self::NARROWEST
        } else if columns > Self::MOST_COLUMNS {
            Self::MOST_COLUMNS
        } else {
            columns
        };
        Self { colour, width, columns, terminal: true }
    }

    /// What suits `stream`: a terminal's own width, and colour unless NO_COLOR or a dumb terminal forbids it; elsewhere
    /// [`Style::PLAIN`].
    #[must_use]
    pub fn of(stream: &(impl IsTerminal + AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::PLAIN;
        }
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let columns = rustix::termios::tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
        Self::new(!forbidden, columns)
    }

    /// The same, so many columns wide.
    #[must_use]
    pub const fn with_columns(self, columns: usize) -> Self {
        Self::new(self.colour, columns)
    }

    /// The same without colour.
    pub(in crate::report) const fn colourless(self) -> Self {
        Self { colour: false, ..self }
    }

    /// Whether a line that is longer than this would be broken by a terminal, anywhere.
    pub(in crate::report) const fn is_for_a_terminal(self) -> bool {
        self.terminal
    }

    /// How wide prose is.
    pub(in crate::report) const fn width(self) -> usize {
        self.width
    }

    /// How wide a table may be.
    pub(in crate::report) const fn columns(self) -> usize {
        self.columns
    }

    pub(in crate::report) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let style = match paint {
            Paint::Strong => Ansi::new().bold(),
            Paint::Faint => Ansi::new().dimmed(),
            Paint::Good => AnsiColor::Green.on_default(),
            Paint::Odd => AnsiColor::Yellow.on_default(),
            Paint::Bad => AnsiColor::Red.on_default().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_no_colour() {
        assert_eq!(Style::of(&std::fs::File::open("/dev/null").unwrap()), Style::PLAIN);
    }

    #[test]
    fn the_width_has_a_floor_and_a_ceiling() {
        assert_eq!([0, 79, 100, 400].map(|width| Style::new(false, width).width()), [80, 80, 100, 120]);
    }
}
