//! One arm of a run: its events folded, in room that does not grow with the number of attempts.
//!
//! What a verdict rests on is kept in fields of its own; the series are for drawing, and are thinned out in a long run.

use std::collections::BTreeMap;
use std::time::Duration;

mod by_share;

pub use by_share::{ConnectsByShare, ShareGroup};

use super::{
    ArmEnd, ArmFacts, Counters, Counts, Drawn, Histogram, LatencySet, LedgerInterval, LoadInterval, Outcome, Phase,
    Sample, Series, Side, SideSample, Table, TableReason, TcpState,
};

/// One arm, folded.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmRun {
    /// What was fixed before the first attempt.
    pub facts: ArmFacts,
    /// Attempts by outcome.
    pub outcomes: Counts<Outcome>,
    /// Refused logins by the ERROR token's number.
    pub server_errors: BTreeMap<u32, u64>,
    /// Latency by phase over the whole arm.
    pub latencies: LatencySet,
    /// How late arrivals started, retries not counted.
    pub schedule_lag: Histogram,
    /// Arrivals of the schedule that fell due, retries not counted.
    pub offered: u64,
    /// Those that were started.
    pub started: u64,
    /// Retries that fell due.
    pub retries: u64,
    /// Attempts answered by the pool's blocking period.
    pub pool_blocked: u64,
    /// Capped attempts that held sockets, and not attempts under way, kept from starting.
    pub capped_by_held: u64,
    /// Attempts that a stop gave up.
    pub given_up: u64,
    /// Sockets held at each worker's last report.
    pub held: BTreeMap<u32, u64>,
    /// The most sockets that all workers held by their last reports.
    pub held_peak: u64,
    /// How long the schedule is up to its last arrival: what it was meant to take.
    pub schedule: Duration,
    /// When the last arrival was started: what it took.
    pub last_start: Duration,
    /// The highest count of each state that a table saw, by side; a side that was never observed is absent.
    pub peak: BTreeMap<Side, Counts<TcpState>>,
    /// The states in the arm's last table ([`TableReason::End`], or the latest one of a run that was cut short).
    pub last: BTreeMap<Side, Counts<TcpState>>,
    /// The most connections with an owner that a table of the client saw at once, in all states but LISTEN and TIME_WAIT.
    pub owned_peak: u64,
    /// The client's states in the table read when the first attempt found no port.
    pub at_exhaustion: Option<Counts<TcpState>>,
    /// Whether the arm's last table is the one 200 ms after its last outcome.
    pub has_final_table: bool,
    /// The counters at the first look and at the last one, by side.
    pub counters: BTreeMap<Side, (Counters, Counters)>,
    /// The most descriptors that the client's processes had open at once, as far as anything saw.
    pub descriptors_peak: Option<u64>,
    /// The client's local ports.
    pub ports: Ports,
    /// What the wire told of the connections, its intervals merged; none where there was no ledger.
    pub ledger: Option<LedgerInterval>,
    /// When the first attempt found no port.
    pub exhausted_after: Option<Duration>,
    /// How the arm ended; none when it was cut short.
    pub end: Option<ArmEnd>,
    /// Samples over time.
    pub samples: Series<Sample>,
    /// Load over time, by worker, so that thinning out never drops one worker alone.
    pub intervals: BTreeMap<u32, Series<IntervalPoint>>,
    /// Connect latency by the share of the port range in use.
    pub connects_by_share: ConnectsByShare,
}

/// The client's local ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// The most in use at once that a full table saw.
    pub table_peak: u64,
    /// The most that the counters saw at 50 Hz; 0 where they count other traffic too.
    pub counter_peak: u64,
    /// The most answered connections that were open at once by the ledger, each of which holds a port; 0 where it missed
    /// anything. Ports in TIME_WAIT are not among them.
    pub ledger_peak: u64,
}

impl Ports {
    /// The most in use at once that anything saw.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.table_peak.max(self.counter_peak).max(self.ledger_peak)
    }

    /// What saw it: a table where others saw as much, since a table counts ports and neither sockets nor connections.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self.peak() {
            peak if peak == self.table_peak => "table",
            peak if peak == self.counter_peak => "counter",
            _ => "ledger",
        }
    }
}

/// One load interval without its histograms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IntervalPoint {
    /// Which worker.
    pub worker: u32,
    /// The interval's start and end after the arm's.
    pub from: Duration,
    /// The interval's end.
    pub to: Duration,
    /// Arrivals of the schedule that fell due.
    pub offered: u64,
    /// Those that were started.
    pub started: u64,
    /// Attempts that ended, by outcome.
    pub outcomes: Counts<Outcome>,
    /// Attempts under way at its end.
    pub in_flight: u64,
    /// Sockets held at its end.
    pub held: u64,
    /// The median of the connects that succeeded, if any did.
    pub connect_p50: Option<Duration>,
    /// Their 99th percentile.
    pub connect_p99: Option<Duration>,
    /// Every phase that something came to, in order.
    pub phases: Vec<PhasePoint>,
}

/// One phase in one load interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhasePoint {
    /// The phase.
    pub phase: Phase,
    /// Its median.
    pub p50: Duration,
    /// Its 99th percentile.
    pub p99: Duration,
}

impl PhasePoint {
    fn of((phase, histogram): (Phase, &Histogram)) -> Option<Self> {
        Some(Self { phase, p50: histogram.at(0.5)?, p99: histogram.at(0.99)? })
    }
}

impl Drawn for IntervalPoint {}

impl ArmRun {
    pub(super) fn new(facts: ArmFacts) -> Self {
        Self {
            facts,
            outcomes: Counts::default(),
            server_errors: BTreeMap::new(),
            latencies: LatencySet::default(),
            schedule_lag: Histogram::default(),
            offered: 0,
            started: 0,
            retries: 0,
            pool_blocked: 0,
            capped_by_held: 0,
            held: BTreeMap::new(),
            given_up: 0,
            held_peak: 0,
            schedule: Duration::ZERO,
            last_start: Duration::ZERO,
            peak: BTreeMap::new(),
            last: BTreeMap::new(),
            owned_peak: 0,
            at_exhaustion: None,
            has_final_table: false,
            counters: BTreeMap::new(),
            descriptors_peak: None,
            ports: Ports::default(),
            ledger: None,
            exhausted_after: None,
            end: None,
            samples: Series::default(),
            intervals: BTreeMap::new(),
            connects_by_share: ConnectsByShare::default(),
        }
    }

    /// Whether the kernel's counters of the client's host count this arm's sockets alone: only in a host of its own.
    #[must_use]
    pub fn counters_are_ours(&self) -> bool {
        self.facts.sandbox == "two-hosts"
    }

    /// Local ports in use at one look at the client, where it tells: by table, or by the counters where they count this
    /// arm alone.
    #[must_use]
    pub fn ports_used(&self, client: &SideSample) -> Option<u64> {
        match &client.table {
            Some(table) => Some(u64::from(table.local_ports)),
            None => self.counters_are_ours().then(|| client.counters.in_use + client.counters.time_wait),
        }
    }

    pub(super) fn sample(&mut self, sample: &Sample) {
        for side in [Side::Client, Side::Server] {
            let Some(seen) = sample.side(side) else { continue };
            let first_and_last =
                self.counters.entry(side).or_insert_with(|| (seen.counters.clone(), seen.counters.clone()));
            first_and_last.1.clone_from(&seen.counters);
            if let Some(table) = &seen.table {
                self.table(side, table);
            }
        }
        if let Some(client) = &sample.client {
            self.client(client);
            if let Some(used) = self.ports_used(client) {
                self.connects_by_share.look(sample.at, used, self.facts.ephemeral_ports.count);
            }
        }
        self.has_final_table |= sample.has_table_of(TableReason::End);
        self.samples.push(sample.clone());
    }

    fn table(&mut self, side: Side, table: &Table) {
        self.peak.entry(side).or_default().raise(&table.states);
        // The sampler may look once more before it ends; the final table is the one that was asked for.
        if !self.has_final_table || table.reason == TableReason::End {
            self.last.insert(side, table.states.clone());
        }
    }

    fn client(&mut self, client: &SideSample) {
        if let Some(table) = &client.table {
            self.ports.table_peak = self.ports.table_peak.max(u64::from(table.local_ports));
            let owned = |state| !matches!(state, TcpState::Listen | TcpState::TimeWait);
            let owned = table.states.iter().filter(|(state, _)| owned(*state)).map(|(_, n)| n).sum();
            self.owned_peak = self.owned_peak.max(owned);
            if table.reason == TableReason::Exhausted {
                self.at_exhaustion.get_or_insert_with(|| table.states.clone());
            }
        }
        self.descriptors_peak = self.descriptors_peak.max(client.descriptors);
        if self.counters_are_ours() {
            let in_use = client.counters.in_use + client.counters.time_wait;
            self.ports.counter_peak = self.ports.counter_peak.max(in_use);
        }
    }

    pub(super) fn load(&mut self, interval: &LoadInterval) {
        self.outcomes.merge(&interval.outcomes);
        for (&number, &n) in &interval.server_errors {
            *self.server_errors.entry(number).or_insert(0) += n;
        }
        self.latencies.merge(&interval.latencies);
        self.schedule_lag.merge(&interval.schedule_lag);
        self.offered += interval.offered;
        self.started += interval.started;
        self.retries += interval.retries;
        self.pool_blocked += interval.pool_blocked;
        self.capped_by_held += interval.capped_by_held;
        self.given_up += interval.given_up;
        self.held.insert(interval.worker, interval.held);
        self.held_peak = self.held_peak.max(self.held.values().sum());
        self.schedule = self.schedule.max(interval.schedule);
        self.last_start = self.last_start.max(interval.last_start);
        self.connects_by_share.connects(&interval.connects);
        let phases: Vec<_> = interval.latencies.iter().filter_map(PhasePoint::of).collect();
        let connect = phases.iter().find(|point| point.phase == Phase::Connect);
        let room = Series::<IntervalPoint>::CAPACITY / self.facts.workers.max(1) as usize;
        let intervals = self.intervals.entry(interval.worker).or_insert_with(|| Series::with_capacity(room));
        intervals.push(IntervalPoint {
            worker: interval.worker,
            from: interval.from,
            to: interval.to,
            offered: interval.offered,
            started: interval.started,
            outcomes: interval.outcomes.clone(),
            in_flight: interval.in_flight,
            held: interval.held,
            connect_p50: connect.map(|point| point.p50),
            connect_p99: connect.map(|point| point.p99),
            phases,
        });
    }

    pub(super) fn ledger(&mut self, interval: &LedgerInterval) {
        let whole = match &mut self.ledger {
            Some(whole) => {
                whole.then(interval);
                whole
            }
            none => none.insert(interval.clone()),
        };
        // Who has missed an end believes that its port is still held.
        self.ports.ledger_peak = if whole.missed() { 0 } else { whole.open.peak };
    }

    pub(super) fn ended(&mut self, end: &ArmEnd) {
        self.connects_by_share.end();
        self.end = Some(end.clone());
    }

    pub(super) fn exhausted(&mut self, at: Duration) {
        self.exhausted_after = Some(self.exhausted_after.map_or(at, |earlier| earlier.min(at)));
    }

    /// Load over time as far as it is kept, worker by worker.
    pub fn intervals(&self) -> impl Iterator<Item = &IntervalPoint> {
        self.intervals.values().flat_map(Series::values)
    }
}

#[cfg(test)]
mod tests;
