//! Test support: an arm told step by step, as the events that a real one would leave.

use std::time::Duration;

use crate::record::{
    ArmEnd, ArmFacts, Counters, Event, Gauge, Header, Histogram, HostFacts, LedgerInterval, LoadInterval, Outcome,
    Phase, PortRangeSummary, Run, Sample, Side, SideSample, Table, TableReason, TcpState,
};

/// One arm's events; times are milliseconds after its start.
pub(super) struct Story {
    pub(super) facts: ArmFacts,
    pending: LoadInterval,
    events: Vec<Event>,
}

impl Story {
    pub(super) fn new(name: &str) -> Self {
        let facts = ArmFacts {
            name: name.into(),
            driver: "tiberius".into(),
            close: name.into(),
            target: "embedded".into(),
            sandbox: "two-hosts".into(),
            port_search: "kernel".into(),
            tcp_fin_timeout_s: 60,
            tcp_tw_reuse: 2,
            ephemeral_ports: PortRangeSummary { low: 40000, high: 41999, count: 2000 },
            repetition: None,
            server_close: Some("orderly".into()),
            faults: vec!["login-18456".into()],
            workers: 1,
            arrivals: "constant 2000/s".into(),
            planned_s: None,
            planned_attempts: Some(5000),
        };
        Self { facts, pending: LoadInterval::default(), events: Vec::new() }
    }

    pub(super) fn outcome(mut self, outcome: Outcome, n: u64) -> Self {
        self.pending.outcomes.add(outcome, n);
        self
    }

    pub(super) fn server_error(mut self, number: u32, n: u64) -> Self {
        *self.pending.server_errors.entry(number).or_insert(0) += n;
        self
    }

    pub(super) fn connects(self, took: Duration, n: u64) -> Self {
        self.phase(Phase::Connect, took, n)
    }

    pub(super) fn phase(mut self, phase: Phase, took: Duration, n: u64) -> Self {
        (0..n).for_each(|_| self.pending.latencies.record(phase, took));
        self
    }

    pub(super) fn lag(mut self, lag: Duration) -> Self {
        self.pending.schedule_lag.record(lag);
        self
    }

    pub(super) fn retries(mut self, n: u64) -> Self {
        self.pending.retries += n;
        self
    }

    pub(super) fn capped(mut self, n: u64, by_held: u64) -> Self {
        self.pending.capped_by_held += by_held;
        self.outcome(Outcome::Capped, n)
    }

    pub(super) fn held(mut self, n: u64) -> Self {
        self.pending.held = n;
        self
    }

    pub(super) fn worker(mut self, worker: u32) -> Self {
        self.pending.worker = worker;
        self
    }

    /// The last start was this late after the arm's; without it, it is on time.
    pub(super) fn behind(mut self, at: u64) -> Self {
        self.pending.last_start = Duration::from_millis(at);
        self
    }

    /// Closes the load interval that the calls before it filled.
    pub(super) fn load(mut self, from: u64, to: u64, offered: u64, started: u64) -> Self {
        let mut interval = std::mem::take(&mut self.pending);
        (interval.from, interval.to) = (Duration::from_millis(from), Duration::from_millis(to));
        (interval.offered, interval.started) = (offered, started);
        interval.schedule = interval.to;
        self.events.push(Event::Load { arm: self.facts.name.clone(), interval: Box::new(interval) });
        self
    }

    pub(super) fn ledger(mut self, interval: LedgerInterval) -> Self {
        self.events.push(Event::Ledger { arm: self.facts.name.clone(), interval: Box::new(interval) });
        self
    }

    /// The ledger of an arm that ends at `to`: how many left CLOSE_WAIT after so many milliseconds, and how many are in it for
    /// so many then.
    pub(super) fn close_waits(self, to: u64, left: &[(u64, u64)], open: &[(u64, u64)]) -> Self {
        let times = |of: &[(u64, u64)]| {
            let mut histogram = Histogram::default();
            for &(ms, n) in of {
                (0..n).for_each(|_| histogram.record(Duration::from_millis(ms)));
            }
            histogram
        };
        let (close_wait_time, ages) = (times(left), times(open));
        let (ended, now) = (close_wait_time.count(), ages.count());
        let (opened, to) = (ended + now, Duration::from_millis(to));
        let close_wait = Gauge { now, peak: opened };
        let close_wait_age = Some(ages);
        self.ledger(LedgerInterval {
            to,
            opened,
            ended,
            close_wait,
            close_wait_time,
            close_wait_age,
            ..Default::default()
        })
    }

    pub(super) fn exhausted(mut self, at: u64) -> Self {
        self.events.push(Event::Exhausted { arm: self.facts.name.clone(), at_s: Duration::from_millis(at) });
        self
    }

    pub(super) fn client(self, at: u64, states: &[(TcpState, u64)]) -> Self {
        self.table(Side::Client, at, TableReason::Periodic, states, Counters::default())
    }

    pub(super) fn server(self, at: u64, states: &[(TcpState, u64)]) -> Self {
        self.table(Side::Server, at, TableReason::Periodic, states, Counters::default())
    }

    pub(super) fn last(self, at: u64, side: Side, states: &[(TcpState, u64)]) -> Self {
        self.table(side, at, TableReason::End, states, Counters::default())
    }

    pub(super) fn counters(self, at: u64, side: Side, counters: Counters) -> Self {
        self.table(side, at, TableReason::Periodic, &[], counters)
    }

    fn table(
        mut self,
        side: Side,
        at: u64,
        reason: TableReason,
        states: &[(TcpState, u64)],
        counters: Counters,
    ) -> Self {
        let local_ports = states.iter().map(|(_, n)| u32::try_from(*n).unwrap()).sum();
        let states = states.iter().copied().collect();
        let table = Table { reason, states, local_ports, memory_bytes: None, cost: Duration::from_millis(1) };
        let seen = Some(SideSample { counters, table: Some(table), descriptors: None });
        let (client, server) = if side == Side::Client { (seen, None) } else { (None, seen) };
        let sample = Box::new(Sample { at: Duration::from_millis(at), client, server });
        self.events.push(Event::Sample { arm: self.facts.name.clone(), sample });
        self
    }

    fn events(&self) -> Vec<Event> {
        let arm = self.facts.name.clone();
        let mut events = vec![Event::ArmStarted(Box::new(self.facts.clone()))];
        events.extend(self.events.clone());
        if self.pending != LoadInterval::default() {
            events.push(Event::Load { arm: arm.clone(), interval: Box::new(self.pending.clone()) });
        }
        events.push(Event::ArmEnded { arm, end: Box::new(ArmEnd { complete: true, ..ArmEnd::default() }) });
        events
    }
}

/// A complete run of these arms with these expectations.
pub(super) fn run_of(stories: &[Story], expectations: &[&str]) -> Run {
    let header = Header {
        schema: Header::SCHEMA.into(),
        version: "0.1.0".into(),
        scenario: "told".into(),
        seed: 1,
        command: vec!["closewait".into(), "run".into()],
        started_at: "2026-01-02T03:04:05Z".into(),
        host: HostFacts { kernel: "6.18.44".into(), cores: 2, nofile: 20_000 },
        resolved: String::new(),
        expectations: expectations.iter().map(|text| (*text).to_owned()).collect(),
    };
    let mut events = vec![Event::Run(Box::new(header))];
    events.extend(stories.iter().flat_map(Story::events));
    events.push(Event::RunEnded { complete: true });
    Run::from_events(&events)
}
