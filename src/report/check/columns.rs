//! Tables as wide as their cells, and never wider than the terminal.

use super::super::terminal::style::{Paint, Style};
use super::super::terminal::text;

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Column {
    /// To the left.
    Left,
    /// To the right: numbers.
    Right,
    /// To the left, and cut where the table would be too wide.
    Cut,
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
    let widths = fitted(columns, rows, width);
    let line = |row: &Row| {
        let mut cells = Vec::with_capacity(columns.len());
        for (n, column) in columns.iter().enumerate().filter(|(n, _)| widths[*n] > 0) {
            let cell = match column {
                Column::Left => text::cell(&row.cells[n], widths[n]),
                Column::Right => text::right(&row.cells[n], widths[n]),
                Column::Cut => text::cell(&text::cut(&row.cells[n], widths[n]), widths[n]),
            };
            cells.push(match row.paint.filter(|_| n == 0) {
                Some(paint) => style.paint(paint, &cell),
                None => cell,
            });
        }
        cells.join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn fitted(columns: &[Column], rows: &[Row], width: usize) -> Vec<usize> {
    let widest = |n: usize| rows.iter().map(|row| text::columns(&row.cells[n])).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let shown = widths.iter().filter(|width| **width > 0).count();
    let mut over = (widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)).saturating_sub(width);
    while over > 0 {
        let cuttable = (0..columns.len()).filter(|&n| columns[n] == Column::Cut && widths[n] > NARROWEST);
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
}
