//! The page: what became of the run first, then why, then the plots, then every number.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::places::Place;
use super::plot::{Figure, Panel};
use super::{policy, repeat, tables};
use crate::record::{Finding, Named as _, Run, Summary};
use crate::report::figures::{actual, verdict};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("behaviour.js");

pub(super) fn page(run: &Run, summary: &Summary, figures: &[Figure], places: &[Option<Place>]) -> Markup {
    let title = format!("closewait: {}", summary.scenario);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy::policy(SCRIPT));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "closewait " (env!("CARGO_PKG_VERSION")) };
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(run, summary))
                main {
                    (findings(summary, figures, places))
                    (expectations(summary))
                    @if !figures.is_empty() {
                        section id="plots" {
                            h2 { "Over time" }
                            @for figure in figures { (figure.markup()) }
                        }
                    }
                    (tables::section(summary))
                    (repeat::section(run, summary))
                }
                script type="application/json" id="data" { (PreEscaped(data(figures))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn header(run: &Run, summary: &Summary) -> Markup {
    let class = match (summary.passed, summary.complete) {
        (true, _) => "passed",
        (false, true) => "failed",
        (false, false) => "incomplete",
    };
    let words = verdict(summary);
    let (badge, rest) = words.split_once(": ").unwrap_or((&words, ""));
    html! {
        header {
            p.kicker { "closewait" }
            h1 { (summary.scenario) }
            p.verdict { span.badge.(class) { (badge) } " " (rest) }
            p.facts {
                @if let Some(header) = &run.header { span { (day(&header.started_at)) } span { "closewait " (header.version) } }
                span { "Linux " (summary.host.kernel) }
                span { (summary.host.cores) " cores" }
                span { "seed " (summary.seed) }
            }
        }
    }
}

/// `2026-01-02 03:04:05 UTC`
fn day(started_at: &str) -> String {
    started_at.replace('T', " ").replace('Z', " UTC")
}

fn findings(summary: &Summary, figures: &[Figure], places: &[Option<Place>]) -> Markup {
    if summary.findings.is_empty() && summary.notices.is_empty() {
        return html! {};
    }
    html! {
        section id="findings" {
            h2 { "Findings" }
            ol.findings {
                @for (index, finding) in summary.findings.iter().enumerate() {
                    (one(index + 1, finding, figures, places.get(index).and_then(Option::as_ref)))
                }
            }
            @if !summary.notices.is_empty() { ul.notices { @for notice in &summary.notices { li { (notice) } } } }
        }
    }
}

fn one(number: usize, finding: &Finding, figures: &[Figure], place: Option<&Place>) -> Markup {
    // A panel may be missing: a side that was not observed has none.
    let figure = place.and_then(|place| figures.iter().find(|f| f.panels.iter().any(|panel| panel.id == place.panel)));
    html! {
        li.(finding.severity.name()) id={ "finding-" (number) } {
            p.title {
                span.number aria-hidden="true" { (number) }
                span.severity { (finding.severity.name()) }
                code { (finding.id) }
                @if let Some(arm) = &finding.arm { span.arm { (arm) } }
            }
            p { (finding.text) }
            @if let (Some(place), Some(figure)) = (place, figure) {
                a.show href={ "#" (place.panel) } data-finding=(number) data-keys=(place.keys.join(" ")) {
                    "See it in the plot: " (figure.title)
                    @if let Some((from, to)) = place.stretch { (stretch(figure, from, to)) }
                }
            }
        }
    }
}

/// `, from 1.00 s`
fn stretch(figure: &Figure, from: f64, to: f64) -> String {
    match (figure.id, to > from) {
        ("share", _) => format!(", from {from:.0} % on"),
        (_, true) => format!(", from {from:.2} s"),
        (_, false) => format!(", at {from:.2} s"),
    }
}

fn expectations(summary: &Summary) -> Markup {
    if summary.expectations.is_empty() {
        return html! {};
    }
    html! {
        section id="expectations" {
            h2 { "Expectations" }
            div.scroll tabindex="0" role="group" aria-label="Expectations" {
                table.expectations {
                    thead { tr { th scope="col" { "verdict" } th scope="col" { "arm" } th scope="col" { "expectation" } th.number scope="col" { "actual" } } }
                    tbody {
                        @for row in &summary.expectations {
                            tr.pass[row.passed].fail[!row.passed] {
                                td { span.mark-verdict { (if row.passed { "✓ pass" } else { "✗ fail" }) } }
                                td { (row.arm) }
                                td { code { (row.expect) } }
                                td.number { (actual(row)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The values that the script shows, as JSON that cannot end its element.
fn data(figures: &[Figure]) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        figures: Vec<Drawn<'a>>,
    }
    #[derive(Serialize)]
    struct Drawn<'a> {
        id: &'a str,
        panels: &'a [Panel],
    }
    let figures = figures.iter().map(|figure| Drawn { id: figure.id, panels: &figure.panels }).collect();
    let text = serde_json::to_string(&Data { figures }).expect("numbers and names are always JSON");
    text.replace('<', "\\u003c")
}
