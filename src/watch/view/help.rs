//! The keys, over everything.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Clear, Paragraph};

use super::super::figures::wrap;
use super::super::theme::Theme;

const KEYS: [(&str, &str); 15] = [
    ("1 2 3, Tab", "sockets, remote addresses, processes; Enter: a group's sockets"),
    ("arrows, j k", "move; PgUp PgDn, g and G for the first and the last"),
    ("/", "filter all three: :1433, pid:7, time_wait, 10.0.0.9, part of a command; all words must hold"),
    ("c", "CLOSE_WAIT alone, and back; Esc ends filter and marks"),
    ("s  r", "sort by the next column; the other way round"),
    ("t", "sparklines over 2 minutes, 15 minutes, 2 hours"),
    ("f", "freeze the screen, go on"),
    ("w", "write everything to closewait-watch-TIME.json (schema watch)"),
    (
        "space  x",
        "mark; destroy the marked sockets that show, or the one under the cursor where none is marked, after a \
                  question (needs root, CAP_NET_ADMIN)",
    ),
    ("q", "quit; Ctrl-L draws the screen anew"),
    ("held", "how long in its state; > at least: it was there before this began"),
    ("LEAK +N/s", "CLOSE_WAIT that only grows: for 5 s or more none has left it; the rate of its last 10 s of growth"),
    ("LEAKED, held", "it has stopped growing, and none has left it"),
    ("ports", "ephemeral ports used towards a destination, from the address that uses most; full at the present rate"),
    ("queue N/M", "connections that a listener has not accepted yet, and the most"),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let width = usize::from(area.width).saturating_sub(15);
    let mut lines = vec![Line::styled(" keys and words (any key goes back)", theme.strong())];
    for (key, what) in KEYS {
        for (at, part) in wrap(what, width).into_iter().enumerate() {
            lines.push(Line::from(format!(" {:<12} {part}", if at == 0 { key } else { "" })));
        }
    }
    let height = usize::from(area.height);
    if lines.len() > height {
        lines.truncate(height.saturating_sub(1));
        lines.push(Line::styled(" (the rest needs a higher terminal)", theme.faint()));
    }
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(Text::from(lines)), area);
}
