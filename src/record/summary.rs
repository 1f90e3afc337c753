//! The summary document, `closewait.summary/1`: a promise to other programs.
//!
//! The structs are the contract's JSON, field by field; units stand last in each name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ArmComparison, ClosedFirst, Counts, HostFacts, Outcome};

/// The result of `closewait run`, for other programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// `closewait.summary/1`
    pub schema: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// How many results were merged into this one by `closewait report --merge`; absent where it is one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<u32>,
    /// Whether every arm was played to its end; false after a signal or a crash.
    pub complete: bool,
    /// The machine.
    pub host: HostFacts,
    /// Every arm that was started, in order.
    pub arms: Vec<ArmSummary>,
    /// The arms of one name as one, where arms were repeated: counts add up, percentiles are those of all values together,
    /// peaks and last tables are the highest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pooled: Vec<ArmSummary>,
    /// What two arms that were repeated differ by: in turns within one run, and result by result where several were merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<ArmComparison>,
    /// Every expectation, judged.
    pub expectations: Vec<ExpectationResult>,
    /// What the numbers mean, in plain words.
    pub findings: Vec<Finding>,
    /// What a reader of the results must know: fall-backs, caps, several worker processes.
    pub notices: Vec<String>,
    /// Whether the run is complete and every expectation holds.
    pub passed: bool,
}

impl Summary {
    /// The name and version of the summary's schema.
    pub const SCHEMA: &'static str = "closewait.summary/1";

    /// The arms that a reader is shown side by side: pooled where they were repeated.
    #[must_use]
    pub fn shown(&self) -> &[ArmSummary] {
        if self.pooled.is_empty() { &self.arms } else { &self.pooled }
    }
}

/// One arm of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmSummary {
    /// The arm's name.
    pub name: String,
    /// Which time the arm was played, from 1; absent where each arm was played once, and of arms that are pooled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u32>,
    /// The driver: `tiberius` or `tcp`.
    pub driver: String,
    /// The close strategy.
    pub close: String,
    /// `embedded`, or the server's address.
    pub target: String,
    /// The sandbox that was reached: `two-hosts`, `one-host`, `port-range`, `none`.
    pub sandbox: String,
    /// Who searches a port: `kernel` or `per-socket`.
    pub port_search: String,
    /// `tcp_fin_timeout` on the client's host, in seconds.
    pub tcp_fin_timeout_s: u64,
    /// `tcp_tw_reuse` on the client's host.
    pub tcp_tw_reuse: u8,
    /// The local ports that the client may use.
    pub ephemeral_ports: PortRangeSummary,
    /// Whether the arm was played to its end.
    pub complete: bool,
    /// Every attempt, retries, capped and given-up ones included; the outcomes add up to it.
    pub attempts: u64,
    /// Attempts by outcome; an outcome that never came is absent and counts 0.
    pub outcomes: Counts<Outcome>,
    /// The same in percent of the attempts; empty where there were none.
    #[serde(default)]
    pub outcomes_pct: BTreeMap<Outcome, f64>,
    /// Refused logins by the ERROR token's number.
    pub server_errors: BTreeMap<String, u64>,
    /// Socket states on both sides.
    pub sockets: SocketsSummary,
    /// The client's local ports.
    pub ports: PortsSummary,
    /// The connections as the wire told them; absent where packets could not be captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerSummary>,
    /// Latency by phase, in milliseconds.
    pub latency_ms: LatencySummary,
    /// What the load generator offered and reached.
    pub load: LoadSummary,
    /// CPU time by part.
    pub cpu: CpuSummary,
    /// What the sampler reached.
    pub sampling: SamplingSummary,
}

/// A range of ports, both ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortRangeSummary {
    /// The first port.
    pub low: u16,
    /// The last port.
    pub high: u16,
    /// How many ports it holds.
    pub count: u32,
}

/// Socket states by side. A side that is not observed (a server on another machine) is an empty object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SocketsSummary {
    /// By state on the end that connects.
    pub client: BTreeMap<String, StateSummary>,
    /// By state on the end that listens.
    pub server: BTreeMap<String, StateSummary>,
}

/// How many sockets were in one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateSummary {
    /// The most that any full table saw.
    pub peak: u64,
    /// In the table 200 ms after the last outcome, before leaked sockets are let go.
    #[serde(rename = "final")]
    pub last: u64,
}

/// The client's local ports towards the target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PortsSummary {
    /// Ports that the client may use.
    pub available: u32,
    /// The most in use at once that was seen.
    pub peak: u64,
    /// `peak` of `available`, in percent.
    pub peak_pct: f64,
    /// What saw the peak: `counter` (the kernel's counters at 50 Hz), `table` (a full table) or `ledger` (packets).
    pub peak_source: String,
    /// Whether an attempt found no port.
    pub exhausted: bool,
    /// When the first did, in seconds after the arm's start; null if none.
    pub exhausted_after_s: Option<f64>,
}

/// The connections of an arm, from every segment with SYN, FIN or RST that passed the client's interface.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerSummary {
    /// Connections asked for.
    pub connections: u64,
    /// Those that the server answered.
    pub answered: u64,
    /// Those that it refused with RST.
    pub refused: u64,
    /// Who closed first, and how.
    pub closed_first: ClosedFirst,
    /// Connections that were answered and not over for both ends when the arm ended, before leaked sockets were let go.
    pub never_closed: u64,
    /// Those whose addresses were used again before their end was seen: an attempt that was given up without a packet, or
    /// an end that was lost.
    pub replaced: u64,
    /// Connections that nobody had closed: the most at once, and at the end. Exact: every change is seen.
    pub established: StateSummary,
    /// Connections that the server had closed and the client had not: the most at once, and at the end. Exact.
    pub close_wait: StateSummary,
    /// How long the client was in CLOSE_WAIT, of connections that it closed: from the server's FIN to the client's FIN or
    /// RST. One that the server's side reset meanwhile is not among them.
    pub close_wait_ms: PhaseSummary,
    /// How long those that were in CLOSE_WAIT at the end had been so.
    pub close_wait_open_ms: PhaseSummary,
    /// How long whoever closed first waited for the other's close: FIN_WAIT_1 and FIN_WAIT_2 of that end. One that expired,
    /// as `fin_wait_2_expired` counts them, is among them with `tcp_fin_timeout_s`; where that is absent, the times are
    /// those until the other end was seen to close, and the kernel may have ended any of them before.
    pub fin_wait_2_ms: PhaseSummary,
    /// Those whose FIN_WAIT_2 the kernel ended by `tcp_fin_timeout` before the other end closed, if it ever did: those older
    /// than the time-out, with an eighth of it and 100 ms for the kernel's timers, whose descriptor is closed. Absent
    /// where the server is not the embedded one, since nobody knows how that closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fin_wait_2_expired: Option<u64>,
    /// From the SYN until it was over for both ends, of connections that were answered.
    pub lifetime_ms: PhaseSummary,
    /// Segments that the kernel dropped because nobody read in time: each may be an opening or an end.
    pub lost: u64,
    /// SYN that found the ledger full: connections that it does not show.
    pub omitted: u64,
}

/// Latency by phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencySummary {
    /// TCP connects that succeeded.
    pub connect: PhaseSummary,
    /// TCP connects that failed.
    pub connect_failed: PhaseSummary,
    /// PRELOGIN round trips.
    pub prelogin: PhaseSummary,
    /// TLS handshakes.
    pub tls: PhaseSummary,
    /// LOGIN7 to the login's answer.
    pub login: PhaseSummary,
    /// The client's own closes.
    pub close: PhaseSummary,
    /// From the intended start to the outcome. Attempts without a connection of their own have none: those that were
    /// capped, answered by the pool's blocking period, or given up.
    pub total: PhaseSummary,
}

/// Percentiles of one phase in milliseconds; null where the phase never came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSummary {
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The 99.9th percentile.
    pub p999: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// How many values.
    pub count: u64,
}

/// What the load generator offered and reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadSummary {
    /// Arrivals that fell due, per second of the schedule: the rate that was asked for, without retries.
    pub offered_per_s: f64,
    /// Arrivals that were started, per second until the last start (but never less time than the schedule takes).
    pub achieved_per_s: f64,
    /// How late an arrival started after its intended start, 99th percentile, retries not counted; null without any.
    pub schedule_lag_p99_ms: Option<f64>,
    /// Attempts that a cap kept from starting; equals `outcomes.capped`.
    pub capped: u64,
    /// Attempts that were retries.
    pub retries: u64,
    /// Attempts answered by the pool's blocking period without a connection; they count as the outcome that the pool
    /// keeps, and have no latency.
    pub pool_blocked: u64,
    /// Attempts that a stop gave up before their outcome was known; they count as `other`.
    pub given_up: u64,
    /// Load worker processes.
    pub workers: u32,
    /// Sockets that the close strategy held at the end.
    pub held: u64,
}

/// CPU time by part, in seconds.
pub type CpuSummary = super::Cpu;

/// What the sampler reached.
pub type SamplingSummary = super::SamplingFacts;

/// An expectation over one arm, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationResult {
    /// The arm it was judged on.
    pub arm: String,
    /// The expectation without its arm: `ports.exhausted == true`.
    pub expect: String,
    /// Whether it holds; of an arm that was repeated, whether it holds each time.
    pub passed: bool,
    /// The repetitions in which it does not hold; absent where arms are not repeated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_in: Vec<u32>,
    /// What the arm's document says at that path; null where nothing was observed.
    pub actual: serde_json::Value,
}

/// What the numbers mean, in plain words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule that found it: `ports-exhausted-by-close-wait`.
    pub id: String,
    /// The arm it was found in; null when it concerns the whole run.
    pub arm: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Evidence, cause and fix.
    pub text: String,
}

super::named_enum! {
    /// How bad a finding is.
    pub enum Severity {
        /// Something broke.
        Failure = "failure",
        /// Something will break, or the numbers must be read with care.
        Warning = "warning",
        /// Worth knowing.
        Note = "note",
    }
}
