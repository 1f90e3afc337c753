//! The client's local ports in use, against those that it may use.

use super::super::plot::{Entry, Figure, Look, Number, Panel, Scale, Series, Stroke, Unit, thin};
use super::{Arms, key, look, seconds};

const AVAILABLE: Look = Look { colour: 7, stroke: Stroke::Dashed };

pub(super) fn figure(arms: &Arms<'_>) -> Figure {
    let (mut xs, mut series) = (Vec::new(), Vec::new());
    for (index, arm, name) in arms.each() {
        let looks = arm.samples.values().iter();
        let looks =
            looks.filter_map(|sample| Some((seconds(sample.at), arm.ports_used(sample.client.as_ref()?)? as f64)));
        let (at, used): (Vec<f64>, Vec<Option<f64>>) = looks.map(|(at, used)| (at, Some(used))).unzip();
        if used.is_empty() {
            continue;
        }
        let kept = thin(std::slice::from_ref(&used), arms.most);
        let values = kept.iter().map(|row| used[*row]).collect();
        series.push(Series::new(&[&key(index)], name, look(index), xs.len(), values));
        xs.push(kept.iter().map(|row| Number(at[*row])).collect());
    }
    if !series.is_empty() {
        available(arms, &mut series, xs.len());
        xs.push(vec![Number(0.0), Number(arms.end)]);
    }
    let most = series.iter().map(Series::most).fold(0.0, f64::max);
    let panel = Panel {
        id: "ports-all".into(),
        title: String::new(),
        group: "all",
        x: arms.time(),
        y: Scale::up_to(most, Unit::Count),
        stacked: false,
        step: false,
        xs,
        series,
        rules: Vec::new(),
        marks: Vec::new(),
    };
    let mut legend = arms.entries();
    legend.push(Entry::new("available", "available", AVAILABLE));
    Figure {
        id: "ports",
        title: "Ports in use",
        text: "Local ports that the client's sockets occupy, in whatever state, against those that it may use. At the line \
               connect fails with EADDRNOTAVAIL."
            .into(),
        legend,
        panels: vec![panel],
        pairs: false,
    }
}

/// One line where all arms may use as many, or else one an arm.
fn available(arms: &Arms<'_>, series: &mut Vec<Series>, places: usize) {
    let of = |index: usize| f64::from(arms.arms[index].facts.ephemeral_ports.count);
    let level = |keys: &[&str], name: String, count: f64| {
        Series::new(keys, name, AVAILABLE, places, vec![Some(count), Some(count)])
    };
    if (0..arms.arms.len()).all(|index| of(index) == of(0)) {
        series.push(level(&["available"], "available".into(), of(0)));
        return;
    }
    for (index, _, name) in arms.each() {
        series.push(level(&["available", &key(index)], format!("{name}: available"), of(index)));
    }
}
