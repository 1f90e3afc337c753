//! How attempts ended, over time.

use super::super::plot::{Entry, Figure, Look, Number, Panel, Scale, Series, Unit};
use super::Arms;
use super::bins::Bins;
use crate::record::{ArmRun, Named as _, Outcome};

pub(super) fn figure(arms: &Arms<'_>) -> Figure {
    let mut panels: Vec<Panel> = arms.each().filter_map(|(index, arm, name)| panel(arms, index, arm, name)).collect();
    let most = panels.iter().map(highest).fold(0.0, f64::max);
    panels.iter_mut().for_each(|panel| panel.y = Scale::up_to(most, Unit::PerSecond));
    let seen = |outcome: &&Outcome| arms.arms.iter().any(|arm| arm.outcomes.of(**outcome) > 0);
    let entries = Outcome::ALL.iter().filter(seen);
    Figure {
        id: "outcomes",
        title: "Outcomes over time",
        text: "Attempts that ended, a second, stacked by how they ended; retries are attempts of their own.".into(),
        legend: entries.map(|outcome| Entry::new(outcome.name(), outcome.name(), look(*outcome))).collect(),
        panels,
        pairs: true,
    }
}

fn panel(arms: &Arms<'_>, index: usize, arm: &ArmRun, name: &str) -> Option<Panel> {
    let bins = Bins::over(arm, arms.most)?;
    let seen = Outcome::ALL.iter().filter(|outcome| arm.outcomes.of(**outcome) > 0);
    let series = seen.map(|&outcome| {
        let rates = bins.rates(arm, |interval| interval.outcomes.of(outcome));
        Series::new(&[outcome.name()], outcome.name(), look(outcome), 0, rates)
    });
    Some(Panel {
        id: format!("outcomes-{index}"),
        title: name.to_owned(),
        group: "all",
        x: arms.time(),
        y: Scale::up_to(1.0, Unit::PerSecond),
        stacked: true,
        step: true,
        series: series.collect(),
        xs: vec![bins.edges().into_iter().map(Number).collect()],
        rules: Vec::new(),
        marks: Vec::new(),
    })
}

/// How high a stack gets.
fn highest(panel: &Panel) -> f64 {
    let rows = panel.series.iter().map(|series| series.values.len()).max().unwrap_or(0);
    let total = |row: usize| panel.series.iter().filter_map(|series| Some(series.values[row]?.0)).sum::<f64>();
    (0..rows).map(total).fold(0.0, f64::max)
}

/// Each outcome has a colour of its own; what is close in meaning is far in colour.
fn look(outcome: Outcome) -> Look {
    Look::solid(match outcome {
        Outcome::LoggedIn => 2,
        Outcome::LoginRejected => 0,
        Outcome::PortsExhausted => 1,
        Outcome::DescriptorsExhausted => 8,
        Outcome::Refused => 6,
        Outcome::Reset => 3,
        Outcome::ClosedEarly => 4,
        Outcome::TimedOut => 9,
        Outcome::TlsFailed => 5,
        Outcome::ProtocolError | Outcome::Capped | Outcome::Other => 7,
    })
}
