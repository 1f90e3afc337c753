//! Socket states over time, on both sides: the picture that this program is for.

use super::super::plot::{Entry, Figure, Look, Number, Panel, Scale, Series, Unit, thin};
use super::{Arms, seconds};
use crate::record::{ArmRun, Named as _, Side, TcpState};

/// From the axis up: what stays lies below what comes and goes.
const ORDER: [(TcpState, usize); 10] = [
    (TcpState::CloseWait, 1),
    (TcpState::TimeWait, 3),
    (TcpState::FinWait2, 4),
    (TcpState::FinWait1, 5),
    (TcpState::LastAck, 2),
    (TcpState::Closing, 7),
    (TcpState::Close, 8),
    (TcpState::SynSent, 6),
    (TcpState::SynRecv, 9),
    (TcpState::Established, 0),
];

pub(super) fn figure(arms: &Arms<'_>) -> Figure {
    let mut panels: Vec<Panel> = arms
        .each()
        .flat_map(|(index, arm, name)| [Side::Client, Side::Server].map(|side| panel(arms, index, arm, name, side)))
        .flatten()
        .collect();
    for side in [Side::Client, Side::Server] {
        let most = panels.iter().filter(|panel| panel.group == side.name()).map(highest).fold(0.0, f64::max);
        let scale = Scale::up_to(most, Unit::Count);
        panels.iter_mut().filter(|panel| panel.group == side.name()).for_each(|panel| panel.y = scale);
    }
    let seen = |state: TcpState| {
        panels.iter().flat_map(|panel| &panel.series).any(|series| series.keys.iter().any(|key| key == state.name()))
    };
    let legend = ORDER.iter().filter(|(state, _)| seen(*state));
    let legend = legend.map(|(state, colour)| Entry::new(state.name(), state.to_string(), Look::solid(*colour)));
    Figure {
        id: "sockets",
        title: "Socket states",
        text: "Sockets in each TCP state, stacked, as full tables of the kernel saw them on the client (which connects) and on \
               the server. CLOSE_WAIT on the client is a connection that the server has closed and the client has not."
            .into(),
        legend: legend.collect(),
        panels,
        pairs: true,
    }
}

/// One side of one arm; none where it was not observed.
fn panel(arms: &Arms<'_>, index: usize, arm: &ArmRun, name: &str, side: Side) -> Option<Panel> {
    let looks: Vec<_> = arm
        .samples
        .values()
        .iter()
        .filter_map(|sample| Some((seconds(sample.at), &sample.side(side)?.table.as_ref()?.states)))
        .collect();
    if looks.is_empty() {
        return None;
    }
    let count = |state| looks.iter().map(|(_, states)| Some(states.of(state) as f64)).collect::<Vec<_>>();
    let columns: Vec<_> = ORDER
        .iter()
        .map(|(state, colour)| (*state, *colour, count(*state)))
        .filter(|(_, _, column)| column.iter().flatten().any(|n| *n > 0.0))
        .collect();
    let values: Vec<Vec<Option<f64>>> = columns.iter().map(|(_, _, column)| column.clone()).collect();
    let kept = thin(&values, arms.most);
    let series = columns.into_iter().map(|(state, colour, column)| {
        let drawn = kept.iter().map(|row| column[*row]).collect();
        Series::new(&[state.name()], state.to_string(), Look::solid(colour), 0, drawn)
    });
    Some(Panel {
        id: format!("sockets-{index}-{}", side.name()),
        title: format!("{name}: {}", side.name()),
        group: side.name(),
        x: arms.time(),
        y: Scale::up_to(1.0, Unit::Count),
        stacked: true,
        step: false,
        series: series.collect(),
        xs: vec![kept.iter().map(|row| Number(looks[*row].0)).collect()],
        rules: Vec::new(),
        marks: Vec::new(),
    })
}

/// How high a stack gets.
fn highest(panel: &Panel) -> f64 {
    let rows = panel.xs[0].len();
    let total = |row: usize| panel.series.iter().filter_map(|series| Some(series.values[row]?.0)).sum::<f64>();
    (0..rows).map(total).fold(0.0, f64::max)
}
