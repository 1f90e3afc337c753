//! What two arms that were repeated differ by.

use super::super::figures;
use super::super::markdown::escaped;
use super::super::terminal::columns::{Column, Row, table};
use super::super::terminal::style::{Paint, Style};
use super::words::figure;
use crate::record::{ArmComparison, Scale, Summary};

const COLUMNS: [Column; 6] = [Column::Left, Column::Whole, Column::Right, Column::Right, Column::Right, Column::Right];

/// The pairs of arms, each with its figures.
fn pairs(summary: &Summary) -> Vec<&[ArmComparison]> {
    summary.comparisons.chunk_by(|one, other| (&one.base, &one.other) == (&other.base, &other.other)).collect()
}

/// A pair's table: its names, then a line a figure.
fn rows(pair: &[ArmComparison]) -> Vec<[String; 6]> {
    let (base, other) = (&pair[0].base, &pair[0].other);
    let names = ["", "mean of", base, other, "difference", "95 % interval"].map(str::to_owned);
    std::iter::once(names).chain(pair.iter().map(cells)).collect()
}

fn cells(it: &ArmComparison) -> [String; 6] {
    let estimate = match it.scale {
        Scale::Ratio => format!("{} times", figure(it.estimate)),
        Scale::Difference if it.estimate > 0.0 => format!("+{}", figure(it.estimate)),
        Scale::Difference => figure(it.estimate),
    };
    [
        if it.different { "differs" } else { "" }.to_owned(),
        it.metric.clone(),
        figure(it.base_mean),
        figure(it.other_mean),
        estimate,
        format!("{} to {}", figure(it.low), figure(it.high)),
    ]
}

/// The table of every pair: its heads, then a row a figure.
pub(in crate::report) fn differences_rows(summary: &Summary) -> Vec<Vec<[String; 6]>> {
    pairs(summary).into_iter().map(rows).collect()
}

/// The lines for a terminal; none where nothing was compared.
pub(in crate::report) fn differences(summary: &Summary, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for pair in pairs(summary) {
        let rounds = pair.iter().map(|it| it.repetitions).min().unwrap_or(0);
        let rounds = figures::rounds(rounds, summary);
        lines.push(style.paint(Paint::Strong, &format!("differences ({rounds}; all intervals hold at once)")));
        let rows: Vec<Row> =
            rows(pair).into_iter().map(|cells| Row { paint: Some(Paint::Odd), cells: cells.into() }).collect();
        lines.extend(table(&COLUMNS, &rows, style.width(), style));
        lines.push(String::new());
    }
    lines
}

/// The same as Markdown tables.
pub(in crate::report) fn differences_markdown(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for pair in pairs(summary) {
        let mut rows =
            rows(pair).into_iter().map(|cells| format!("| {} |", cells.map(|cell| escaped(&cell)).join(" | ")));
        lines.extend(rows.next());
        lines.push("|---|---|---:|---:|---:|---:|".to_owned());
        lines.extend(rows);
        lines.push(String::new());
    }
    lines
}
