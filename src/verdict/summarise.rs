//! A run to its summary: the contract's document, field by field.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::compare::comparisons;
use super::{Expectation, findings};
use crate::record::{
    ArmRun, ArmSummary, Counts, ExpectationResult, Gauge, Histogram, HostFacts, LatencySummary, LedgerInterval,
    LedgerSummary, LoadSummary, Named as _, Outcome, Phase, PhaseSummary, PortsSummary, Run, Side, SocketsSummary,
    StateSummary, Summary, TcpState,
};

/// The document that `run` becomes, judged. A run that was cut short gives one too, which has not passed.
#[must_use]
pub fn summarise(run: &Run) -> Summary {
    let arms: Vec<_> = run.arms.iter().map(arm).collect();
    let comparisons = comparisons(&arms);
    let header = run.header.as_ref();
    let expectations: Vec<_> =
        header.map_or(&[][..], |header| &header.expectations).iter().flat_map(|text| judge(text, &arms)).collect();
    Summary {
        schema: Summary::SCHEMA.to_owned(),
        scenario: header.map_or_else(String::new, |header| header.scenario.clone()),
        seed: header.map_or(0, |header| header.seed),
        merged: run.merged,
        complete: run.complete,
        host: header.map_or(HostFacts { kernel: String::new(), cores: 0, nofile: 0 }, |header| header.host.clone()),
        passed: run.complete && expectations.iter().all(|row| row.passed),
        arms,
        pooled: pooled(run),
        expectations,
        findings: findings(run, &comparisons),
        comparisons,
        notices: run.notices.iter().map(|(arm, text)| notice(arm.as_deref(), text)).collect(),
    }
}

/// The arms of each name as one, in a run that repeats any.
fn pooled(run: &Run) -> Vec<ArmSummary> {
    if run.arms.iter().all(|arm| arm.facts.repetition.is_none()) {
        return Vec::new();
    }
    run.arms_by_name().iter().filter_map(|(_, arms)| ArmRun::pooled(arms)).map(|pooled| arm(&pooled)).collect()
}

/// A text that cannot be read fails as a row of its own: a kept result may come from another version.
fn judge(text: &str, arms: &[ArmSummary]) -> Vec<ExpectationResult> {
    match text.parse::<Expectation>() {
        Ok(expectation) => expectation.judge(arms),
        Err(_) => {
            let (arm, expect) = (String::new(), text.to_owned());
            vec![ExpectationResult { arm, expect, passed: false, failed_in: Vec::new(), actual: Value::Null }]
        }
    }
}

fn notice(arm: Option<&str>, text: &str) -> String {
    arm.map_or_else(|| text.to_owned(), |arm| format!("{arm}: {text}"))
}

fn arm(run: &ArmRun) -> ArmSummary {
    let facts = &run.facts;
    let end = run.end.clone().unwrap_or_default();
    ArmSummary {
        name: facts.name.clone(),
        repetition: facts.repetition,
        driver: facts.driver.clone(),
        close: facts.close.clone(),
        target: facts.target.clone(),
        sandbox: facts.sandbox.clone(),
        port_search: facts.port_search.clone(),
        tcp_fin_timeout_s: facts.tcp_fin_timeout_s,
        tcp_tw_reuse: facts.tcp_tw_reuse,
        ephemeral_ports: facts.ephemeral_ports,
        complete: end.complete,
        attempts: run.outcomes.total(),
        outcomes: run.outcomes.clone(),
        outcomes_pct: shares(&run.outcomes),
        server_errors: run.server_errors.iter().map(|(number, n)| (number.to_string(), *n)).collect(),
        sockets: SocketsSummary { client: side(run, Side::Client), server: side(run, Side::Server) },
        ports: ports(run),
        ledger: run.ledger.as_ref().map(ledger),
        latency_ms: latency(run),
        load: load(run),
        cpu: end.cpu,
        sampling: end.sampling,
    }
}

/// Three decimals, so that 4,999 of 5,000 does not read as all of them.
fn shares(outcomes: &Counts<Outcome>) -> BTreeMap<Outcome, f64> {
    let all = outcomes.total() as f64;
    outcomes.iter().map(|(outcome, n)| (outcome, rounded(n as f64 * 100.0 / all, 3))).collect()
}

/// Every state of a side that was observed, and nothing of one that was not.
fn side(run: &ArmRun, side: Side) -> BTreeMap<String, StateSummary> {
    let Some(peak) = run.peak.get(&side) else { return BTreeMap::new() };
    let last = run.last.get(&side).cloned().unwrap_or_default();
    let summary = |state| StateSummary { peak: peak.of(state), last: last.of(state) };
    TcpState::ALL.iter().map(|state| (state.name().to_owned(), summary(*state))).collect()
}

fn ports(run: &ArmRun) -> PortsSummary {
    let available = run.facts.ephemeral_ports.count;
    let peak = run.ports.peak();
    // Three decimals, so that 28,231 of 28,232 does not read as all of them.
    let peak_pct = if available == 0 { 0.0 } else { rounded(peak as f64 * 100.0 / f64::from(available), 3) };
    PortsSummary {
        available,
        peak,
        peak_pct,
        peak_source: run.ports.source().to_owned(),
        exhausted: run.exhausted_after.is_some() || run.outcomes.of(Outcome::PortsExhausted) > 0,
        exhausted_after_s: run.exhausted_after.map(|after| rounded(after.as_secs_f64(), 3)),
    }
}

fn ledger(told: &LedgerInterval) -> LedgerSummary {
    let state = |gauge: Gauge| StateSummary { peak: gauge.peak, last: gauge.now };
    LedgerSummary {
        connections: told.opened,
        answered: told.answered,
        refused: told.refused,
        closed_first: told.closed_first,
        never_closed: told.open.now,
        replaced: told.replaced,
        established: state(told.established),
        close_wait: state(told.close_wait),
        close_wait_ms: phase_summary(&told.close_wait_time),
        close_wait_open_ms: told.close_wait_age.as_ref().map_or_else(PhaseSummary::default, phase_summary),
        fin_wait_2_ms: phase_summary(&told.fin_wait_2_time),
        fin_wait_2_expired: told.fin_wait_2_expired,
        lifetime_ms: phase_summary(&told.lifetime),
        lost: told.lost,
        omitted: told.omitted,
    }
}

fn latency(run: &ArmRun) -> LatencySummary {
    let of = |phase| run.latencies.of(phase).map_or_else(PhaseSummary::default, phase_summary);
    LatencySummary {
        connect: of(Phase::Connect),
        connect_failed: of(Phase::ConnectFailed),
        prelogin: of(Phase::Prelogin),
        tls: of(Phase::Tls),
        login: of(Phase::Login),
        close: of(Phase::Close),
        total: of(Phase::Total),
    }
}

fn phase_summary(histogram: &Histogram) -> PhaseSummary {
    let at = |quantile| histogram.at(quantile).map(millis);
    PhaseSummary {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: histogram.max().map(millis),
        count: histogram.count(),
    }
}

fn load(run: &ArmRun) -> LoadSummary {
    let per_second =
        |n: u64, span: Duration| if span.is_zero() { 0.0 } else { rounded(n as f64 / span.as_secs_f64(), 1) };
    LoadSummary {
        offered_per_s: per_second(run.offered, run.schedule),
        achieved_per_s: per_second(run.started, run.schedule.max(run.last_start)),
        schedule_lag_p99_ms: run.schedule_lag.at(0.99).map(millis),
        capped: run.outcomes.of(Outcome::Capped),
        retries: run.retries,
        pool_blocked: run.pool_blocked,
        given_up: run.given_up,
        workers: run.facts.workers,
        held: run.held.values().sum(),
    }
}

/// Milliseconds to a tenth of a microsecond, the finest that a histogram tells.
fn millis(value: Duration) -> f64 {
    rounded(value.as_secs_f64() * 1000.0, 4)
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::fixture::{Story, run_of};

    fn leaky() -> Story {
        Story::new("leaky")
            .outcome(Outcome::LoginRejected, 1999)
            .outcome(Outcome::PortsExhausted, 1)
            .server_error(18456, 1999)
            .connects(Duration::from_micros(100), 1999)
            .load(0, 1000, 2000, 1990)
            .client(900, &[(TcpState::CloseWait, 1999)])
            .server(900, &[(TcpState::FinWait2, 1999)])
            .exhausted(999)
            .client(1200, &[(TcpState::CloseWait, 1990)])
    }

    #[test]
    fn every_number_finds_its_place() {
        let summary = summarise(&run_of(&[leaky()], &["leaky: ports.exhausted == true"]));
        let arm = &summary.arms[0];
        assert_eq!((arm.attempts, arm.server_errors["18456"], arm.complete), (2000, 1999, true));
        assert_eq!(arm.sockets.client.len(), TcpState::ALL.len());
        assert_eq!(arm.sockets.client["close_wait"], StateSummary { peak: 1999, last: 1990 });
        assert_eq!(arm.sockets.server["fin_wait_2"].peak, 1999);
        assert_eq!((arm.ports.peak, arm.ports.peak_pct, arm.ports.exhausted_after_s), (1999, 99.95, Some(0.999)));
        assert_eq!((arm.load.offered_per_s, arm.load.achieved_per_s), (2000.0, 1990.0));
        assert_eq!((arm.latency_ms.connect.p50, arm.latency_ms.connect.count), (Some(0.1), 1999));
        assert_eq!((arm.latency_ms.tls.p50, arm.latency_ms.tls.count), (None, 0));
        assert!(summary.passed && summary.expectations[0].passed);
    }

    #[test]
    fn the_ledger_is_told_where_there_was_one() {
        let time = |millis: &[u64]| {
            let mut histogram = Histogram::default();
            millis.iter().for_each(|ms| histogram.record(Duration::from_millis(*ms)));
            histogram
        };
        let first = LedgerInterval {
            opened: 7,
            answered: 6,
            refused: 1,
            open: Gauge { now: 6, peak: 2500 },
            close_wait: Gauge { now: 6, peak: 6 },
            ..LedgerInterval::default()
        };
        let second = LedgerInterval {
            open: Gauge { now: 4, peak: 6 },
            close_wait: Gauge { now: 4, peak: 6 },
            close_wait_time: time(&[20, 30]),
            close_wait_age: Some(time(&[500])),
            ..LedgerInterval::default()
        };
        let told = leaky().ledger(first.clone()).ledger(second.clone());
        let summary = summarise(&run_of(&[told], &["ledger.close_wait_ms.p50 < 25", "ledger.never_closed == 4"]));
        let arm = &summary.arms[0];
        let ledger = arm.ledger.as_ref().unwrap();
        assert_eq!((ledger.connections, ledger.refused, ledger.never_closed), (7, 1, 4));
        assert_eq!(ledger.close_wait, StateSummary { peak: 6, last: 4 });
        assert_eq!((ledger.close_wait_ms.count, ledger.close_wait_open_ms.count), (2, 1));
        assert!(summary.passed, "{:?}", summary.expectations);
        // More than any table saw, and nothing was missed.
        assert_eq!((arm.ports.peak, arm.ports.peak_source.as_str()), (2500, "ledger"));
        let lossy = LedgerInterval { lost: 1, ..second };
        let arm = &summarise(&run_of(&[leaky().ledger(first).ledger(lossy)], &[])).arms[0];
        assert_eq!((arm.ports.peak, arm.ports.peak_source.as_str()), (1999, "table"));
        // Without a ledger nothing is 0: nothing was observed.
        let summary = summarise(&run_of(&[leaky()], &["ledger.never_closed == 0"]));
        assert_eq!(
            (&summary.arms[0].ledger, summary.passed, &summary.expectations[0].actual),
            (&None, false, &Value::Null)
        );
    }

    #[test]
    fn a_generator_that_falls_behind_offers_more_than_it_achieves() {
        let rates = |story: Story| {
            let load = summarise(&run_of(&[story], &[])).arms[0].load;
            (load.offered_per_s, load.achieved_per_s)
        };
        // 40,000 a second were asked for; two workers needed 400 ms for what should have taken 125.
        let behind = Story::new("behind").worker(0).behind(390).load(0, 125, 2500, 2500);
        assert_eq!(rates(behind.worker(1).behind(400).load(0, 124, 2500, 2500)), (40_000.0, 12_500.0));
        assert_eq!(rates(Story::new("single").behind(0).load(0, 100, 1, 1)), (10.0, 10.0));
        assert_eq!(rates(Story::new("burst").behind(3).load(0, 1000, 300, 290)), (300.0, 290.0));
        assert_eq!(rates(Story::new("retries").retries(900).load(0, 1000, 300, 300)), (300.0, 300.0));
        assert_eq!(rates(Story::new("none").load(0, 0, 0, 0)), (0.0, 0.0));
    }

    #[test]
    fn a_run_cut_short_has_not_passed() {
        let mut run = run_of(&[leaky()], &["leaky: ports.exhausted == true"]);
        run.complete = false;
        assert!(!summarise(&run).passed);
        assert!(!summarise(&Run::default()).passed);
    }

    #[test]
    fn a_side_that_nobody_watched_is_empty() {
        let story = Story::new("remote").client(10, &[(TcpState::CloseWait, 3)]);
        let arm = &summarise(&run_of(&[story], &[])).arms[0];
        assert!(arm.sockets.server.is_empty() && !arm.sockets.client.is_empty());
    }

    #[test]
    fn an_unreadable_expectation_fails() {
        let summary = summarise(&run_of(&[leaky()], &["what is this"]));
        assert!(!summary.passed && summary.expectations[0].expect == "what is this");
    }
}
