//! Every number of the summary as tables, the arms side by side.

use maud::{Markup, html};

use crate::record::{ArmSummary, PhaseSummary, Summary};
use crate::report::comparison::differences_rows;
use crate::report::figures::{self, BothSides, Row};

pub(super) fn section(summary: &Summary) -> Markup {
    let arms = summary.shown();
    if arms.is_empty() {
        return html! {};
    }
    html! {
        section id="numbers" {
            h2 { "Numbers" }
            @if !summary.pooled.is_empty() { p { (figures::repeated(summary)) "." } }
            div.tables {
                @for pair in differences_rows(summary) { (differences(&pair, summary)) }
                (rows("Attempts", arms, &figures::attempts(arms)))
                (rows("Ports and load", arms, &[figures::ports(arms), figures::load(arms)].into_iter().flatten().collect::<Vec<_>>()))
                (sockets(arms))
                (latency(arms))
            }
        }
    }
}

/// What two repeated arms differ by; the first row is the heads.
fn differences(rows: &[[String; 6]], summary: &Summary) -> Markup {
    let Some((names, figures)) = rows.split_first() else { return html! {} };
    let heads = html! { tr { @for name in names { th scope="col" { (name) } } } };
    let body = html! {
        @for row in figures {
            tr { @for (n, cell) in row.iter().enumerate() { td.number[n > 1] { (cell) } } }
        }
    };
    let rounds = summary.comparisons.iter().map(|it| it.repetitions).min().unwrap_or(0);
    // Six columns do not fit beside another table.
    html! { div.wide { (table(&format!("Differences ({})", figures::rounds(rounds, summary)), heads, body)) } }
}

fn table(title: &str, heads: Markup, body: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(title) {
            table { caption { (title) } thead { (heads) } tbody { (body) } }
        }
    }
}

fn rows(title: &str, arms: &[ArmSummary], rows: &[Row]) -> Markup {
    let heads = html! { tr { td {} @for arm in arms { th scope="col" { (arm.name) } } } };
    let body = html! {
        @for row in rows {
            tr {
                th scope="row" { (row.label.trim()) }
                @for figure in &row.cells { td.number { (cell(&figure.text)) } }
            }
        }
    };
    table(title, heads, body)
}

/// A figure whose parts were padded for columns; the share after a count steps back.
fn cell(text: &str) -> Markup {
    let parts: Vec<_> = text.split_whitespace().collect();
    match parts.as_slice() {
        [count, share, "%"] => html! { (count) " " span.share { "(" (share) " %)" } },
        parts => html! { (parts.join(" ")) },
    }
}

fn sockets(arms: &[ArmSummary]) -> Markup {
    let heads = html! {
        tr { td {} @for arm in arms { th scope="colgroup" colspan="2" { (arm.name) } } }
        tr { td {} @for _ in arms { th scope="col" { "client" } th scope="col" { "server" } } }
    };
    let both = |side: Option<crate::record::StateSummary>| {
        side.map_or_else(
            || "-".to_owned(),
            |n| {
                if n.peak == 0 {
                    "·".to_owned()
                } else {
                    format!("{} → {}", figures::count(n.peak), figures::count(n.last))
                }
            },
        )
    };
    let states: Vec<(_, Vec<BothSides>)> = figures::states(arms);
    let body = html! {
        @for (state, arms) in &states {
            tr {
                th scope="row" { (state.to_string()) }
                @for sides in arms { @for side in sides { td.number { (both(*side)) } } }
            }
        }
    };
    table("Sockets: peak → at the end", heads, body)
}

/// A percentile of a phase, in milliseconds.
type PercentileOf = fn(&PhaseSummary) -> Option<f64>;

fn latency(arms: &[ArmSummary]) -> Markup {
    let columns: [(&str, PercentileOf); 5] = [
        ("p50", |phase| phase.p50),
        ("p90", |phase| phase.p90),
        ("p99", |phase| phase.p99),
        ("p99.9", |phase| phase.p999),
        ("max", |phase| phase.max),
    ];
    let heads = html! {
        tr {
            td {}
            @for (name, _) in &columns { th scope="col" { (name) } }
            th scope="col" { "count" }
        }
    };
    let body = html! {
        @for (phase, of_arms) in figures::phases(arms) {
            @for (arm, values) in arms.iter().zip(&of_arms).filter(|(_, values)| values.count > 0) {
                tr {
                    th scope="row" { (phase) " " span.share { (arm.name) } }
                    @for (_, of) in &columns { td.number { (figures::ms(of(values))) } }
                    td.number { (figures::count(values.count)) }
                }
            }
        }
    };
    table("Latency in ms", heads, body)
}
