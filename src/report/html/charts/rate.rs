//! Arrivals over time: what the schedule asked for, and what was started.

use super::super::plot::{Entry, Figure, Look, Number, Panel, Scale, Series, Stroke, Unit};
use super::bins::Bins;
use super::{Arms, key, look};

pub(super) fn figure(arms: &Arms<'_>) -> Figure {
    let (mut xs, mut series) = (Vec::new(), Vec::new());
    for (index, arm, name) in arms.each() {
        let Some(bins) = Bins::over(arm, arms.most) else { continue };
        let dashed = Look { stroke: Stroke::Dashed, ..look(index) };
        let offered = bins.rates(arm, |interval| interval.offered);
        let achieved = bins.rates(arm, |interval| interval.started);
        let arm = key(index);
        series.push(Series::new(&[&arm, "offered"], format!("{name}: offered"), dashed, xs.len(), offered));
        series.push(Series::new(&[&arm, "achieved"], format!("{name}: achieved"), look(index), xs.len(), achieved));
        xs.push(bins.edges().into_iter().map(Number).collect());
    }
    let most = series.iter().map(Series::most).fold(0.0, f64::max);
    let panel = Panel {
        id: "rate-all".into(),
        title: String::new(),
        group: "all",
        x: arms.time(),
        y: Scale::up_to(most, Unit::PerSecond),
        stacked: false,
        step: true,
        xs,
        series,
        rules: Vec::new(),
        marks: Vec::new(),
    };
    let mut legend = arms.entries();
    legend.push(Entry::kind("offered", "offered", Look { colour: 7, stroke: Stroke::Dashed }));
    legend.push(Entry::kind("achieved", "achieved", Look::solid(7)));
    Figure {
        id: "rate",
        title: "Arrival rate",
        text:
            "Arrivals a second that fell due by the schedule (offered) and that were started (achieved), retries not \
               counted. Where the two part, the load generator or a cap held it back."
                .into(),
        legend,
        panels: vec![panel],
        pairs: false,
    }
}
