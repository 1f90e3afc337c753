//! A run, full screen while it goes on: both hosts' states over time, the ports, the outcomes, arm by arm.
//!
//! It folds the same events as every other reader of a run. The choice not taken: to look at the sandbox's sockets from
//! here as well, which would measure the run a second time.

use std::io;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::figures::{bar, cut, sparkline};
use super::terminal::Terminal;
use super::theme::Theme;
use crate::record::{ArmRun, Named as _, Run, Sample, Side, TcpState};
use crate::units::{Count, Monotonic};

/// Between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// Outcomes, earlier arms and notices that show at the most.
const OUTCOMES: usize = 4;
const ARMS: usize = 6;
const NOTICES: usize = 4;

/// A run on the screen; the terminal is as it was before once dropped.
pub struct RunScreen {
    terminal: Terminal,
    theme: Theme,
    drawn: Option<Monotonic>,
}

impl RunScreen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When there is none.
    pub fn enter(theme: Theme) -> io::Result<Self> {
        Ok(Self { terminal: Terminal::enter()?, theme, drawn: None })
    }

    /// Shows the run as it is, ten times a second at the most; `now` lets it be shown at once.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub fn show(&mut self, run: &Run, at: Monotonic, now: bool) -> io::Result<()> {
        if !now && self.drawn.is_some_and(|drawn| at.since(drawn) < FRAME) {
            return Ok(());
        }
        self.drawn = Some(at);
        let theme = self.theme;
        self.terminal.draw(|frame| draw_run(frame, run, theme))
    }
}

/// Draws a run as far as it has come.
pub fn draw_run(frame: &mut Frame<'_>, run: &Run, theme: Theme) {
    let [body, foot] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
    let width = usize::from(body.width);
    let mut lines = vec![title(run, theme)];
    if let Some(arm) = run.arms.last() {
        lines.push(settings(arm, theme, width));
        lines.push(attempts(arm, theme, width));
        lines.push(ports(arm, theme, width));
        lines.push(Line::default());
        lines.push(sides(arm, theme, width));
        lines.extend(TcpState::ALL.iter().filter_map(|state| states(arm, *state, theme, width)));
        lines.push(Line::default());
        lines.extend(outcomes(arm, theme, width));
    }
    let earlier = run.arms.split_last().map_or(&[][..], |(_, earlier)| earlier);
    if !earlier.is_empty() {
        lines.push(Line::styled("arms before", theme.strong()));
        lines.extend(earlier.iter().rev().take(ARMS).map(|arm| arm_before(arm, theme, width)));
    }
    for (arm, text) in run.notices.iter().rev().take(NOTICES) {
        let arm = arm.as_ref().map_or(String::new(), |arm| format!("{arm}: "));
        lines.push(Line::styled(cut(&format!("note: {arm}{text}"), width), theme.odd()));
    }
    frame.render_widget(Paragraph::new(lines), body);
    frame.render_widget(Paragraph::new("Ctrl-C ends the run and keeps its partial result").style(theme.faint()), foot);
}

fn title(run: &Run, theme: Theme) -> Line<'static> {
    let (scenario, seed) = run.header.as_ref().map_or(("", 0), |header| (header.scenario.as_str(), header.seed));
    Line::from(vec![
        Span::styled("closewait run ", theme.faint()),
        Span::styled(scenario.to_owned(), theme.strong()),
        Span::styled(format!("   seed {seed}   arm {}", run.arms.len()), theme.faint()),
    ])
}

fn settings(arm: &ArmRun, theme: Theme, width: usize) -> Line<'static> {
    let facts = &arm.facts;
    let text = format!(
        "{}: {}, close {}, {}, to {}, sandbox {}",
        facts.name, facts.driver, facts.close, facts.arrivals, facts.target, facts.sandbox
    );
    Line::styled(cut(&text, width), theme.strong())
}

fn now(arm: &ArmRun) -> Duration {
    let loaded = arm.intervals().map(|it| it.to).max().unwrap_or_default();
    arm.samples.values().iter().map(|sample| sample.at).next_back().unwrap_or_default().max(loaded)
}

fn attempts(arm: &ArmRun, theme: Theme, width: usize) -> Line<'static> {
    let (done, at) = (arm.outcomes.total(), now(arm));
    let planned = arm.facts.planned_attempts;
    let of = planned.map_or(String::new(), |planned| format!(" of {}", Count(planned)));
    let rate = if at.is_zero() { 0.0 } else { figure(done) / at.as_secs_f64() };
    let head = format!("{:<10}{:>24} ", "attempts", format!("{}{of}", Count(done)));
    let tail = format!(" {:.1}s, {rate:.0}/s", at.as_secs_f64());
    let room = width.saturating_sub(head.len() + tail.len()).min(40);
    let share = planned.map_or(0.0, |planned| figure(done) / figure(planned.max(1)));
    Line::styled(format!("{head}{:<room$}{tail}", bar(share, room)), theme.plain())
}

fn ports(arm: &ArmRun, theme: Theme, width: usize) -> Line<'static> {
    let used = arm.samples.values().iter().rev().find_map(|sample| arm.ports_used(sample.client.as_ref()?));
    let available = u64::from(arm.facts.ephemeral_ports.count);
    let used = used.unwrap_or(0);
    let head = format!("{:<10}{:>24} ", "ports", format!("{} of {}", Count(used), Count(available)));
    let tail = match arm.exhausted_after {
        Some(after) => format!(" OUT OF PORTS after {:.2}s", after.as_secs_f64()),
        None => String::new(),
    };
    let room = width.saturating_sub(head.len() + 28).min(40);
    let style = if arm.exhausted_after.is_some() { theme.bad() } else { theme.plain() };
    Line::styled(format!("{head}{:<room$}{tail}", bar(figure(used) / figure(available.max(1)), room)), style)
}

fn sides(arm: &ArmRun, theme: Theme, width: usize) -> Line<'static> {
    let server = if arm.last.contains_key(&Side::Server) { "server" } else { "server (not observed)" };
    Line::styled(format!("{:<half$}{server}", "client", half = width / 2), theme.strong())
}

/// A state on both sides; none when neither ever saw it.
fn states(arm: &ArmRun, state: TcpState, theme: Theme, width: usize) -> Option<Line<'static>> {
    let peak = |side| arm.peak.get(&side).map_or(0, |peak| peak.of(state));
    if state == TcpState::Listen || [Side::Client, Side::Server].iter().all(|side| peak(*side) == 0) {
        return None;
    }
    let room = (width / 2).saturating_sub(11 + 9 + 1 + 2);
    let mut spans = Vec::new();
    for side in [Side::Client, Side::Server] {
        let count = arm.last.get(&side).map_or(0, |last| last.of(state));
        let style = if state == TcpState::CloseWait && count > 0 { theme.odd() } else { theme.plain() };
        let style = if peak(side) == 0 { theme.faint() } else { style };
        let values = columns(arm.samples.values(), side, state, now(arm), room);
        spans.push(Span::styled(format!("{state:<11}{:>9} {}  ", Count(count), sparkline(&values)), style));
    }
    Some(Line::from(spans))
}

/// From the arm's start to now in `columns` parts, each the most that a table in it saw; without one it is like the part
/// before.
fn columns(samples: &[Sample], side: Side, state: TcpState, now: Duration, columns: usize) -> Vec<Option<u32>> {
    let mut found = vec![None; columns];
    for sample in samples {
        let Some(table) = sample.side(side).and_then(|side| side.table.as_ref()) else { continue };
        let column = sample.at.as_nanos() * columns as u128 / now.as_nanos().max(1);
        let column = usize::try_from(column).unwrap_or(columns).min(columns.saturating_sub(1));
        if let Some(found) = found.get_mut(column) {
            *found = (*found).max(Some(u32::try_from(table.states.of(state)).unwrap_or(u32::MAX)));
        }
    }
    for column in 1..columns {
        found[column] = found[column].or(found[column - 1]);
    }
    found
}

fn outcomes(arm: &ArmRun, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let all = arm.outcomes.total().max(1);
    let mut outcomes: Vec<_> = arm.outcomes.iter().collect();
    outcomes.sort_by_key(|(outcome, n)| (std::cmp::Reverse(*n), *outcome));
    let line = |(outcome, n): &(crate::record::Outcome, u64)| {
        let share = figure(*n) / figure(all);
        let head = format!("{:<22}{:>12} {:>5.1}% ", outcome.name(), Count(*n), 100.0 * share);
        let room = width.saturating_sub(head.len()).min(40);
        Line::styled(format!("{head}{}", bar(share, room)), theme.plain())
    };
    outcomes.iter().take(OUTCOMES).map(line).collect()
}

fn arm_before(arm: &ArmRun, theme: Theme, width: usize) -> Line<'static> {
    let waiting = arm.last.get(&Side::Client).map_or(0, |states| states.of(TcpState::CloseWait));
    let ports = match arm.exhausted_after {
        Some(after) => format!("out of ports after {:.2}s", after.as_secs_f64()),
        None => format!("{} ports at most", Count(arm.ports.peak())),
    };
    let (name, attempts) = (&arm.facts.name, Count(arm.outcomes.total()));
    let text = format!("  {name:<12} {attempts:>9} attempts, {} in CLOSE_WAIT, {ports}", Count(waiting));
    Line::styled(cut(&text, width), if arm.exhausted_after.is_some() { theme.bad() } else { theme.plain() })
}

/// A count as a number to divide; beyond 2^53 the last digits do not show.
#[expect(clippy::cast_precision_loss, reason = "it is drawn in a few columns")]
const fn figure(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
