//! Connect latency against the share of the port range in use: where Linux's port search shows its cliff.

use super::super::plot::{Entry, Figure, Look, Number, Panel, Scale, Series, Stroke, Unit};
use super::{Arms, key, look, ms};
use crate::record::{ArmRun, CoarseHistogram, ConnectsByShare, ShareGroup};

pub(super) fn figure(arms: &Arms<'_>) -> Figure {
    let series: Vec<Series> = arms.each().flat_map(|(index, arm, name)| lines(index, arm, name)).collect();
    let values = series.iter().flat_map(|series| series.values.iter().flatten()).map(|value| value.0);
    let kernel = arms.arms.iter().any(|arm| arm.facts.port_search == "kernel");
    let width = 100.0 / ConnectsByShare::GROUPS as f64;
    let panel = Panel {
        id: "share-all".into(),
        title: String::new(),
        group: "all",
        x: Scale::exactly(100.0, Unit::Percent),
        y: Scale::log(values, Unit::Millis),
        stacked: false,
        step: false,
        xs: vec![(0..ConnectsByShare::GROUPS).map(|n| Number((n as f64 + 0.5) * width)).collect()],
        series,
        rules: if kernel { vec![(50.0, "half of the range".into())] } else { Vec::new() },
        marks: Vec::new(),
    };
    let mut legend = arms.entries();
    legend.push(Entry::kind("p50", "p50", Look { colour: 7, stroke: Stroke::Beaded }));
    legend.push(Entry::kind("p99", "p99", Look { colour: 7, stroke: Stroke::Dashed }));
    legend.push(Entry::kind("failed", "p50 of those that failed", Look { colour: 7, stroke: Stroke::Dotted }));
    Figure {
        id: "share",
        title: "Connect latency by the share of the ports in use",
        text: "How long connect took, by the share of the port range that was in use when it began, in steps of 2 %. Linux \
               looks for a free port among those of one parity first and walks the other from one half on: the cliff. A \
               range of the socket's own (IP_LOCAL_PORT_RANGE) has none. A logarithmic scale."
            .into(),
        legend,
        panels: vec![panel],
        pairs: false,
    }
}

fn lines(index: usize, arm: &ArmRun, name: &str) -> Vec<Series> {
    let groups = arm.connects_by_share.groups();
    let line = |kind: &str, what: &str, stroke: Stroke, of: fn(&ShareGroup) -> &CoarseHistogram, quantile: f64| {
        let values: Vec<_> = groups.iter().map(|group| of(group).at(quantile).map(ms)).collect();
        let seen = values.iter().flatten().next().is_some();
        let look = Look { stroke, ..look(index) };
        seen.then(|| Series::new(&[&key(index), kind], format!("{name}: {what}"), look, 0, values))
    };
    [
        line("p99", "p99", Stroke::Dashed, |group| &group.connect, 0.99),
        line("p50", "p50", Stroke::Beaded, |group| &group.connect, 0.5),
        line("failed", "failed p50", Stroke::Dotted, |group| &group.failed, 0.5),
    ]
    .into_iter()
    .flatten()
    .collect()
}
