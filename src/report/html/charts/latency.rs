//! Latency percentiles over time, by phase.

use super::super::plot::{Entry, Figure, Look, Number, Panel, Scale, Series, Stroke, Unit};
use super::bins::Bins;
use super::{Arms, ms, phase_entries, phase_look};
use crate::record::{ArmRun, Named as _, Phase};

pub(super) fn figure(arms: &Arms<'_>) -> Figure {
    let mut panels: Vec<Panel> = arms.each().filter_map(|(index, arm, name)| panel(arms, index, arm, name)).collect();
    let values = panels.iter().flat_map(|panel| &panel.series).flat_map(|series| series.values.iter().flatten());
    let scale = Scale::log(values.map(|value| value.0), Unit::Millis);
    panels.iter_mut().for_each(|panel| panel.y = scale);
    let mut legend = phase_entries(arms.arms);
    legend.push(Entry::kind("p50", "p50", Look::solid(7)));
    legend.push(Entry::kind("p99", "p99", Look { colour: 7, stroke: Stroke::Dashed }));
    Figure {
        id: "latency",
        title: "Latency over time",
        text: "The median and the 99th percentile of each phase, as the workers report them ten times a second; where several \
               reports fall together, the middle median and the highest 99th percentile. A logarithmic scale. The total \
               counts from the intended start."
            .into(),
        legend,
        panels,
        pairs: true,
    }
}

fn panel(arms: &Arms<'_>, index: usize, arm: &ArmRun, name: &str) -> Option<Panel> {
    let bins = Bins::over(arm, arms.most)?;
    let mut series = Vec::new();
    for &phase in Phase::ALL {
        let mut medians: Vec<Vec<f64>> = vec![Vec::new(); bins.count];
        let mut highest: Vec<Option<f64>> = vec![None; bins.count];
        for interval in arm.intervals() {
            let Some(point) = interval.phases.iter().find(|point| point.phase == phase) else { continue };
            for bin in bins.around(interval) {
                medians[bin].push(ms(point.p50));
                highest[bin] = Some(highest[bin].unwrap_or(0.0).max(ms(point.p99)));
            }
        }
        if highest.iter().flatten().next().is_none() {
            continue;
        }
        let medians = medians.into_iter().map(middle).collect();
        let (p50, p99) = (phase_look(phase), Look { stroke: Stroke::Dashed, ..phase_look(phase) });
        series.push(Series::new(&[phase.name(), "p99"], format!("{} p99", phase.name()), p99, 0, highest));
        series.push(Series::new(&[phase.name(), "p50"], format!("{} p50", phase.name()), p50, 0, medians));
    }
    Some(Panel {
        id: format!("latency-{index}"),
        title: name.to_owned(),
        group: "all",
        x: arms.time(),
        y: Scale::up_to(1.0, Unit::Millis),
        stacked: false,
        step: false,
        xs: vec![bins.middles().into_iter().map(Number).collect()],
        series,
        rules: Vec::new(),
        marks: Vec::new(),
    })
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
