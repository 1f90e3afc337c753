//! What a worker did since its last report.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::Ended;
use crate::record::{ConnectSlice, Counts, Histogram, LatencySet, LoadInterval, Outcome, Phase};
use crate::units::Monotonic;

/// Counts and histograms of one interval; emptied by each report.
///
/// Every attempt that it is told of, an arrival or a retry, is told once more when it ends: started and ended, given up,
/// capped or blocked.
#[derive(Debug, Default)]
pub(super) struct Tally {
    offered: u64,
    schedule: Duration,
    started: u64,
    last_start: Duration,
    outcomes: Counts<Outcome>,
    server_errors: BTreeMap<u32, u64>,
    retries: u64,
    pool_blocked: u64,
    capped_by_held: u64,
    given_up: u64,
    latencies: LatencySet,
    schedule_lag: Histogram,
    connects: BTreeMap<u32, ConnectSlice>,
}

impl Tally {
    /// An arrival of the schedule fell due; up to it the schedule is this long.
    pub(super) fn arrive(&mut self, schedule: Duration) {
        self.offered += 1;
        self.schedule = schedule;
    }

    /// A retry fell due.
    pub(super) fn retry(&mut self) {
        self.retries += 1;
    }

    /// An arrival was started at `at` after the arm's start, and this long after its intended start.
    pub(super) fn start(&mut self, at: Duration, lag: Duration) {
        self.started += 1;
        self.last_start = at;
        self.schedule_lag.record(lag);
    }

    /// A cap kept an attempt from starting; `by_held` where sockets that are held had filled it, and not attempts.
    pub(super) fn cap(&mut self, by_held: bool) {
        self.capped_by_held += u64::from(by_held);
        self.outcomes.add(Outcome::Capped, 1);
    }

    /// The pool's blocking period answered an attempt, with the failure that it keeps: it took no time at all, and has no
    /// latency.
    pub(super) fn blocked(&mut self, cached: Outcome) {
        self.pool_blocked += 1;
        self.outcomes.add(cached, 1);
    }

    /// An attempt was given up before it had an outcome of its own.
    pub(super) fn give_up(&mut self) {
        self.given_up += 1;
        self.outcomes.add(Outcome::Other, 1);
    }

    /// An attempt of the arm that started at `start` had its outcome.
    pub(super) fn end(&mut self, start: Monotonic, intended: Monotonic, ended: &Ended) {
        self.outcomes.add(ended.outcome, 1);
        if let Some(number) = ended.server_error {
            *self.server_errors.entry(number).or_insert(0) += 1;
        }
        for (phase, span) in ended.timings.iter() {
            self.latencies.record(phase, span);
            self.connect(phase, ended.began.since(start), span);
        }
        self.latencies.record(Phase::Total, ended.at.since(intended));
    }

    /// Counts a connect to the slice of time in which it began.
    fn connect(&mut self, phase: Phase, began: Duration, span: Duration) {
        if !matches!(phase, Phase::Connect | Phase::ConnectFailed) {
            return;
        }
        let length = ConnectSlice::LENGTH;
        let index = u32::try_from(began.as_nanos() / length.as_nanos()).unwrap_or(u32::MAX);
        let slice = self.connects.entry(index).or_default();
        slice.at = (length * index).saturating_add(length / 2);
        if phase == Phase::Connect { slice.connect.record(span) } else { slice.failed.record(span) }
    }

    /// A connection was closed, this long after its attempt's outcome.
    pub(super) fn close(&mut self, span: Duration) {
        self.latencies.record(Phase::Close, span);
    }

    /// Whether there is nothing to report.
    pub(super) fn is_empty(&self) -> bool {
        self.offered == 0
            && self.retries == 0
            && self.outcomes.total() == 0
            && self.latencies.iter().next().is_none()
            && self.started == 0
    }

    /// Hands over what was counted and starts anew.
    pub(super) fn take(
        &mut self,
        worker: u32,
        from: Duration,
        to: Duration,
        in_flight: u64,
        held: u64,
    ) -> LoadInterval {
        let tally = std::mem::take(self);
        LoadInterval {
            worker,
            from,
            to,
            offered: tally.offered,
            schedule: tally.schedule,
            started: tally.started,
            last_start: tally.last_start,
            outcomes: tally.outcomes,
            server_errors: tally.server_errors,
            retries: tally.retries,
            pool_blocked: tally.pool_blocked,
            capped_by_held: tally.capped_by_held,
            given_up: tally.given_up,
            latencies: tally.latencies,
            schedule_lag: tally.schedule_lag,
            in_flight,
            held,
            connects: tally.connects.into_values().collect(),
        }
    }
}
