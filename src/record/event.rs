//! The one stream of events that a run is: written as it goes, one JSON object a line, folded by every reader.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sample::seconds;
use super::{CoarseHistogram, Counts, Histogram, LatencySet, LedgerInterval, Outcome, PortRangeSummary, Sample};

/// One thing that happened in a run; `events.jsonl` holds one a line, the header first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The first line: what is needed to repeat the run.
    Run(Box<Header>),
    /// An arm begins.
    ArmStarted(Box<ArmFacts>),
    /// The sampler looked.
    Sample {
        /// Which arm.
        arm: String,
        /// What it saw.
        sample: Box<Sample>,
    },
    /// What one load worker did since its last report.
    Load {
        /// Which arm.
        arm: String,
        /// What it did.
        interval: Box<LoadInterval>,
    },
    /// What the wire told of an arm's connections since the last report; absent where packets cannot be captured.
    Ledger {
        /// Which arm.
        arm: String,
        /// What it told.
        interval: Box<LedgerInterval>,
    },
    /// The first attempt of an arm that found no port.
    Exhausted {
        /// Which arm.
        arm: String,
        /// When, in seconds after the arm's start.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        at_s: Duration,
    },
    /// Something that a reader of the results must know.
    Notice {
        /// Which arm; absent when it concerns the whole run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arm: Option<String>,
        /// One sentence.
        text: String,
    },
    /// An arm is over.
    ArmEnded {
        /// Which arm.
        arm: String,
        /// How it ended, and what it cost.
        end: Box<ArmEnd>,
    },
    /// The last line of a run that was not killed.
    RunEnded {
        /// Whether every arm was played to its end.
        complete: bool,
    },
}

/// What heads every record: enough to repeat the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Header {
    /// `closewait.events/1`
    pub schema: String,
    /// This program's version.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command as it was typed; secrets are never on a command line.
    pub command: Vec<String>,
    /// When the run began, RFC 3339 in UTC.
    pub started_at: String,
    /// The machine.
    pub host: HostFacts,
    /// The resolved scenario as TOML: every setting, defaults included.
    pub resolved: String,
    /// Every expectation, in the order in which they are judged.
    pub expectations: Vec<String>,
}

impl Header {
    /// The name and version of the events' schema.
    pub const SCHEMA: &'static str = "closewait.events/1";
}

/// The machine that a run was played on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostFacts {
    /// The kernel's release, such as `6.18.44`.
    pub kernel: String,
    /// Processors that this process may use.
    pub cores: u32,
    /// Descriptors that one process may have (the hard `RLIMIT_NOFILE`).
    pub nofile: u64,
}

/// What is fixed about an arm before its first attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ArmFacts {
    /// The arm's name.
    pub name: String,
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
    /// Which time the arm is played, from 1; absent where each arm is played once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u32>,
    /// How the embedded server ends connections; absent for another server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_close: Option<String>,
    /// What goes wrong at the embedded server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Load worker processes.
    pub workers: u32,
    /// The arrivals, as the scenario writes them.
    pub arrivals: String,
    /// How long the schedule runs, if it has an end in time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_s: Option<f64>,
    /// How many attempts are planned, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_attempts: Option<u64>,
}

/// What one load worker did between two reports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LoadInterval {
    /// Which worker, from 0.
    pub worker: u32,
    /// The interval's start, in seconds after the arm's.
    #[serde(rename = "from_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub from: Duration,
    /// The interval's end.
    #[serde(rename = "to_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub to: Duration,
    /// Arrivals of the schedule that fell due, retries not counted. Over a whole arm `offered` and `retries` add up to the
    /// outcomes.
    pub offered: u64,
    /// How long the schedule is up to the last of them, in seconds: until the next arrival (after a burst, the next burst)
    /// would fall due. `offered` of an arm by this is the rate that was asked for. 0 when none fell due.
    #[serde(rename = "schedule_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub schedule: Duration,
    /// Those that were started, retries not counted.
    pub started: u64,
    /// When the last of them was, in seconds after the arm's start; 0 when none was started.
    #[serde(rename = "last_start_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub last_start: Duration,
    /// Attempts that ended, by outcome.
    pub outcomes: Counts<Outcome>,
    /// ERROR tokens that ended a login, by number.
    pub server_errors: BTreeMap<u32, u64>,
    /// Retries that fell due.
    pub retries: u64,
    /// Attempts that the pool's blocking period answered without a connection: they count as the outcome that the pool
    /// keeps, and have no latency.
    pub pool_blocked: u64,
    /// Attempts among the capped ones that met the limit of sockets held while more were held than under way: what kept
    /// them from starting is what the close strategy holds.
    #[serde(default)]
    pub capped_by_held: u64,
    /// Attempts that a stop gave up before their outcome was known; they count as `other`, and have no latency.
    pub given_up: u64,
    /// Latencies of what ended in the interval.
    pub latencies: LatencySet,
    /// How late arrivals started after their intended start; a retry is none of the schedule's.
    pub schedule_lag: Histogram,
    /// Attempts under way at the interval's end.
    pub in_flight: u64,
    /// Sockets held by the close strategy at the interval's end.
    pub held: u64,
    /// The connects that ended in the interval, by when they began: fine enough to be laid beside the ports in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connects: Vec<ConnectSlice>,
}

/// The connects that began in one slice of [`ConnectSlice::LENGTH`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ConnectSlice {
    /// The slice's middle, in seconds after the arm's start.
    #[serde(rename = "at_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub at: Duration,
    /// How many connects that succeeded took so many nanoseconds: steps of 3 %, by their lower end.
    #[serde(default, skip_serializing_if = "CoarseHistogram::is_empty")]
    pub connect: CoarseHistogram,
    /// Those that failed.
    #[serde(default, skip_serializing_if = "CoarseHistogram::is_empty")]
    pub failed: CoarseHistogram,
}

impl ConnectSlice {
    /// How long a slice is: the sampler counts ports in use as often.
    pub const LENGTH: Duration = Duration::from_millis(20);
}

/// How an arm ended, and what it cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ArmEnd {
    /// Whether the schedule was played to its end.
    pub complete: bool,
    /// CPU time by part.
    pub cpu: Cpu,
    /// What the sampler reached.
    pub sampling: SamplingFacts,
    /// Connections that the embedded server accepted; absent for another server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_accepted: Option<u64>,
}

/// CPU time (user and system) by part, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cpu {
    /// All load workers.
    pub load_s: f64,
    /// The embedded server; 0 for another server.
    pub server_s: f64,
    /// The sampler within its budget of 2 % of a core.
    pub sampler_s: f64,
    /// The sampler's full tables at the start, at the first `ports_exhausted` and at the end, outside that budget.
    pub sampler_tables_s: f64,
    /// The connection ledger; 0 where there was none.
    #[serde(default)]
    pub ledger_s: f64,
}

/// What resolution the sampler reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SamplingFacts {
    /// `sock_diag` or `procfs`.
    pub source: String,
    /// Reads of the counters.
    pub counters: u64,
    /// Full tables read within the budget.
    pub tables: u64,
    /// The longest time between two full tables, in seconds.
    pub longest_gap_s: f64,
    /// The share of one core that was spent within the budget, in percent.
    pub share_pct: f64,
}
