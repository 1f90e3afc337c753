//! The table of sockets, the longest held first.

use ratatui::text::Line;

use super::super::figures::held_since;
use super::super::group::Since;
use super::super::model::{Model, Row};
use super::super::theme::Theme;
use super::super::ui::{Pane, Sort, Ui};
use super::table::{Column, cell, columns, row};
use crate::record::TcpState;

/// From this width on there is room for what waits to be read and sent.
const WIDE: usize = 110;

fn layout(width: usize) -> Vec<Column> {
    let wide = width >= WIDE;
    let fixed = 1 + 8 + 12 + if wide { 18 } else { 0 };
    let rest = width.saturating_sub(fixed + 3);
    // An IPv6 address with its port has up to 47 columns; most have 21.
    let address = isize::try_from(if wide { (rest * 3 / 10).min(47) } else { (rest * 35 / 100).max(18) }).unwrap_or(21);
    let process = isize::try_from(rest).unwrap_or(0) - 2 * address;
    let mut all = vec![
        ("held", 7, Some(Sort::Held)),
        ("state", -11, Some(Sort::State)),
        ("local", -address, Some(Sort::Local)),
        ("remote", -address, Some(Sort::Remote)),
    ];
    if wide {
        all.extend([("unread", 8, Some(Sort::Unread)), ("unsent", 8, None)]);
    }
    all.push(("process", -process.max(1), Some(Sort::Process)));
    all
}

pub(super) fn lines(ui: &Ui, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let layout = layout(width);
    let cursor = ui.cursors[Pane::Sockets as usize];
    let mut lines = vec![columns(ui, Pane::Sockets, theme, &layout)];
    let visible = ui.shown.sockets.iter().enumerate().skip(cursor.top).take(cursor.height());
    lines.extend(visible.map(|(at, &index)| {
        let it = &ui.model().rows[index as usize];
        let marked = ui.marked.contains(&it.entry.handle.cookie);
        let style = match it.entry.state {
            TcpState::CloseWait => theme.odd(),
            TcpState::Established => theme.good(),
            TcpState::Listen => theme.faint(),
            _ => theme.plain(),
        };
        let mark = if marked { ("*".to_owned(), theme.bad()) } else { (" ".to_owned(), theme.plain()) };
        let mut spans = vec![mark];
        for (&(name, width, sort), text) in layout.iter().zip(texts(ui.model(), it, layout.len() > 5)) {
            let holder = || ui.model().name_within(it.holder, width.unsigned_abs());
            let text = if sort == Some(Sort::Process) { holder() } else { text };
            spans.push((cell(&text, width), if matches!(name, "held" | "state") { style } else { theme.plain() }));
        }
        row(ui, Pane::Sockets, at, theme, spans, width)
    }));
    lines
}

/// As the columns: with `queues` also what waits to be read and sent.
pub(in crate::watch) fn texts(model: &Model, it: &Row, queues: bool) -> Vec<String> {
    let (entry, since) = (&it.entry, Since { at: it.since, at_least: it.at_least });
    // What the kernel tells of a listener in the place of bytes are connections.
    let listens = entry.state == TcpState::Listen;
    let remote = match listens {
        true => format!("* queue {}/{}", entry.unread, entry.unsent),
        false => entry.remote.to_string(),
    };
    let mut texts = vec![held_since(model.at, since), entry.state.to_string(), entry.local.to_string(), remote];
    if queues {
        texts.extend([entry.unread, entry.unsent].map(|n| if listens { String::new() } else { n.to_string() }));
    }
    texts.push(model.name(it.holder));
    texts
}
