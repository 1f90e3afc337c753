//! The keys, over the tables.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Clear, Paragraph};

use super::super::theme::Theme;

const KEYS: [(&str, &str); 13] = [
    ("1 2 3, Tab", "sockets, remote addresses, processes; Enter shows a group's sockets"),
    ("arrows, j k", "move; PgUp PgDn, g and G for the first and the last"),
    ("/", "filter: :1433, pid:7, time_wait, 10.0.0.9, part of a command; all must hold"),
    ("c", "CLOSE_WAIT alone, and back; Esc ends filter and marks"),
    ("s  r", "sort by the next column; the other way round"),
    ("t", "sparklines over 2 minutes, 15 minutes, 2 hours"),
    ("f", "freeze the screen, go on"),
    ("w", "write everything to closewait-watch-TIME.json (schema closewait.watch/1)"),
    ("space  x", "mark sockets; destroy the marked, after a question (root, CAP_NET_ADMIN)"),
    ("q", "quit; Ctrl-L draws the screen anew"),
    ("held", "how long in its state; > at least, the socket was there before this began"),
    ("LEAK", "CLOSE_WAIT that only grows: for 5 s or more none has left it"),
    ("ports", "ephemeral ports used towards a destination, from the address that uses most"),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let mut lines = vec![Line::styled(" keys and words (any key goes back)", theme.strong())];
    lines.extend(KEYS.map(|(key, what)| Line::from(format!(" {key:<12} {what}"))));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(Text::from(lines)), area);
}
