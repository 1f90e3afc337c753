//! Where on the page a finding can be seen: a panel, a stretch of its axis, and the series that show it.
//!
//! A place is read from the same arm that the finding was, so the summary document needs no field for it. A finding that is not
//! known here leads to its arm's socket states, which most findings are about.

use std::time::Duration;

use super::charts::key;
use crate::record::{ArmRun, Finding, IntervalPoint, Named as _, Outcome, Run, Sample, Side, Summary, TcpState};

/// Where a finding can be seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The panel's anchor.
    pub(super) panel: String,
    /// The stretch of the panel's axis, in its unit (seconds, or percent of the range).
    pub(super) stretch: Option<(f64, f64)>,
    /// The series that show it, by a key that they have.
    pub(super) keys: Vec<String>,
}

/// Each finding's place, in the findings' order.
pub(super) fn places(run: &Run, summary: &Summary) -> Vec<Option<Place>> {
    let place_of = |finding: &Finding| {
        let name = finding.arm.as_ref()?;
        let index = run.arms.iter().position(|arm| arm.facts.name == *name)?;
        Some(place(&finding.id, index, &run.arms[index]))
    };
    summary.findings.iter().map(place_of).collect()
}

fn place(id: &str, index: usize, arm: &ArmRun) -> Place {
    let sockets = |side: Side, state: Option<TcpState>, stretch| Place {
        panel: format!("sockets-{index}-{}", side.name()),
        stretch,
        keys: state.iter().map(|state| state.name().to_owned()).collect(),
    };
    let shared = |panel: &str, stretch| Place { panel: panel.to_owned(), stretch, keys: vec![key(index)] };
    let own = |panel: &str, keys: &[&str], stretch| Place {
        panel: format!("{panel}-{index}"),
        stretch,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    match id {
        "ports-exhausted-by-close-wait" => sockets(Side::Client, Some(TcpState::CloseWait), exhausted(arm)),
        "ports-exhausted-by-time-wait" => sockets(Side::Client, Some(TcpState::TimeWait), exhausted(arm)),
        "ports-exhausted-by-established" => sockets(Side::Client, Some(TcpState::Established), exhausted(arm)),
        id if id.starts_with("ports-exhausted") => sockets(Side::Client, None, exhausted(arm)),
        "descriptors-first" => {
            own("outcomes", &["descriptors_exhausted"], since_outcome(arm, Outcome::DescriptorsExhausted))
        }
        "never-closed" | "leak-rate" => {
            sockets(Side::Client, Some(TcpState::CloseWait), since(arm, Side::Client, TcpState::CloseWait, false))
        }
        "late-closer" => {
            sockets(Side::Client, Some(TcpState::CloseWait), since(arm, Side::Client, TcpState::CloseWait, true))
        }
        "fin-wait-2-expired" => {
            sockets(Side::Server, Some(TcpState::FinWait2), since(arm, Side::Server, TcpState::FinWait2, true))
        }
        "peak-between-tables" => shared("ports-all", counted_peak(arm)),
        "rate-not-reached" => shared("rate-all", None),
        "retry-storm" => own("outcomes", &[], None),
        "latency-cliff" => shared("share-all", Some((50.0, 100.0))),
        "listen-overflow" => own("latency", &["connect"], None),
        _ => sockets(Side::Client, None, None),
    }
}

/// From the first attempt without a port until load ended.
fn exhausted(arm: &ArmRun) -> Option<(f64, f64)> {
    let from = arm.exhausted_after?;
    Some((from.as_secs_f64(), load_end(arm).max(from).as_secs_f64()))
}

/// From the first interval with that outcome until load ended.
fn since_outcome(arm: &ArmRun, outcome: Outcome) -> Option<(f64, f64)> {
    let with: Vec<&IntervalPoint> = arm.intervals().filter(|interval| interval.outcomes.of(outcome) > 0).collect();
    let from = with.iter().map(|interval| interval.from).min()?;
    Some((from.as_secs_f64(), load_end(arm).as_secs_f64()))
}

/// From the first table with that state, or from its highest one, until the last look.
fn since(arm: &ArmRun, side: Side, state: TcpState, peak: bool) -> Option<(f64, f64)> {
    let seen = |sample: &Sample| Some((sample.at, sample.side(side)?.table.as_ref()?.states.of(state)));
    let tables: Vec<(Duration, u64)> = arm.samples.values().iter().filter_map(seen).filter(|(_, n)| *n > 0).collect();
    // The first of equal ones.
    let from = if peak { tables.iter().rev().max_by_key(|(_, n)| *n)?.0 } else { tables.first()?.0 };
    Some((from.as_secs_f64(), arm.samples.values().last()?.at.as_secs_f64()))
}

/// When the counters saw most ports in use.
fn counted_peak(arm: &ArmRun) -> Option<(f64, f64)> {
    let used = |sample: &Sample| Some((sample.at, arm.ports_used(sample.client.as_ref()?)?));
    let at = arm.samples.values().iter().filter_map(used).rev().max_by_key(|(_, used)| *used)?.0.as_secs_f64();
    Some((at, at))
}

fn load_end(arm: &ArmRun) -> Duration {
    arm.intervals().map(|interval| interval.to).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn exhaustion_is_seen_where_close_wait_fills_the_range() {
        let (run, summary) = fixture::judged();
        let number = summary.findings.iter().position(|finding| finding.id == "ports-exhausted-by-close-wait").unwrap();
        let place = places(&run, &summary)[number].clone().unwrap();
        assert_eq!((place.panel.as_str(), place.keys), ("sockets-0-client", vec!["close_wait".to_owned()]));
        assert_eq!(place.stretch, Some((1.001, 2.5)));
    }

    #[test]
    fn every_finding_of_every_rule_leads_to_a_panel_of_its_arm() {
        let (run, mut summary) = fixture::judged();
        for id in ["descriptors-first", "never-closed", "late-closer", "fin-wait-2-expired", "latency-cliff", "another"]
        {
            id.clone_into(&mut summary.findings[0].id);
            let place = places(&run, &summary)[0].clone().unwrap();
            assert!(place.panel.contains("-0") || place.panel.ends_with("-all"), "{id}: {place:?}");
        }
        summary.findings[0].arm = None;
        assert_eq!(places(&run, &summary)[0], None);
    }

    #[test]
    fn whatever_held_the_ports_is_seen_when_they_ran_out() {
        let (run, mut summary) = fixture::judged();
        let states =
            [("established", vec!["established".to_owned()]), ("several-states", vec![]), ("syn-sent", vec![])];
        for (by, keys) in states {
            summary.findings[0].id = format!("ports-exhausted-by-{by}");
            let place = places(&run, &summary)[0].clone().unwrap();
            assert_eq!(
                (place.panel.as_str(), place.stretch, place.keys),
                ("sockets-0-client", Some((1.001, 2.5)), keys)
            );
        }
    }
}
