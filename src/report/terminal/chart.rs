//! Three small plots over time, the arms below each other on one axis and one scale, so that their heights compare.

use std::collections::BTreeSet;
use std::time::Duration;

use super::style::{Paint, Style};
use super::text::{cell, columns, cut};
use crate::record::{ArmRun, TcpState};
use crate::report::figures;
use crate::units::Count;

/// The columns of a plot's name.
const NAME: usize = 12;
/// The most columns that an arm's name gets.
const ARM: usize = 12;
/// The most where it needs them to be told from another's.
const WIDEST_ARM: usize = 32;
/// The columns of the largest value, to the right of a plot.
const LARGEST: usize = 14;

/// A value for each column, none where nothing was seen.
type Line = Vec<Option<f64>>;

/// The plots of all arms; nothing before anything was sampled.
pub(super) fn over_time(arms: &[&ArmRun], style: Style) -> Vec<String> {
    let end = arms.iter().map(|arm| length(arm)).max().unwrap_or_default();
    if end.is_zero() {
        return Vec::new();
    }
    let names = names(arms);
    let width = style.width() - NAME - names - 1 - LARGEST;
    let axis = Axis { end, width };
    let mut lines = vec![axis.drawn(names, style)];
    for plot in PLOTS {
        lines.extend(plot.lines(arms, axis, names));
    }
    lines.push(String::new());
    lines
}

/// How many columns an arm's name gets: more where two arms would have one name.
fn names(arms: &[&ArmRun]) -> usize {
    let longest = arms.iter().map(|arm| columns(&arm.facts.name)).max().unwrap_or(0);
    let told: BTreeSet<String> = arms.iter().map(|arm| cut(&arm.facts.name, ARM)).collect();
    longest.min(if told.len() < arms.len() { WIDEST_ARM } else { ARM })
}

/// What a plot shows of an arm, and how.
struct Plot {
    name: &'static str,
    values: fn(&ArmRun, Axis) -> Line,
    unit: fn(f64) -> String,
    /// What fills the height when no value is larger.
    full: fn(&ArmRun) -> f64,
}

const PLOTS: [Plot; 3] = [
    Plot { name: "CLOSE_WAIT", values: close_wait, unit: counted, full: |_| 0.0 },
    Plot { name: "ports used", values: ports, unit: counted, full: |arm| f64::from(arm.facts.ephemeral_ports.count) },
    Plot { name: "connect p99", values: connect_p99, unit: milliseconds, full: |_| 0.0 },
];

impl Plot {
    /// A line an arm, all on one scale.
    fn lines(&self, arms: &[&ArmRun], axis: Axis, names: usize) -> Vec<String> {
        let values: Vec<_> = arms.iter().map(|arm| (self.values)(arm, axis)).collect();
        let full = arms.iter().map(|arm| (self.full)(arm)).chain(values.iter().filter_map(largest)).fold(0.0, f64::max);
        let line = |(index, (arm, line)): (usize, (&&ArmRun, &Line))| {
            let label = cell(if index == 0 { self.name } else { "" }, NAME);
            let arm = cell(&cut(&arm.facts.name, names), names);
            let most = largest(line).map_or_else(String::new, self.unit);
            format!("{label}{arm} {} {most}", drawn(line, full)).trim_end().to_owned()
        };
        arms.iter().zip(&values).enumerate().map(line).collect()
    }
}

/// One time axis for all arms.
#[derive(Clone, Copy)]
struct Axis {
    end: Duration,
    width: usize,
}

impl Axis {
    fn column(self, at: Duration) -> usize {
        let share = at.as_secs_f64() / self.end.as_secs_f64();
        ((share * self.width as f64) as usize).min(self.width - 1)
    }

    /// `over time       0 s ──────── 2.7 s`
    fn drawn(self, names: usize, style: Style) -> String {
        let (from, to) = ("0 s ", format!(" {:.1} s", self.end.as_secs_f64()));
        let rule = "─".repeat(self.width.saturating_sub(from.len() + to.len()));
        let title = style.paint(Paint::Strong, "over time");
        format!(
            "{title}{}{}",
            " ".repeat(NAME + names + 1 - 9),
            style.paint(Paint::Faint, &format!("{from}{rule}{to}  largest"))
        )
    }

    /// The largest of the values seen in each column; columns between two readings show the straight line from one to the
    /// other, since nothing is known of a step.
    fn bridged(self, values: impl Iterator<Item = (Duration, f64)>) -> Line {
        let mut line = vec![None; self.width];
        let mut last: Option<(usize, f64)> = None;
        for (at, value) in values {
            let column = self.column(at);
            if let Some((seen, before)) = last {
                let step = (value - before) / column.saturating_sub(seen).max(1) as f64;
                for (n, between) in line[(seen + 1).min(column)..column].iter_mut().enumerate() {
                    *between = Some(before + step * (n + 1) as f64);
                }
            }
            raise(&mut line[column], value);
            last = Some((column, value));
        }
        line
    }
}

/// When the arm's last sample or interval was.
fn length(arm: &ArmRun) -> Duration {
    let samples = arm.samples.values().iter().map(|sample| sample.at);
    samples.chain(arm.intervals().map(|interval| interval.to)).max().unwrap_or_default()
}

fn close_wait(arm: &ArmRun, axis: Axis) -> Line {
    axis.bridged(arm.samples.values().iter().filter_map(|sample| {
        let table = sample.client.as_ref()?.table.as_ref()?;
        Some((sample.at, table.states.of(TcpState::CloseWait) as f64))
    }))
}

fn ports(arm: &ArmRun, axis: Axis) -> Line {
    let used = |sample: &crate::record::Sample| arm.ports_used(sample.client.as_ref()?);
    axis.bridged(arm.samples.values().iter().filter_map(|sample| Some((sample.at, used(sample)? as f64))))
}

/// In milliseconds; an interval without a successful connect stays empty.
fn connect_p99(arm: &ArmRun, axis: Axis) -> Line {
    let mut line = vec![None; axis.width];
    for interval in arm.intervals() {
        let Some(p99) = interval.connect_p99 else { continue };
        let (from, to) = (axis.column(interval.from), axis.column(interval.to));
        // The column in which the interval ends belongs to the next one.
        for value in &mut line[from..to.max(from + 1)] {
            raise(value, p99.as_secs_f64() * 1e3);
        }
    }
    line
}

fn raise(value: &mut Option<f64>, to: f64) {
    *value = Some(value.map_or(to, |value| value.max(to)));
}

fn largest(line: &Line) -> Option<f64> {
    line.iter().flatten().copied().max_by(f64::total_cmp)
}

fn counted(value: f64) -> String {
    Count(value as u64).to_string()
}

fn milliseconds(value: f64) -> String {
    let text = figures::ms(Some(value));
    if text.ends_with('s') { text } else { text + " ms" }
}

/// One character a column: a dot for zero, eight heights up to `full`, a blank where nothing was seen.
fn drawn(line: &Line, full: f64) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let height = |value: f64| match value {
        value if value <= 0.0 => '·',
        value => HEIGHTS[((value / full * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    line.iter().map(|value| value.map_or(' ', height)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis = Axis { end: Duration::from_secs(10), width: 10 };

    fn at(seconds: u64, value: f64) -> (Duration, f64) {
        (Duration::from_secs(seconds), value)
    }

    #[test]
    fn a_gap_is_bridged_by_a_straight_line() {
        let line = AXIS.bridged([at(1, 4.0), at(1, 2.0), at(5, 8.0), at(10, 0.0)].into_iter());
        assert_eq!(drawn(&line, 8.0), " ▄▄▅▇█▆▄▂·");
    }

    #[test]
    fn the_smallest_value_is_not_zero() {
        assert_eq!(drawn(&vec![Some(0.0), Some(1e-9), Some(8.0), None], 8.0), "·▁█ ");
    }
}
