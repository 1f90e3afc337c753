//! What rules ask an arm: plain readings, none of which judges.

use std::time::Duration;

use crate::record::{ArmRun, Counters, Histogram, Outcome, Side, TcpState};

/// The most sockets of `side` that a table saw in `state`; 0 when the side was not observed.
pub(super) fn peak(arm: &ArmRun, side: Side, state: TcpState) -> u64 {
    arm.peak.get(&side).map_or(0, |states| states.of(state))
}

/// The sockets of `side` in `state` in the arm's last table; 0 when the side was not observed.
pub(super) fn last(arm: &ArmRun, side: Side, state: TcpState) -> u64 {
    arm.last.get(&side).map_or(0, |states| states.of(state))
}

/// The most sockets of the client in CLOSE_WAIT at once that anything saw: the ledger sees every change, a table some.
pub(super) fn close_wait_peak(arm: &ArmRun) -> u64 {
    let told = arm.ledger.as_ref().map_or(0, |ledger| ledger.close_wait.peak);
    peak(arm, Side::Client, TcpState::CloseWait).max(told)
}

/// Whether an attempt found no port.
pub(super) fn exhausted(arm: &ArmRun) -> bool {
    arm.exhausted_after.is_some() || arm.outcomes.of(Outcome::PortsExhausted) > 0
}

/// How many times `counter` of `side` rose between the first and the last look.
pub(super) fn rise(arm: &ArmRun, side: Side, counter: impl Fn(&Counters) -> u64) -> u64 {
    arm.counters.get(&side).map_or(0, |(first, last)| counter(last).saturating_sub(counter(first)))
}

/// Sockets that the client's close strategy held at the arm's end.
pub(super) fn held(arm: &ArmRun) -> u64 {
    arm.held.values().sum()
}

/// Connections of the client that a reset ended, as far as anything tells.
pub(super) fn resets(arm: &ArmRun) -> u64 {
    let counted = if arm.counters_are_ours() { rise(arm, Side::Client, |c| c.estab_resets) } else { 0 };
    counted.max(arm.outcomes.of(Outcome::Reset))
}

/// The mean of `histogram`; zero when it is empty.
pub(super) fn mean(histogram: Option<&Histogram>) -> Duration {
    Duration::from_nanos(histogram.map_or(0.0, |histogram| histogram.hdr().mean()) as u64)
}

/// `1.0 s`: when ports ran out, as findings tell it; nothing where no event tells the time.
pub(super) fn after(arm: &ArmRun) -> String {
    arm.exhausted_after.map_or_else(String::new, |after| format!(" after {:.1} s", after.as_secs_f64()))
}
