//! A result against an older one, in every format.

use quick_junit::{Report, TestCaseStatus, TestSuite};

use super::super::ReportError;
use super::super::json::indented;
use super::super::junit::{case, failure};
use super::super::markdown::escaped;
use super::super::terminal::columns::{Column, Row, table};
use super::super::terminal::style::{Paint, Style};
use super::super::terminal::{text, wrapped};
use super::words::{change, interval, percent, value};
use crate::record::{Change, Comparison, ComparisonRow};
use crate::verdict::FLOORS;

const NAMES: [&str; 7] = ["", "arm", "figure", "base", "new", "change", "95 % interval"];
const COLUMNS: [Column; 7] =
    [Column::Left, Column::Left, Column::Whole, Column::Right, Column::Right, Column::Right, Column::Right];

fn cells(row: &ComparisonRow) -> [String; 7] {
    [
        change(row).to_owned(),
        text::printable(&row.arm),
        row.metric.clone(),
        value(row.base),
        value(row.new),
        percent(row.change_pct),
        interval(row.low_pct, row.high_pct),
    ]
}

/// What the marks mean, where a row has one.
fn marks(comparison: &Comparison) -> Vec<String> {
    let any = |marked: fn(&ComparisonRow) -> bool| comparison.rows.iter().any(marked);
    let floor = any(|row| row.below_floor).then(|| {
        format!(
            "below floor: beyond the tolerance, and still no change, since differences of up to {FLOORS} are nobody's"
        )
    });
    let alike = any(|row| row.not_alike).then(|| {
        "not alike: better by more than the tolerance, and still no gain, since more of the arm's attempts failed: \
         these are figures of other attempts"
            .to_owned()
    });
    floor.into_iter().chain(alike).collect()
}

/// What became of it, in one line.
fn verdict(comparison: &Comparison) -> String {
    let tolerance = comparison.tolerance_pct;
    if comparison.passed {
        return format!("PASSED: nothing is worse by more than {tolerance} %");
    }
    let regressed = match comparison.rows.iter().filter(|row| row.change == Change::Regressed).count() {
        0 => None,
        1 => Some(format!("1 figure is worse by more than {tolerance} %")),
        n => Some(format!("{n} figures are worse by more than {tolerance} %")),
    };
    let broke = match comparison.broken.len() {
        0 => None,
        1 => Some("1 thing broke".to_owned()),
        n => Some(format!("{n} things broke")),
    };
    let apart = comparison.rows.iter().all(|row| row.change == Change::Missing);
    let apart = apart.then(|| "the two have nothing in common that could be compared".to_owned());
    format!("FAILED: {}", [apart, regressed, broke].into_iter().flatten().collect::<Vec<_>>().join(", and "))
}

/// The comparison for a person.
#[must_use]
pub fn comparison_terminal(comparison: &Comparison, style: Style) -> String {
    let name = |label: &str, path: &str| format!("{label} {}", text::printable(path));
    let mut lines = vec![name("base", &comparison.base), name("new ", &comparison.new), String::new()];
    let mut rows = vec![Row::plain(NAMES.map(str::to_owned).into())];
    rows.extend(comparison.rows.iter().map(|row| {
        let paint = match row.change {
            Change::Regressed => Paint::Bad,
            Change::Improved => Paint::Good,
            Change::Unchanged | Change::Missing => Paint::Faint,
        };
        Row { paint: Some(paint), cells: cells(row).into() }
    }));
    lines.extend(table(&COLUMNS, &rows, style.width(), style));
    for text in marks(comparison) {
        lines.push(String::new());
        lines.extend(wrapped(&text, "", style.width()));
    }
    for (heading, texts) in [("broken", &comparison.broken), ("notices", &comparison.notices)] {
        if !texts.is_empty() {
            lines.extend([String::new(), style.paint(Paint::Strong, heading)]);
            lines.extend(texts.iter().flat_map(|text| wrapped(text, " - ", style.width())));
        }
    }
    let paint = if comparison.passed { Paint::Good } else { Paint::Bad };
    lines.extend([String::new(), style.paint(paint, &verdict(comparison)), String::new()]);
    lines.join("\n")
}

/// The comparison as JSON, indented, with a line's end after it.
///
/// # Errors
/// Only where a value has no JSON, which plain data always has.
pub fn comparison_json(comparison: &Comparison) -> Result<String, ReportError> {
    indented(comparison)
}

/// The comparison as a JUnit document: a case a figure, and one for what broke.
///
/// # Errors
/// Only where the XML writer fails, which it does not in memory.
pub fn comparison_junit(comparison: &Comparison) -> Result<String, ReportError> {
    const NAME: &str = "closewait.comparison";
    let mut suite = TestSuite::new(NAME);
    suite.add_property(("base", comparison.base.as_str()));
    suite.add_property(("new", comparison.new.as_str()));
    suite.add_test_cases(comparison.rows.iter().map(|row| {
        let by = row.change_pct.map_or_else(String::new, |by| format!(": {}", percent(Some(by))));
        let told = || format!("{} before, {} now{by}", value(row.base), value(row.new));
        let status = match row.change {
            Change::Regressed => failure("regression", &told()),
            Change::Missing => TestCaseStatus::skipped(),
            Change::Improved | Change::Unchanged => TestCaseStatus::success(),
        };
        case(NAME, &format!("{}: {}", row.arm, row.metric), status)
    }));
    let status = match comparison.broken.as_slice() {
        [] => TestCaseStatus::success(),
        broken => failure("broken", &broken.join("; ")),
    };
    suite.add_test_case(case(NAME, "nothing broke", status));
    let mut report = Report::new("closewait");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

/// The comparison as GitHub-flavoured Markdown.
#[must_use]
pub fn comparison_markdown(comparison: &Comparison) -> String {
    let line = |cells: [String; 7]| format!("| {} |", cells.map(|cell| escaped(&cell)).join(" | "));
    let mut lines = vec![
        "## closewait: compared".to_owned(),
        String::new(),
        format!("**{}**", escaped(&verdict(comparison))),
        String::new(),
        line(NAMES.map(str::to_owned)),
        "|---|---|---|---:|---:|---:|---:|".to_owned(),
    ];
    lines.extend(comparison.rows.iter().map(|row| line(cells(row))));
    lines.push(String::new());
    lines.extend(marks(comparison).iter().map(|text| format!("{}\n", escaped(text))));
    lines.extend(comparison.broken.iter().map(|text| format!("- **broken** {}", escaped(text))));
    lines.extend(comparison.notices.iter().map(|text| format!("- **notice** {}", escaped(text))));
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> Comparison {
        let row = |metric: &str, base, new, pct, change| ComparisonRow {
            arm: "app".into(),
            metric: metric.into(),
            base: Some(base),
            new: Some(new),
            change_pct: pct,
            low_pct: pct.map(|pct: f64| pct - 4.0),
            high_pct: pct.map(|pct: f64| pct + 4.0),
            change,
            below_floor: metric == "latency_ms.connect.p50",
            not_alike: metric == "latency_ms.login.p99",
        };
        Comparison {
            schema: Comparison::SCHEMA.into(),
            base: "results/a".into(),
            new: "results/<b>".into(),
            tolerance_pct: 10.0,
            rows: vec![
                row("outcomes_pct.logged_in", 100.0, 48.0, Some(-52.0), Change::Regressed),
                row("outcomes_pct.login_rejected", 0.0, 52.0, None, Change::Regressed),
                row("latency_ms.connect.p50", 0.02, 0.04, Some(100.0), Change::Unchanged),
                row("latency_ms.login.p50", 1.0, 1.5, Some(50.0), Change::Regressed),
                row("latency_ms.login.p99", 3.0, 2.0, Some(-33.3), Change::Unchanged),
                row("load.achieved_per_s", 500.0, 499.9, Some(-0.02), Change::Unchanged),
                row("sockets.client.close_wait.final", 0.0, 5.0, None, Change::Unchanged),
                ComparisonRow { arm: "old".into(), new: None, ..row("ports.peak", 40.0, 0.0, None, Change::Missing) },
            ],
            broken: vec!["app: never-closed was not found before".into()],
            notices: vec!["the machines differ".into()],
            passed: false,
        }
    }

    #[test]
    fn every_format() {
        insta::assert_snapshot!("comparison_terminal", comparison_terminal(&comparison(), Style::PLAIN));
        insta::assert_snapshot!("comparison_junit", comparison_junit(&comparison()).unwrap());
        insta::assert_snapshot!("comparison_markdown", comparison_markdown(&comparison()));
    }

    #[test]
    fn the_document_obeys_its_schema() {
        let schema = jsonschema::validator_for(&crate::report::schema("comparison").unwrap()).unwrap();
        let mut document: serde_json::Value = serde_json::from_str(&comparison_json(&comparison()).unwrap()).unwrap();
        schema.validate(&document).unwrap();
        document["rows"][0]["change"] = "worse".into();
        assert!(!schema.is_valid(&document));
    }
}
