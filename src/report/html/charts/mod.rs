//! What is drawn of a run: one file a figure, each a function of the arms.

mod bins;
mod latency;
mod outcomes;
mod percentile;
mod ports;
mod rate;
mod share;
mod sockets;

use std::collections::BTreeMap;

use super::plot::{Entry, Figure, Look, Scale, Unit};
use crate::record::{ArmRun, Phase, Run};

/// All arms, and the time axis that they share.
struct Arms<'a> {
    arms: &'a [ArmRun],
    names: Vec<String>,
    /// When the last of any arm's samples or intervals was, in seconds.
    end: f64,
    /// Points that a series may have.
    most: usize,
}

/// Points that all series of one figure may have together, so that a page of many arms stays small.
const POINTS: usize = 6_000;

/// Every figure that has something to show, in the order in which they are read.
pub(super) fn figures(run: &Run) -> Vec<Figure> {
    let arms = Arms::of(&run.arms);
    let all = [sockets::figure, ports::figure, rate::figure, latency::figure, share::figure, percentile::figure];
    let figures = all.iter().map(|figure| figure(&arms)).chain([outcomes::figure(&arms)]);
    figures.filter(|figure| figure.panels.iter().any(|panel| !panel.series.is_empty())).collect()
}

impl<'a> Arms<'a> {
    fn of(arms: &'a [ArmRun]) -> Self {
        let end = arms.iter().map(length).fold(0.0, f64::max);
        let most = (POINTS / arms.len().max(1)).clamp(100, 1000);
        Self { arms, names: names(arms), end, most }
    }

    fn each(&self) -> impl Iterator<Item = (usize, &'a ArmRun, &str)> {
        self.arms.iter().zip(&self.names).enumerate().map(|(index, (arm, name))| (index, arm, name.as_str()))
    }

    fn time(&self) -> Scale {
        Scale::exactly(self.end, Unit::Seconds)
    }

    /// A legend's entry for each arm.
    fn entries(&self) -> Vec<Entry> {
        self.each().map(|(index, _, name)| Entry::new(key(index), name, look(index))).collect()
    }
}

/// The key of an arm in legends.
pub(super) fn key(arm: usize) -> String {
    format!("arm-{arm}")
}

/// Each arm has a colour of its own, as far as colours reach.
fn look(arm: usize) -> Look {
    const COLOURS: [usize; 8] = [1, 0, 2, 3, 4, 6, 5, 8];
    Look::solid(COLOURS[arm % COLOURS.len()])
}

/// Arms' names; one that comes again, as in a repeated run, is numbered.
fn names(arms: &[ArmRun]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let numbered = arms.iter().map(|arm| {
        let name = arm.facts.name.as_str();
        let times = seen.entry(name).or_default();
        *times += 1;
        if *times == 1 { name.to_owned() } else { format!("{name} ({times})") }
    });
    numbered.collect()
}

/// When an arm's last sample or interval was, in seconds.
fn length(arm: &ArmRun) -> f64 {
    let sample = arm.samples.values().last().map(|sample| sample.at);
    let interval = arm.intervals().map(|interval| interval.to).max();
    sample.max(interval).unwrap_or_default().as_secs_f64()
}

/// Seconds to the millisecond.
fn seconds(at: std::time::Duration) -> f64 {
    at.as_millis() as f64 / 1e3
}

/// Each phase has a colour of its own.
fn phase_look(phase: Phase) -> Look {
    Look::solid(match phase {
        Phase::Connect => 0,
        Phase::ConnectFailed => 1,
        Phase::Prelogin => 2,
        Phase::Tls => 3,
        Phase::Login => 4,
        Phase::Close => 6,
        Phase::Total => 7,
    })
}

/// The entries of the phases that any arm came to.
fn phase_entries(arms: &[ArmRun]) -> Vec<Entry> {
    use crate::record::Named as _;
    let seen = |phase: &&Phase| arms.iter().any(|arm| arm.latencies.of(**phase).is_some_and(|h| h.count() > 0));
    Phase::ALL.iter().filter(seen).map(|phase| Entry::new(phase.name(), phase.name(), phase_look(*phase))).collect()
}

fn ms(value: std::time::Duration) -> f64 {
    super::plot::Number::measured(value.as_secs_f64() * 1e3)
}
