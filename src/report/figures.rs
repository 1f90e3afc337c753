//! The figures of arms as rows of text, one cell an arm: what the terminal and Markdown both show.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::record::{
    ArmSummary, ExpectationResult, LedgerSummary, Named as _, Outcome, PhaseSummary, StateSummary, Summary, TcpState,
};
use crate::units::Count;

/// One row: a label, and a figure for each arm.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) cells: Vec<Figure>,
}

/// A figure as text, with its share of the whole (0 to 1) where it has one.
#[derive(Default)]
pub(super) struct Figure {
    pub(super) text: String,
    pub(super) share: Option<f64>,
}

impl Figure {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), share: None }
    }
}

fn row(label: impl Into<String>, arms: &[ArmSummary], cell: impl Fn(&ArmSummary) -> Figure) -> Row {
    Row { label: label.into(), cells: arms.iter().map(cell).collect() }
}

/// Attempts, their outcomes, and the server's errors.
pub(super) fn attempts(arms: &[ArmSummary]) -> Vec<Row> {
    let mut rows = vec![row("attempts", arms, |arm| Figure::text(Count(arm.attempts).to_string()))];
    for &outcome in Outcome::ALL {
        if arms.iter().any(|arm| arm.outcomes.of(outcome) > 0) {
            rows.push(row(format!(" {}", outcome.name()), arms, |arm| part(arm.outcomes.of(outcome), arm.attempts)));
        }
    }
    let numbers: BTreeSet<_> = arms.iter().flat_map(|arm| arm.server_errors.keys()).collect();
    for number in numbers {
        let cell = |arm: &ArmSummary| Figure::text(count(arm.server_errors.get(number).copied().unwrap_or(0)));
        rows.push(row(format!("error {number}"), arms, cell));
    }
    rows
}

/// The client's ports.
pub(super) fn ports(arms: &[ArmSummary]) -> Vec<Row> {
    let used = |arm: &ArmSummary| {
        let (peak, available) = (arm.ports.peak, u64::from(arm.ports.available));
        let share = (available > 0).then(|| peak as f64 / available as f64);
        Figure { text: format!("{} of {}", Count(peak), Count(available)), share }
    };
    let ran_out = |arm: &ArmSummary| {
        Figure::text(match (arm.ports.exhausted, arm.ports.exhausted_after_s) {
            (true, Some(after)) => format!("after {after:.2} s"),
            (true, None) => "yes".to_owned(),
            (false, _) => "never".to_owned(),
        })
    };
    vec![row("ports used", arms, used), row("ports ran out", arms, ran_out)]
}

/// A count of an arm.
type CountOf = fn(&ArmSummary) -> u64;

/// A phase of an arm.
type PhaseOf = fn(&ArmSummary) -> PhaseSummary;

/// What the load generator reached, and what it cost.
pub(super) fn load(arms: &[ArmSummary]) -> Vec<Row> {
    let mut rows = vec![
        row(" offered", arms, |arm| Figure::text(per_second(arm.load.offered_per_s))),
        row(" achieved", arms, |arm| Figure::text(per_second(arm.load.achieved_per_s))),
        row(" lag p99", arms, |arm| Figure::text(with_unit(&ms(arm.load.schedule_lag_p99_ms), "ms"))),
    ];
    let counts: [(&str, CountOf); 5] = [
        (" capped", |arm| arm.load.capped),
        (" retries", |arm| arm.load.retries),
        (" pool blocked", |arm| arm.load.pool_blocked),
        (" given up", |arm| arm.load.given_up),
        (" held at the end", |arm| arm.load.held),
    ];
    for (label, of) in counts {
        if arms.iter().any(|arm| of(arm) > 0) {
            rows.push(row(label, arms, |arm| Figure::text(count(of(arm)))));
        }
    }
    rows.push(row(" cpu load", arms, |arm| cpu(arm.cpu.load_s)));
    rows.push(row(" cpu server", arms, |arm| cpu(arm.cpu.server_s)));
    rows.push(row(" cpu sampler", arms, |arm| cpu(arm.cpu.sampler_s + arm.cpu.sampler_tables_s)));
    if arms.iter().any(|arm| arm.ledger.is_some()) {
        rows.push(row(" cpu ledger", arms, |arm| cpu(arm.cpu.ledger_s)));
    }
    rows
}

/// What the wire told of each arm that has a ledger: its name, and a sentence.
pub(super) fn ledgers(arms: &[ArmSummary]) -> Vec<(&str, String)> {
    arms.iter().filter_map(|arm| Some((arm.name.as_str(), told(arm.ledger.as_ref()?)))).collect()
}

fn told(ledger: &LedgerSummary) -> String {
    let first = &ledger.closed_first;
    let ways = [
        ("client FIN", first.client_fin),
        ("client RST", first.client_rst),
        ("server FIN", first.server_fin),
        ("server RST", first.server_rst),
    ];
    let ways: Vec<_> = ways.iter().filter(|(_, n)| *n > 0).map(|(way, n)| format!("{way} {}", Count(*n))).collect();
    let mut text = format!("{} connections", Count(ledger.connections));
    if !ways.is_empty() {
        text += &format!(", first closed by {}", ways.join(", "));
    }
    let lasted = &ledger.close_wait_ms;
    if lasted.count > 0 {
        let [p50, p99, max] = [lasted.p50, lasted.p99, lasted.max].map(|value| with_unit(&ms(value), "ms"));
        text += &format!("; CLOSE_WAIT lasted p50 {p50}, p99 {p99}, max {max}");
    }
    match (ledger.close_wait.last, ledger.never_closed) {
        (0, 0) => {}
        (0, open) => text += &format!("; {} still open at the end", Count(open)),
        (stuck, _) => text += &format!("; CLOSE_WAIT of {} never ended", Count(stuck)),
    }
    if let Some(expired @ 1..) = ledger.fin_wait_2_expired {
        text += &format!("; FIN_WAIT_2 of {} ended by tcp_fin_timeout", Count(expired));
    }
    if ledger.lost + ledger.omitted > 0 {
        text += &format!("; {} segments and {} SYN are not in it", Count(ledger.lost), Count(ledger.omitted));
    }
    text
}

/// CPU time; a dot where none was told: another's server, or an arm that was cut short.
fn cpu(seconds: f64) -> Figure {
    Figure::text(if seconds > 0.0 { format!("{seconds:.2} s") } else { "·".to_owned() })
}

/// A state's counts in one arm: on the client, then on the server; none where a side was not observed.
pub(super) type BothSides = [Option<StateSummary>; 2];

/// Every TCP state that a connection of any arm was seen in; a listener is none.
pub(super) fn states(arms: &[ArmSummary]) -> Vec<(TcpState, Vec<BothSides>)> {
    let of = |arm: &ArmSummary, state: TcpState| {
        [&arm.sockets.client, &arm.sockets.server]
            .map(|side| (!side.is_empty()).then(|| side.get(state.name()).copied().unwrap_or_default()))
    };
    let states = TcpState::ALL.iter().filter(|state| **state != TcpState::Listen);
    let rows = states.map(|&state| (state, arms.iter().map(|arm| of(arm, state)).collect::<Vec<_>>()));
    let seen = |sides: &BothSides| sides.iter().flatten().any(|counts| counts.peak > 0 || counts.last > 0);
    rows.filter(|(_, arms)| arms.iter().any(seen)).collect()
}

/// Every phase that an attempt of any arm came to.
pub(super) fn phases(arms: &[ArmSummary]) -> Vec<(&'static str, Vec<PhaseSummary>)> {
    let all: [(_, PhaseOf); 7] = [
        ("connect", |arm| arm.latency_ms.connect),
        ("connect_failed", |arm| arm.latency_ms.connect_failed),
        ("prelogin", |arm| arm.latency_ms.prelogin),
        ("tls", |arm| arm.latency_ms.tls),
        ("login", |arm| arm.latency_ms.login),
        ("close", |arm| arm.latency_ms.close),
        ("total", |arm| arm.latency_ms.total),
    ];
    let rows = all.map(|(name, of)| (name, arms.iter().map(of).collect::<Vec<_>>()));
    rows.into_iter().filter(|(_, arms)| arms.iter().any(|phase| phase.count > 0)).collect()
}

/// How a run that repeats its arms is to be read.
pub(super) fn repeated(summary: &Summary) -> String {
    let times = |name: &str| summary.arms.iter().filter(|arm| arm.name == name).count();
    let arms: Vec<_> = summary.pooled.iter().map(|arm| format!("{} {} times", arm.name, times(&arm.name))).collect();
    let results = summary.merged.map_or_else(String::new, |results| format!(" in {results} separate results"));
    format!(
        "{}{results}: counts add up, percentiles are those of all values together, peaks and last tables are the highest",
        arms.join(", ")
    )
}

/// How the repetitions of a comparison were played.
pub(super) fn rounds(rounds: u32, summary: &Summary) -> String {
    match summary.merged {
        None => format!("{rounds} rounds in turns"),
        Some(results) => format!("{rounds} repetitions, of {results} separate results"),
    }
}

/// What became of the run, in one line.
pub(super) fn verdict(summary: &Summary) -> String {
    let (all, failed) = (summary.expectations.len(), summary.expectations.iter().filter(|row| !row.passed).count());
    let expectations = match (all, failed) {
        (0, _) => "there are no expectations to fail".to_owned(),
        (1, 0) => "its expectation holds".to_owned(),
        (_, 0) => format!("all {all} expectations hold"),
        (_, _) => format!("{failed} of {all} expectations failed"),
    };
    match (summary.passed, summary.complete) {
        (true, _) => format!("PASSED: {expectations}"),
        (false, true) => format!("FAILED: {expectations}"),
        (false, false) if all == 0 => "INCOMPLETE: the run was cut short".to_owned(),
        (false, false) => format!("INCOMPLETE: the run was cut short; {expectations} as far as it went"),
    }
}

/// A document's value for a person.
pub(super) fn actual(row: &ExpectationResult) -> String {
    let value = plain(&row.actual);
    match row.failed_in.as_slice() {
        [] => value,
        [one] => format!("{value} in repetition {one}"),
        [first, rest @ ..] => format!("{value} in repetition {first}, and in {} more", rest.len()),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "not observed".to_owned(),
        Value::String(text) => text.clone(),
        value => value.as_u64().map_or_else(|| value.to_string(), |count| Count(count).to_string()),
    }
}

/// A count; a dot for none, so that the others stand out.
pub(super) fn count(count: u64) -> String {
    if count == 0 { "·".to_owned() } else { Count(count).to_string() }
}

/// Milliseconds in five characters at the most: three digits that count, and seconds from ten thousand on.
pub(super) fn ms(value: Option<f64>) -> String {
    match value {
        None => "·".to_owned(),
        Some(ms) if ms < 9.9995 => format!("{ms:.3}"),
        Some(ms) if ms < 99.995 => format!("{ms:.2}"),
        Some(ms) if ms < 999.95 => format!("{ms:.1}"),
        Some(ms) if ms < 9999.5 => Count(ms.round() as u64).to_string(),
        Some(ms) if ms < 99_950.0 => format!("{:.1}s", ms / 1000.0),
        Some(ms) => format!("{:.0}s", ms / 1000.0),
    }
}

/// Seconds since a start: hundredths while they count.
pub(super) fn seconds(value: Option<f64>) -> String {
    match value {
        None => "·".to_owned(),
        Some(s) if s < 99.995 => format!("{s:.2}"),
        Some(s) if s < 999.95 => format!("{s:.1}"),
        Some(s) => Count(s.round() as u64).to_string(),
    }
}

/// A figure with its unit, unless it says that there is none or has one already.
pub(super) fn with_unit(text: &str, unit: &str) -> String {
    if text == "·" || text.ends_with('s') { text.to_owned() } else { format!("{text} {unit}") }
}

/// `one`, `one and two`, `one, two and three`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn per_second(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1} /s") } else { format!("{} /s", Count(rate.round() as u64)) }
}

/// A count with its share of `whole`; only a share of exactly all reads 100 %, and only none reads 0 %.
fn part(n: u64, whole: u64) -> Figure {
    if n == 0 {
        return Figure::text("·");
    }
    let share = n as f64 / whole.max(n) as f64;
    let percent = match share * 100.0 {
        pct if n >= whole => format!("{pct:.0} %"),
        pct if pct < 1.0 => "<1 %".to_owned(),
        pct if pct > 99.0 => ">99 %".to_owned(),
        pct => format!("{pct:.0} %"),
    };
    Figure { text: format!("{} {percent:>6}", Count(n)), share: Some(share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_keep_to_five_characters() {
        for (value, text) in [
            (0.0001, "0.000"),
            (0.0174, "0.017"),
            (9.9996, "10.00"),
            (99.996, "100.0"),
            (999.96, "1,000"),
            (9999.7, "10.0s"),
            (3_600_000.0, "3600s"),
        ] {
            assert_eq!(ms(Some(value)), text, "{value}");
        }
    }

    #[test]
    fn a_share_never_rounds_to_all_or_nothing() {
        for (n, whole, ends) in [(2000, 5000, "40 %"), (4999, 5000, ">99 %"), (1, 5000, "<1 %"), (5, 5, "100 %")] {
            assert!(part(n, whole).text.ends_with(ends), "{n} of {whole}: {}", part(n, whole).text);
        }
    }

    #[test]
    fn a_ledger_is_a_sentence() {
        let phase = |ms| PhaseSummary {
            p50: Some(ms),
            p99: Some(ms * 10.0),
            max: Some(20_000.0),
            count: 1,
            ..Default::default()
        };
        let mut ledger = LedgerSummary { connections: 2000, ..LedgerSummary::default() };
        assert_eq!(told(&ledger), "2,000 connections");
        ledger.never_closed = 3;
        assert_eq!(told(&ledger), "2,000 connections; 3 still open at the end");
        (ledger.closed_first.server_fin, ledger.closed_first.client_rst) = (1990, 10);
        (ledger.close_wait_ms, ledger.close_wait.last, ledger.lost) = (phase(0.25), 1500, 7);
        ledger.fin_wait_2_expired = Some(1200);
        assert_eq!(
            told(&ledger),
            "2,000 connections, first closed by client RST 10, server FIN 1,990; CLOSE_WAIT lasted p50 0.250 ms, p99 2.500 ms, \
             max 20.0s; CLOSE_WAIT of 1,500 never ended; FIN_WAIT_2 of 1,200 ended by tcp_fin_timeout; 7 segments and 0 SYN are not in it"
        );
    }

    #[test]
    fn the_verdict_counts_what_failed() {
        let (_, mut summary) = super::super::fixture::judged();
        assert_eq!(verdict(&summary), "PASSED: all 7 expectations hold");
        summary.expectations[0].passed = false;
        summary.passed = false;
        assert_eq!(verdict(&summary), "FAILED: 1 of 7 expectations failed");
        summary.complete = false;
        assert!(verdict(&summary).starts_with("INCOMPLETE: "));
    }
}
