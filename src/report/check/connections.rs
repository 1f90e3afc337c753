//! The connections of one fault, a line each, leaked ones first.

use super::super::figures;
use super::super::terminal::style::{Paint, Style};
use super::columns::{Column, Row, table};
use super::terminal::more;
use crate::record::{ConnectionRow, EndedBy, FaultCheck};

/// Connections that a screen shows one by one.
const MOST_CONNECTIONS: usize = 8;

/// The connections as a table with a blank line after it; nothing where there are none.
pub(super) fn connections(fault: &FaultCheck, style: Style) -> Vec<String> {
    if fault.rows.is_empty() {
        return Vec::new();
    }
    let names = ["", "port", "opened", "login", "over", "closed", "held", "state", "pid/fd"];
    let mut rows = vec![Row::plain(names.map(str::to_owned).into())];
    rows.extend(fault.rows.iter().take(MOST_CONNECTIONS).map(connection));
    let columns = [
        Column::Left,
        Column::Right,
        Column::Right,
        Column::Cut,
        Column::Right,
        Column::Right,
        Column::Right,
        Column::Left,
        Column::Left,
    ];
    let note = style.paint(Paint::Faint, "in seconds since the command's start; held in ms");
    let mut lines = vec![format!("{}  {note}", style.paint(Paint::Strong, "connections"))];
    lines.extend(table(&columns, &rows, style.width() - 1, style).into_iter().map(|line| format!(" {line}")));
    let all = fault.rows.len() + usize::try_from(fault.rows_omitted).unwrap_or(usize::MAX - fault.rows.len());
    lines.extend(more(all, MOST_CONNECTIONS).map(|more| format!(" {more}")));
    lines.push(String::new());
    lines
}

fn connection(row: &ConnectionRow) -> Row {
    let closed = match (row.closed_s, row.ended_by) {
        (None, EndedBy::Never) => "never".to_owned(),
        (at, _) => figures::seconds(at),
    };
    let holder = match (row.pid, row.descriptor) {
        (Some(pid), Some(descriptor)) => format!("{pid}/{descriptor}"),
        (Some(pid), None) => pid.to_string(),
        (None, _) => "·".to_owned(),
    };
    let cells = vec![
        if row.leaked { "leak" } else { "" }.to_owned(),
        row.port.to_string(),
        figures::seconds(Some(row.opened_s)),
        row.login.clone(),
        figures::seconds(row.over_s),
        closed,
        figures::ms(row.held_ms),
        row.state.map_or_else(|| "·".to_owned(), |state| state.to_string()),
        holder,
    ];
    Row { paint: row.leaked.then_some(Paint::Bad), cells }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn no_more_than_fit_a_screen_and_the_rest_is_counted() {
        let mut fault = fixture::leak().faults.remove(0);
        fault.rows = std::iter::repeat_n(fault.rows[0].clone(), 100).collect();
        fault.rows[0].closed_s = None;
        fault.rows[0].ended_by = EndedBy::Never;
        fault.rows_omitted = 1900;
        let lines = connections(&fault, Style::PLAIN);
        assert!(lines[2].contains(" never "), "{}", lines[2]);
        assert_eq!((lines.len(), lines[10].as_str()), (12, " and 1,992 more"));
    }
}
