//! Tables as wide as their cells, and no wider than the terminal. What tells one row from another is never cut.

use super::style::{Paint, Style};
use super::text;

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Column {
    /// To the left.
    Left,
    /// To the right: numbers.
    Right,
    /// To the left, and cut where the table would be too wide.
    Cut,
    /// To the left, and goes on below itself where the table would be too wide for a terminal: names, addresses and ports,
    /// of which no part may be lost. In a file or a pipe it stays on its line, which then is longer, for `grep` to find.
    Whole,
}

/// One line of a table; `paint` is for its first cell.
pub(in crate::report) struct Row {
    pub(in crate::report) paint: Option<Paint>,
    pub(in crate::report) cells: Vec<String>,
}

impl Row {
    pub(in crate::report) const fn plain(cells: Vec<String>) -> Self {
        Self { paint: None, cells }
    }
}

/// Blanks between two columns.
const GAP: usize = 2;

/// No column is cut below this.
const NARROWEST: usize = 8;

/// The rows in columns, within `width`; a column that is empty in every row is left out.
pub(in crate::report) fn table(columns: &[Column], rows: &[Row], width: usize, style: Style) -> Vec<String> {
    blocks(columns, rows, width, style).into_iter().flatten().collect()
}

/// The same with the lines of each row by themselves: one, or more where a cell goes on below.
pub(in crate::report) fn blocks(columns: &[Column], rows: &[Row], width: usize, style: Style) -> Vec<Vec<String>> {
    let widths = fitted(columns, rows, width, style);
    rows.iter().map(|row| block(columns, row, &widths, style)).collect()
}

fn block(columns: &[Column], row: &Row, widths: &[usize], style: Style) -> Vec<String> {
    let shown = || columns.iter().enumerate().filter(|(n, _)| widths[*n] > 0);
    let parts = |n: usize, column: Column| match column {
        Column::Cut => vec![text::cut(&row.cells[n], widths[n])],
        Column::Whole => text::broken(&row.cells[n], widths[n]),
        Column::Left | Column::Right => vec![row.cells[n].clone()],
    };
    let cells: Vec<(usize, Column, Vec<String>)> = shown().map(|(n, column)| (n, *column, parts(n, *column))).collect();
    let height = cells.iter().map(|(_, _, parts)| parts.len()).max().unwrap_or(1);
    let line = |at: usize| {
        let told = cells.iter().map(|(n, column, parts)| {
            let part = parts.get(at).map_or("", String::as_str);
            let cell = if *column == Column::Right { text::right } else { text::cell }(part, widths[*n]);
            match row.paint.filter(|_| *n == 0) {
                Some(paint) => style.paint(paint, &cell),
                None => cell,
            }
        });
        told.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

fn fitted(columns: &[Column], rows: &[Row], width: usize, style: Style) -> Vec<usize> {
    let widest = |n: usize| rows.iter().map(|row| text::columns(&row.cells[n])).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let shown = widths.iter().filter(|width| **width > 0).count();
    let mut over = (widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)).saturating_sub(width);
    while over > 0 {
        let gives_way = |n: usize| match columns[n] {
            Column::Left | Column::Right => false,
            Column::Cut => true,
            Column::Whole => style.is_for_a_terminal(),
        };
        let cuttable = (0..columns.len()).filter(|&n| gives_way(n) && widths[n] > NARROWEST);
        let Some(n) = cuttable.max_by_key(|&n| widths[n]) else { break };
        widths[n] -= 1;
        over -= 1;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_gives_way_and_an_empty_column_goes() {
        let row = |cells: [&str; 4]| Row::plain(cells.map(str::to_owned).into());
        let rows = [row(["a name that is long", "", "7", "end"]), row(["short", "", "1,000", "longer"])];
        let columns = [Column::Cut, Column::Left, Column::Right, Column::Left];
        assert_eq!(table(&columns, &rows, 26, Style::PLAIN), ["a name tha…      7  end", "short        1,000  longer"]);
    }

    #[test]
    fn a_name_is_never_cut() {
        let row = |cells: [&str; 2]| Row::plain(cells.map(str::to_owned).into());
        let rows = [row(["latency_ms.connect.p50", "7"]), row(["127.0.0.1 to 127.0.0.1:33017", "8"])];
        let columns = [Column::Whole, Column::Right];
        let told = table(&columns, &rows, 24, Style::new(false, 80));
        assert_eq!(told, ["latency_ms.connect.    7", "p50", "127.0.0.1 to           8", "127.0.0.1:33017"]);
        let piped = table(&columns, &rows, 24, Style::PLAIN);
        assert_eq!(piped, ["latency_ms.connect.p50        7", "127.0.0.1 to 127.0.0.1:33017  8"]);
    }
}
