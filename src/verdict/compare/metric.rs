//! The figures that are compared: where each stands in an arm's document, and how it is held against another.

use super::outcomes;
use crate::record::{ArmSummary, Outcome, PhaseSummary, Scale};

/// One figure of an arm's document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    /// Where it stands.
    pub(super) path: &'static str,
    /// Its value; none where the arm has none.
    pub(super) of: fn(&ArmSummary) -> Option<f64>,
    pub(super) scale: Scale,
    /// Whether more of it is worse.
    pub(super) higher_is_worse: bool,
    /// A change of no more than this is nobody's, whatever the tolerance: what scheduling does to a connect, what happens to
    /// be open when a table is read; of a share it is at least this. [`FLOORS`] says them all.
    pub(super) floor: f64,
    /// The end of attempts that it is the share of; none of any other figure.
    pub(super) outcome: Option<Outcome>,
}

/// The standard deviation of a ratio's logarithm is never taken for less than a histogram's resolution.
const HISTOGRAM: f64 = 0.001;

impl Metric {
    /// The value on the scale on which differences are taken.
    pub(super) fn scaled(&self, value: f64) -> Option<f64> {
        match self.scale {
            Scale::Ratio => (value > 0.0).then(|| value.ln()),
            Scale::Difference => Some(value),
        }
    }

    /// Back from that scale.
    pub(super) fn unscaled(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Ratio => value.exp(),
            Scale::Difference => value,
        }
    }

    /// The finest that the scale tells: three repetitions that happen to agree to the last digit are no proof.
    pub(super) const fn resolution(&self) -> f64 {
        match self.scale {
            Scale::Ratio => HISTOGRAM,
            Scale::Difference => 1.0,
        }
    }
}

macro_rules! latency {
    ($phase:ident, $quantile:ident, $path:literal) => {
        Metric {
            path: $path,
            of: |arm| quantile(arm.latency_ms.$phase, arm.latency_ms.$phase.$quantile),
            scale: Scale::Ratio,
            higher_is_worse: true,
            floor: 0.05,
            outcome: None,
        }
    };
}

macro_rules! share {
    ($outcome:ident, $path:literal) => {
        Metric {
            path: $path,
            of: |arm| outcomes::share(arm, Outcome::$outcome),
            scale: Scale::Difference,
            higher_is_worse: !matches!(Outcome::$outcome, Outcome::LoggedIn),
            floor: 1.0,
            outcome: Some(Outcome::$outcome),
        }
    };
}

/// Values of a phase that came a few times only are no percentiles.
const LEAST_VALUES: u64 = 100;

fn quantile(phase: PhaseSummary, value: Option<f64>) -> Option<f64> {
    value.filter(|_| phase.count >= LEAST_VALUES)
}

/// The floors of all figures, for a reader.
pub const FLOORS: &str =
    "1 % of the attempts (or what chance makes of so many), 50 us, 1 attempt/s, 64 ports, 10 sockets";

/// Every figure, in the order in which they are told: what became of the attempts first, since the others are theirs.
pub(super) const METRICS: [Metric; 20] = [
    share!(LoggedIn, "outcomes_pct.logged_in"),
    share!(LoginRejected, "outcomes_pct.login_rejected"),
    share!(PortsExhausted, "outcomes_pct.ports_exhausted"),
    share!(DescriptorsExhausted, "outcomes_pct.descriptors_exhausted"),
    share!(Refused, "outcomes_pct.refused"),
    share!(Reset, "outcomes_pct.reset"),
    share!(ClosedEarly, "outcomes_pct.closed_early"),
    share!(TimedOut, "outcomes_pct.timed_out"),
    share!(TlsFailed, "outcomes_pct.tls_failed"),
    share!(ProtocolError, "outcomes_pct.protocol_error"),
    share!(Capped, "outcomes_pct.capped"),
    share!(Other, "outcomes_pct.other"),
    latency!(connect, p50, "latency_ms.connect.p50"),
    latency!(connect, p99, "latency_ms.connect.p99"),
    latency!(login, p50, "latency_ms.login.p50"),
    latency!(login, p99, "latency_ms.login.p99"),
    latency!(total, p99, "latency_ms.total.p99"),
    Metric {
        path: "load.achieved_per_s",
        of: |arm| Some(arm.load.achieved_per_s),
        scale: Scale::Ratio,
        higher_is_worse: false,
        floor: 1.0,
        outcome: None,
    },
    Metric {
        path: "ports.peak",
        of: |arm| Some(arm.ports.peak as f64),
        scale: Scale::Difference,
        higher_is_worse: true,
        floor: 64.0,
        outcome: None,
    },
    Metric {
        path: "sockets.client.close_wait.final",
        of: |arm| arm.sockets.client.get("close_wait").map(|state| state.last as f64),
        scale: Scale::Difference,
        higher_is_worse: true,
        floor: 10.0,
        outcome: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Named as _;

    #[test]
    fn the_floors_are_those_that_are_told() {
        let told = METRICS.map(|metric| match metric.path {
            _ if metric.outcome.is_some() => {
                format!("{} % of the attempts (or what chance makes of so many)", metric.floor)
            }
            path if path.starts_with("latency_ms.") => format!("{:.0} us", metric.floor * 1000.0),
            "load.achieved_per_s" => format!("{} attempt/s", metric.floor),
            "ports.peak" => format!("{} ports", metric.floor),
            _ => format!("{} sockets", metric.floor),
        });
        let mut told = told.to_vec();
        told.dedup();
        assert_eq!(told.join(", "), FLOORS);
    }

    #[test]
    fn every_outcome_has_its_share() {
        let told: Vec<_> = METRICS.iter().filter_map(|metric| Some((metric.outcome?, metric.path))).collect();
        let all = Outcome::ALL.iter().map(|outcome| (*outcome, format!("outcomes_pct.{}", outcome.name())));
        assert!(
            told.iter().copied().eq(all.collect::<Vec<_>>().iter().map(|(outcome, path)| (*outcome, path.as_str())))
        );
    }
}
