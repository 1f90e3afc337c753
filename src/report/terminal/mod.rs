//! The run for a person: arms side by side, a chart over time, findings, expectations, and the verdict.
//!
//! Arms stand in columns, as many as the width holds, so that the difference between a leaky and an orderly client is
//! seen without a search. Plain text first: colour only repeats what words and bars say.

mod arms;
mod chart;
pub(super) mod columns;
pub(super) mod style;
pub(super) mod text;

use std::path::Path;

use self::style::Paint;
use self::text::cell;
pub(crate) use self::text::wrapped;
use super::comparison::differences;
use super::figures;
use crate::record::{ExpectationResult, Finding, Named as _, Run, Severity, Summary};
pub use style::Style;

/// The whole report; `results` is where the results lie, if they are kept.
#[must_use]
pub fn terminal(run: &Run, summary: &Summary, results: Option<&Path>, style: Style) -> String {
    let mut lines = vec![head(run, summary, style), String::new()];
    if !summary.pooled.is_empty() {
        lines.extend(wrapped(
            &format!("{}; charts are of the first time", figures::repeated(summary)),
            "",
            style.width(),
        ));
        lines.push(String::new());
    }
    lines.extend(arms::tables(summary.shown(), style));
    let firsts: Vec<_> = run.arms_by_name().into_iter().filter_map(|(_, arms)| arms.first().copied()).collect();
    lines.extend(chart::over_time(&firsts, style));
    lines.extend(section("connections, from the wire", style, ledgers(summary, style)));
    lines.extend(differences(summary, style));
    lines.extend(section("findings", style, summary.findings.iter().flat_map(|finding| told(finding, style))));
    lines.extend(section("expectations", style, expectations(summary, style)));
    lines.extend(section(
        "notices",
        style,
        summary.notices.iter().flat_map(|text| wrapped(text, " - ", style.width())),
    ));
    let paint = if summary.passed { Paint::Good } else { Paint::Bad };
    lines.push(style.paint(paint, &figures::verdict(summary)));
    if let Some(path) = results {
        lines.push(format!("results: {}", path.display()));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn head(run: &Run, summary: &Summary, style: Style) -> String {
    let version = run.header.as_ref().map_or_else(String::new, |header| format!(" {}", header.version));
    let host = &summary.host;
    let name = style.paint(Paint::Strong, &text::printable(&summary.scenario));
    format!("closewait{version} · {name} · seed {} · Linux {} · {} cores", summary.seed, host.kernel, host.cores)
}

/// A heading with its lines and a blank one after them; nothing where there are no lines.
fn section(name: &str, style: Style, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return Vec::new();
    }
    let mut section = vec![style.paint(Paint::Strong, name)];
    section.extend(lines);
    section.push(String::new());
    section
}

fn ledgers(summary: &Summary, style: Style) -> Vec<String> {
    let rows = figures::ledgers(summary.shown());
    let line = |(arm, text): &(&str, String)| wrapped(&format!("{}: {text}", text::printable(arm)), " ", style.width());
    rows.iter().flat_map(line).collect()
}

fn told(finding: &Finding, style: Style) -> Vec<String> {
    let paint = match finding.severity {
        Severity::Failure => Paint::Bad,
        Severity::Warning => Paint::Odd,
        Severity::Note => Paint::Good,
    };
    let arm = finding.arm.as_ref().map_or_else(String::new, |arm| format!(" ({})", text::printable(arm)));
    let mut lines = vec![format!(" {}  {}{arm}", style.paint(paint, &cell(finding.severity.name(), 7)), finding.id)];
    lines.extend(wrapped(&finding.text, "          ", style.width()));
    lines
}

fn expectations(summary: &Summary, style: Style) -> Vec<String> {
    let widest = |text: fn(&ExpectationResult) -> &str| {
        summary.expectations.iter().map(|row| text::columns(text(row))).max().unwrap_or(0)
    };
    let (arms, expects) = (widest(|row| &row.arm), widest(|row| &row.expect));
    let line = |row: &ExpectationResult| {
        let mark = if row.passed { style.paint(Paint::Good, "PASS") } else { style.paint(Paint::Bad, "FAIL") };
        let (arm, expect) = (cell(&row.arm, arms), cell(&row.expect, expects));
        format!(" {mark}  {arm}  {expect}  actual {}", text::printable(&figures::actual(row)))
    };
    summary.expectations.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_whole_report_at_80_columns() {
        let (run, summary) = fixture::judged();
        let text = terminal(&run, &summary, Some(Path::new("closewait-results/20260102-login-failure")), Style::PLAIN);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        let (run, summary) = fixture::judged();
        for width in [80, 100, 160] {
            let text = terminal(&run, &summary, None, Style::new(false, width));
            let widest = text.lines().map(text::columns).max().unwrap();
            assert!(widest <= width, "{widest} columns in {width}");
        }
    }

    #[test]
    fn a_run_cut_short_is_shown_as_far_as_it_went() {
        let events = fixture::events();
        for length in [1, 2, 3, 30] {
            let run = Run::from_events(&events[..length]);
            let text = terminal(&run, &crate::verdict::summarise(&run), None, Style::PLAIN);
            assert!(text.contains("INCOMPLETE"), "{text}");
        }
    }

    #[test]
    fn colour_changes_no_word() {
        let (run, summary) = fixture::judged();
        let plain = terminal(&run, &summary, None, Style::PLAIN);
        let coloured = terminal(&run, &summary, None, Style::new(true, 80));
        assert!(coloured.contains('\u{1b}') && !plain.contains('\u{1b}'));
        let mut bare = String::new();
        let mut parts = coloured.split('\u{1b}');
        bare.push_str(parts.next().unwrap());
        parts.for_each(|part| bare.push_str(part.split_once('m').unwrap().1));
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&bare), trimmed(&plain));
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let (mut run, _) = fixture::judged();
        run.arms[0].facts.name = "\u{1b}[2Jx".into();
        run.notices.push((None, "\u{1b}[2J".into()));
        let text = terminal(&run, &crate::verdict::summarise(&run), None, Style::PLAIN);
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn arms_of_long_names_stay_apart() {
        let names = ["a-late-closer-with-many-sockets-500ms", "a-late-closer-with-many-sockets-900ms"];
        let mut events = fixture::events();
        for event in &mut events {
            let name = match event {
                crate::record::Event::ArmStarted(facts) => &mut facts.name,
                crate::record::Event::Sample { arm, .. } | crate::record::Event::ArmEnded { arm, .. } => arm,
                _ => continue,
            };
            *name = names[usize::from(name == "orderly")].to_owned();
        }
        let run = Run::from_events(&events);
        let text = terminal(&run, &crate::verdict::summarise(&run), None, Style::new(false, 80));
        for rest in ["sockets-500ms", "sockets-900ms"] {
            assert!(text.contains(rest), "{text}");
        }
        let mut short = run.arms;
        short[0].facts.name = "the-late-closer-500ms".to_owned();
        short[1].facts.name = "the-late-closer-900ms".to_owned();
        let chart = chart::over_time(&short.iter().collect::<Vec<_>>(), Style::new(false, 80)).join("\n");
        assert!(chart.contains("the-late-closer-500ms ") && chart.contains("the-late-closer-900ms "), "{chart}");
        assert!(chart.lines().all(|line| text::columns(line) <= 80), "{chart}");
    }
}
