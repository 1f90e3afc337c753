//! The distribution of latencies as HdrHistogram draws it: the tail as wide as the rest.

use super::super::plot::{Figure, Number, Panel, Scale, Series, Unit};
use super::{Arms, ms, phase_entries, phase_look};
use crate::record::{ArmRun, Histogram, Named as _};

/// Points for each nine.
const POINTS: u32 = 20;

pub(super) fn figure(arms: &Arms<'_>) -> Figure {
    let most = arms.arms.iter().flat_map(|arm| arm.latencies.iter()).map(|(_, h)| h.count()).max().unwrap_or(0);
    let mut panels: Vec<Panel> = arms.each().map(|(index, arm, name)| panel(index, arm, name, most)).collect();
    panels.retain(|panel| !panel.series.is_empty());
    let values = panels.iter().flat_map(|panel| &panel.series).flat_map(|series| series.values.iter().flatten());
    let scale = Scale::log(values.map(|value| value.0), Unit::Millis);
    panels.iter_mut().for_each(|panel| panel.y = scale);
    Figure {
        id: "percentiles",
        title: "Latency distribution",
        text: "The latency that this share (percent, from left to right) of the attempts stayed within, by phase and over the \
               whole arm. Every nine takes as much room as the one before it; a line ends with the largest value. A \
               logarithmic scale."
            .into(),
        legend: phase_entries(arms.arms),
        panels,
        pairs: true,
    }
}

fn panel(index: usize, arm: &ArmRun, name: &str, most: u64) -> Panel {
    let (mut xs, mut series) = (Vec::new(), Vec::new());
    for (phase, histogram) in arm.latencies.iter() {
        let (places, values): (Vec<_>, Vec<_>) = curve(histogram).into_iter().unzip();
        series.push(Series::new(&[phase.name()], phase.name(), phase_look(phase), xs.len(), values));
        xs.push(places.into_iter().map(Number).collect());
    }
    Panel {
        id: format!("percentiles-{index}"),
        title: name.to_owned(),
        group: "all",
        x: Scale::nines(most),
        y: Scale::up_to(1.0, Unit::Millis),
        stacked: false,
        step: false,
        xs,
        series,
        rules: Vec::new(),
        marks: Vec::new(),
    }
}

/// Quantiles and their values in milliseconds, up to the largest value.
fn curve(histogram: &Histogram) -> Vec<(f64, Option<f64>)> {
    let nines = (histogram.count().max(1) as f64).log10();
    let whole = (nines * f64::from(POINTS)).floor() as u32;
    let quantile = |nines: f64| 1.0 - 10f64.powf(-nines);
    let points = (0..=whole).map(|n| quantile(f64::from(n) / f64::from(POINTS)));
    let mut curve: Vec<_> = points.map(|q| (rounded(q), histogram.at(q).map(ms))).collect();
    curve.push((rounded(quantile(nines)), histogram.max().map(ms)));
    curve
}

fn rounded(quantile: f64) -> f64 {
    (quantile * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_curve_rises_to_the_largest_value() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|micros| histogram.record(Duration::from_micros(micros)));
        let curve = curve(&histogram);
        assert!(curve.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{curve:?}");
        let at =
            |q: f64| curve.iter().find(|(place, _)| (place - q).abs() < 1e-9).and_then(|(_, value)| *value).unwrap();
        assert!((at(0.9) - 0.9).abs() < 0.001 && (at(0.99) - 0.99).abs() < 0.001);
        assert!((curve.last().unwrap().1.unwrap() - 1.0).abs() < 0.001);
    }
}
