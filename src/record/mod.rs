//! The vocabulary: what a run saw, as plain data that serde can write and read.
//!
//! A run is one stream of [`Event`]s; a [`Run`] is that stream folded, and a [`Summary`] is the document that a `Run`
//! becomes. A [`Check`] is the document of somebody else's program under test, a [`Doctor`] that of a machine's limits, a
//! [`Trace`] that of single connections. Nothing here measures, opens, or decides.

mod arm_run;
mod check;
mod coarse;
mod comparison;
mod counts;
mod doctor;
mod event;
mod latency;
mod ledger;
mod outcome;
mod pool;
mod run;
mod sample;
mod series;
mod state;
mod summary;
mod trace;

pub use arm_run::{ArmRun, ConnectsByShare, IntervalPoint, PhasePoint, Ports, ShareGroup};
pub use check::{
    Check, CheckLimits, CheckVerdict, ConnectionRow, EndedBy, FaultCheck, HeldMs, HoldingProcess, Symptom,
};
pub use coarse::CoarseHistogram;
pub use comparison::{ArmComparison, Change, Comparison, ComparisonRow, Scale};
pub use counts::{Counts, Named};
pub use doctor::{
    CloseWaitHolder, Destination, Doctor, DoctorFinding, Leak, NamespacesFound, Place, PortsUse, ProcessFound, Scope,
    Setting, TargetFound, Wall, WallMet, WallUnit,
};
pub use event::{ArmEnd, ArmFacts, ConnectSlice, Cpu, Event, Header, HostFacts, LoadInterval, SamplingFacts};
pub use latency::{Histogram, LatencySet, Phase};
pub use ledger::{ClosedFirst, Gauge, LedgerInterval};
pub use outcome::{Outcome, TRANSIENT_ERRORS};
pub use run::Run;
pub use sample::{Counters, Sample, Side, SideSample, Table, TableReason};
pub use series::{Drawn, Series};
pub use state::TcpState;
pub use summary::{
    ArmSummary, CpuSummary, ExpectationResult, Finding, LatencySummary, LedgerSummary, LoadSummary, PhaseSummary,
    PortRangeSummary, PortsSummary, SamplingSummary, Severity, SocketsSummary, StateSummary, Summary,
};
pub use trace::{
    MissingFin, RemarkKind, StateChange, Trace, TraceEnd, TraceFrame, TraceMessage, TraceRemark, TracedConnection,
};

/// Declares a closed enum whose variants have fixed names in every document.
macro_rules! named_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
            schemars::JsonSchema)]
        $vis enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant,)+ }

        impl $crate::record::Named for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}
pub(crate) use named_enum;
