//! Several faults: a line each in the order asked for, and the reasons of those that fail.

use super::super::figures;
use super::super::terminal::style::{Paint, Style};
use super::super::terminal::{text, wrapped};
use super::columns::{Column, Row, table};
use super::terminal::{facts, listed, paint};
use super::words::{self, Mark};
use crate::record::{Check, FaultCheck};

/// The columns of every matrix, after the mark.
pub(super) const NAMES: [&str; 6] = ["fault", "verdict", "connections", "leaked", "held max", "symptoms"];

/// A fault's line of the matrix, after the mark.
pub(super) fn cells(fault: &FaultCheck) -> [String; 6] {
    [
        fault.fault.clone(),
        words::verdict(fault.verdict),
        figures::count(fault.connections),
        figures::count(fault.leaked),
        figures::with_unit(&figures::ms(fault.held_ms.max), "ms"),
        words::symptoms(fault),
    ]
}

/// The lines above the outcome.
pub(super) fn matrix(check: &Check, style: Style) -> Vec<String> {
    let mut lines = facts(check, style, None);
    lines.push(String::new());
    if check.faults.is_empty() {
        lines.extend(listed("notices", &check.notices, style));
        return lines;
    }
    let columns = [Column::Left, Column::Whole, Column::Left, Column::Right, Column::Right, Column::Right, Column::Cut];
    let with_mark = |mark: &str, cells: [String; 6]| std::iter::once(mark.to_owned()).chain(cells).collect();
    let mut rows = vec![Row::plain(with_mark("", NAMES.map(str::to_owned)))];
    rows.extend(check.faults.iter().map(|fault| {
        let mark = match words::mark(fault) {
            Mark::Pass => "pass",
            Mark::Known => "known",
            Mark::Fail => "FAIL",
        };
        Row { paint: Some(paint(fault)), cells: with_mark(mark, cells(fault)) }
    }));
    lines.extend(table(&columns, &rows, style.width(), style));
    lines.push(String::new());
    for (faults, reason) in reasons(check) {
        let failing = words::failing(faults[0]);
        let names: Vec<_> = faults.iter().map(|fault| text::printable(&fault.fault)).collect();
        let heading = wrapped(&format!("{}: {failing}", names.join(", ")), "", style.width());
        lines.extend(heading.iter().map(|line| style.paint(Paint::Strong, line)));
        lines.extend(wrapped(reason, "  ", style.width()));
        lines.push(String::new());
    }
    lines.extend(listed("notices", &check.notices, style));
    lines
}

/// Why faults fail; those that fail alike for the same reason share it.
fn reasons(check: &Check) -> Vec<(Vec<&FaultCheck>, &str)> {
    let mut reasons: Vec<(Vec<&FaultCheck>, &str)> = Vec::new();
    for fault in check.faults.iter().filter(|fault| words::mark(fault) == Mark::Fail) {
        let same = |(faults, reason): &&mut (Vec<&FaultCheck>, &str)| {
            *reason == fault.reason && words::failing(faults[0]) == words::failing(fault)
        };
        match reasons.iter_mut().find(same) {
            Some((faults, _)) => faults.push(fault),
            None => reasons.push((vec![fault], &fault.reason)),
        }
    }
    reasons
}
