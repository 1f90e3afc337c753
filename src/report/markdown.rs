//! The run as GitHub-flavoured Markdown, for `$GITHUB_STEP_SUMMARY` and merge requests.

use std::fmt::Write as _;

use super::comparison::differences_markdown;
use super::figures::{self, BothSides, Row};
use crate::record::{ArmSummary, Named as _, PhaseSummary, Run, Summary};

/// The run as Markdown: the verdict, the arms side by side, expectations and findings.
#[must_use]
pub fn markdown(run: &Run, summary: &Summary) -> String {
    let mut page = Page(String::new());
    page.line(format_args!("## closewait: {}\n", escaped(&summary.scenario)));
    page.line(format_args!("**{}**\n", escaped(&figures::verdict(summary))));
    if !summary.pooled.is_empty() {
        page.line(format_args!("{}\n", escaped(&figures::repeated(summary))));
    }
    page.figures(summary.shown());
    page.sockets(summary.shown());
    page.latency(summary.shown());
    page.ledgers(summary.shown());
    for line in differences_markdown(summary) {
        page.line(format_args!("{line}"));
    }
    page.expectations(summary);
    page.findings(summary);
    page.foot(run, summary);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("a string takes every text");
    }

    /// A table with a blank line after it: the first column is text, the others are numbers.
    fn table(&mut self, names: &[String], rows: impl Iterator<Item = Vec<String>>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() || names.len() < 2 {
            return;
        }
        self.line(format_args!("| {} |", names.join(" | ")));
        self.line(format_args!("|---|{}", "---:|".repeat(names.len() - 1)));
        for row in rows {
            self.line(format_args!("| {} |", row.join(" | ")));
        }
        self.line(format_args!(""));
    }

    fn figures(&mut self, arms: &[ArmSummary]) {
        let names = with_first("", arms.iter().map(|arm| escaped(&arm.name)));
        let rows = [figures::attempts(arms), figures::ports(arms), figures::load(arms)];
        let cells = |row: &Row| with_first(row.label.trim(), row.cells.iter().map(|figure| joined(&figure.text)));
        self.table(&names, rows.iter().flatten().map(cells));
    }

    fn sockets(&mut self, arms: &[ArmSummary]) {
        let sides = |arm: &ArmSummary| ["client", "server"].map(|side| format!("{} {side}", escaped(&arm.name)));
        let names = with_first("sockets, peak → final", arms.iter().flat_map(sides));
        let rows = figures::states(arms);
        let both = |sides: &BothSides| {
            sides.map(|side| {
                side.map_or_else(
                    || "-".to_owned(),
                    |n| format!("{} → {}", figures::count(n.peak), figures::count(n.last)),
                )
            })
        };
        let cells = |(state, arms): &(crate::record::TcpState, Vec<BothSides>)| {
            with_first(&state.to_string(), arms.iter().flat_map(both))
        };
        self.table(&names, rows.iter().map(cells));
    }

    fn latency(&mut self, arms: &[ArmSummary]) {
        let names = with_first("latency in ms", ["p50", "p90", "p99", "max", "count"].map(str::to_owned).into_iter());
        let rows = figures::phases(arms);
        let cells = rows.iter().flat_map(|(phase, of_arms)| {
            let seen = arms.iter().zip(of_arms).filter(|(_, figures)| figures.count > 0);
            seen.map(move |(arm, figures)| phase_row(phase, arm, figures))
        });
        self.table(&names, cells);
    }

    fn ledgers(&mut self, arms: &[ArmSummary]) {
        let rows = figures::ledgers(arms);
        for (arm, text) in &rows {
            self.line(format_args!("- {}, from the wire: {}", escaped(arm), escaped(text)));
        }
        if !rows.is_empty() {
            self.line(format_args!(""));
        }
    }

    fn expectations(&mut self, summary: &Summary) {
        if summary.expectations.is_empty() {
            return;
        }
        self.line(format_args!("| | arm | expectation | actual |\n|---|---|---|---|"));
        for row in &summary.expectations {
            let mark = if row.passed { "✅ pass" } else { "❌ **fail**" };
            let [arm, expect, actual] = [&row.arm, &row.expect, &figures::actual(row)].map(|text| escaped(text));
            self.line(format_args!("| {mark} | {arm} | {expect} | {actual} |"));
        }
        self.line(format_args!(""));
    }

    fn findings(&mut self, summary: &Summary) {
        for finding in &summary.findings {
            let (severity, text) = (finding.severity.name(), escaped(&finding.text));
            self.line(format_args!("- **{severity}** `{}`: {text}", finding.id));
        }
        for notice in &summary.notices {
            self.line(format_args!("- **notice** {}", escaped(notice)));
        }
        if !summary.findings.is_empty() || !summary.notices.is_empty() {
            self.line(format_args!(""));
        }
    }

    fn foot(&mut self, run: &Run, summary: &Summary) {
        let version = run.header.as_ref().map_or_else(String::new, |header| format!("closewait {}, ", header.version));
        let host = &summary.host;
        let text = format!("{version}seed {}, Linux {}, {} cores", summary.seed, host.kernel, host.cores);
        self.line(format_args!("<sub>{}</sub>", escaped(&text)));
    }
}

fn phase_row(phase: &str, arm: &ArmSummary, figures: &PhaseSummary) -> Vec<String> {
    let [p50, p90, p99, max] = [figures.p50, figures.p90, figures.p99, figures.max].map(figures::ms);
    let label = format!("{}, {}", escaped(phase), escaped(&arm.name));
    vec![label, p50, p90, p99, max, figures::count(figures.count)]
}

fn with_first(first: &str, rest: impl Iterator<Item = String>) -> Vec<String> {
    std::iter::once(escaped(first)).chain(rest).collect()
}

/// A figure whose parts were padded for columns.
fn joined(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Text that Markdown shows as it is: an arm's name may hold anything.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A name is no mention of a person, nor a link.
            '@' => out.push_str("&#64;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_whole_run() {
        let (run, summary) = fixture::judged();
        insta::assert_snapshot!(markdown(&run, &summary));
    }

    #[test]
    fn a_name_cannot_break_out_of_its_cell() {
        let (run, mut summary) = fixture::judged();
        summary.arms[0].name = "a|b\n<img> *x* @y".into();
        let text = markdown(&run, &summary);
        assert!(text.contains("|  | a\\|b &lt;img&gt; \\*x\\* &#64;y | orderly |"), "{text}");
    }
}
