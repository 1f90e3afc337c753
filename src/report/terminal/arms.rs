//! The arms side by side: a block of 30 columns each, as many as the width holds, and the rest below.

use super::style::{Paint, Style};
use super::text::{broken, cell, columns, cut, right};
use crate::record::{ArmSummary, PhaseSummary, StateSummary};
use crate::report::figures::{self, BothSides, Figure, Row};

/// The columns of one arm; latency needs them all: four times five digits, a count of six, and the gaps.
const BLOCK: usize = 30;
const GAP: usize = 2;
/// The columns of a figure beside its bar.
const FIGURE: usize = 16;

/// The tables of all arms, with a blank line after each.
pub(super) fn tables(arms: &[ArmSummary], style: Style) -> Vec<String> {
    let label = label_width(arms);
    let beside = (style.width().saturating_sub(label) / (BLOCK + GAP)).max(1);
    arms.chunks(beside).flat_map(|arms| Table { arms, label, style }.lines()).collect()
}

/// The widest label that any arm brings.
fn label_width(arms: &[ArmSummary]) -> usize {
    let rows = [figures::attempts(arms), figures::ports(arms), figures::load(arms)];
    let labels = rows.iter().flatten().map(|row| columns(&row.label));
    let phases = figures::phases(arms).into_iter().map(|(name, _)| name.len() + 1);
    labels.chain(phases).max().unwrap_or(0)
}

struct Table<'a> {
    arms: &'a [ArmSummary],
    label: usize,
    style: Style,
}

impl Table<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = self.head();
        lines.extend(figures::attempts(self.arms).iter().map(|row| self.row(row)));
        lines.extend(figures::ports(self.arms).iter().map(|row| self.row(row)));
        lines.push(String::new());
        lines.extend(self.sockets());
        lines.extend(self.latency());
        lines.push(self.strong("load"));
        lines.extend(figures::load(self.arms).iter().map(|row| self.row(row)));
        lines.push(String::new());
        lines
    }

    /// One line: the label, then a block an arm.
    fn line(&self, label: &str, blocks: impl Iterator<Item = String>) -> String {
        let mut line = cell(label, self.label);
        for block in blocks {
            line.push_str(&" ".repeat(GAP));
            line.push_str(&block);
        }
        line.trim_end().to_owned()
    }

    fn strong(&self, label: &str) -> String {
        self.style.paint(Paint::Strong, label)
    }

    fn head(&self) -> Vec<String> {
        let block = |text: &str| cell(&cut(text, BLOCK), BLOCK);
        let names: Vec<Vec<String>> = self.arms.iter().map(|arm| broken(&arm.name, BLOCK)).collect();
        let part = |name: &Vec<String>, at: usize| {
            self.style.paint(Paint::Strong, &block(name.get(at).map_or("", String::as_str)))
        };
        let height = names.iter().map(Vec::len).max().unwrap_or(1);
        let mut lines: Vec<String> =
            (0..height).map(|at| self.line("", names.iter().map(|name| part(name, at)))).collect();
        lines.extend([
            self.line("", self.arms.iter().map(|arm| block(&format!("{}, close {}", arm.driver, arm.close)))),
            self.line("", self.arms.iter().map(|arm| block(&format!("{}, {}", arm.sandbox, arm.target)))),
            self.line("", self.arms.iter().map(|_| self.style.paint(Paint::Faint, &"─".repeat(BLOCK)))),
        ]);
        lines
    }

    fn row(&self, row: &Row) -> String {
        self.line(&row.label, row.cells.iter().map(|figure| self.figure(figure)))
    }

    fn figure(&self, figure: &Figure) -> String {
        let bar = figure.share.map_or_else(String::new, |share| bar(share, BLOCK - FIGURE - 1));
        format!("{} {}", right(&figure.text, FIGURE), cell(&bar, BLOCK - FIGURE - 1))
    }

    fn sockets(&self) -> Vec<String> {
        let states = figures::states(self.arms);
        if states.is_empty() {
            return Vec::new();
        }
        let sides = " ── client ───   ── server ───";
        let names = pairs(["peak", "final"].map(str::to_owned), ["peak", "final"].map(str::to_owned));
        let faint = |text: &str| self.style.paint(Paint::Faint, text);
        let mut lines = vec![
            self.line("", self.arms.iter().map(|_| faint(sides))),
            self.titled("sockets", self.arms.iter().map(|_| faint(&names))),
        ];
        for (state, arms) in &states {
            lines.push(self.line(&format!(" {state}"), arms.iter().map(both_sides)));
        }
        lines.push(String::new());
        lines
    }

    fn latency(&self) -> Vec<String> {
        let phases = figures::phases(self.arms);
        if phases.is_empty() {
            return Vec::new();
        }
        let names = percentiles(["p50", "p90", "p99", "max", "count"].map(str::to_owned));
        let names = self.style.paint(Paint::Faint, &names);
        let mut lines = vec![self.titled("latency ms", self.arms.iter().map(|_| names.clone()))];
        for (phase, arms) in &phases {
            lines.push(self.line(&format!(" {phase}"), arms.iter().map(phase_block)));
        }
        lines.push(String::new());
        lines
    }

    /// A line whose label is a heading.
    fn titled(&self, label: &str, blocks: impl Iterator<Item = String>) -> String {
        let blanks = " ".repeat(self.label.saturating_sub(columns(label)));
        let rest: String = blocks.map(|block| format!("{}{block}", " ".repeat(GAP))).collect();
        format!("{}{blanks}{rest}", self.strong(label)).trim_end().to_owned()
    }
}

fn both_sides(sides: &BothSides) -> String {
    let [client, server] = sides.map(|side| match side {
        Some(StateSummary { peak, last }) => [figures::count(peak), figures::count(last)],
        None => ["-", "-"].map(str::to_owned),
    });
    pairs(client, server)
}

/// Two figures of the client and two of the server, in a block.
fn pairs(client: [String; 2], server: [String; 2]) -> String {
    let [a, b, c, d] = [&client[0], &client[1], &server[0], &server[1]].map(|text| right(text, 6));
    format!(" {a} {b}   {c} {d}")
}

fn phase_block(phase: &PhaseSummary) -> String {
    let [p50, p90, p99, max] = [phase.p50, phase.p90, phase.p99, phase.max].map(figures::ms);
    percentiles([p50, p90, p99, max, figures::count(phase.count)])
}

fn percentiles(cells: [String; 5]) -> String {
    let [p50, p90, p99, max, count] = cells;
    let [p50, p90, p99, max] = [p50, p90, p99, max].map(|text| right(&text, 5));
    format!("{p50} {p90} {p99} {max} {}", right(&count, 6))
}

/// A bar of `share` (0 to 1) of `width` columns, in eighths; anything above nothing shows.
fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = share.clamp(0.0, 1.0);
    let eighths = (share * width as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_columns() {
        assert_eq!((bar(1.0, 3), bar(0.5, 3), bar(0.0, 3)), ("███".into(), "█▌".into(), String::new()));
        assert_eq!(bar(1e-9, 3), "▏", "something is never nothing");
        assert_eq!(bar(7.0, 3), "███", "a share above one is drawn as one");
    }

    #[test]
    fn a_block_has_its_width() {
        let state = Some(StateSummary { peak: 28_232, last: 0 });
        assert_eq!(columns(&both_sides(&[state, None])), BLOCK);
        let phase = PhaseSummary { p50: Some(3_600_000.0), count: 99_999, ..PhaseSummary::default() };
        assert_eq!(columns(&phase_block(&phase)), BLOCK);
    }
}
