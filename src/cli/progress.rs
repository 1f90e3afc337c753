//! What happens, while it happens: a bar on a terminal, a line an arm elsewhere, both on stderr; or the full screen.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::outputs::say;
use super::watch::colour;
use crate::record::{Event, Outcome, Run, Side, TcpState};
use crate::units::Monotonic;
use crate::watch::{RunScreen, Theme};

/// Shows a run's progress.
pub(super) struct Progress {
    quiet: bool,
    bar: Option<ProgressBar>,
    screen: Option<RunScreen>,
}

impl Progress {
    pub(super) const fn new(quiet: bool) -> Self {
        Self { quiet, bar: None, screen: None }
    }

    /// Takes the whole terminal, until it is dropped.
    pub(super) fn full_screen() -> std::io::Result<Self> {
        Ok(Self { quiet: false, bar: None, screen: Some(RunScreen::enter(Theme::new(colour()))?) })
    }

    /// Shows what an event changed; `run` has taken it in already.
    pub(super) fn event(&mut self, event: &Event, run: &Run) {
        if self.quiet {
            return;
        }
        if let Some(screen) = &mut self.screen {
            let now = !matches!(event, Event::Load { .. } | Event::Sample { .. });
            if screen.show(run, Monotonic::now(), now).is_err() {
                // The terminal has gone; the run goes on.
                self.screen = None;
                self.quiet = true;
            }
            return;
        }
        match event {
            Event::ArmStarted(facts) => {
                self.begin(&facts.name, facts.planned_attempts, &facts.arrivals, &facts.sandbox)
            }
            Event::Load { arm, .. } | Event::Sample { arm, .. } => self.update(arm, run),
            Event::Notice { arm, text } => {
                self.line(&format!("{}{text}", arm.as_ref().map_or(String::new(), |arm| format!("{arm}: "))))
            }
            Event::ArmEnded { .. } => self.finish(),
            Event::Run(_) | Event::Ledger { .. } | Event::Exhausted { .. } | Event::RunEnded { .. } => {}
        }
    }

    fn begin(&mut self, arm: &str, planned: Option<u64>, arrivals: &str, sandbox: &str) {
        if !std::io::stderr().is_terminal() {
            let attempts = planned.map_or(String::new(), |n| format!(", {n} attempts"));
            say(&format!("playing arm {arm}: {arrivals}{attempts}, sandbox {sandbox}\n"));
            return;
        }
        let bar = ProgressBar::with_draw_target(planned, ProgressDrawTarget::stderr_with_hz(10));
        let template = "{prefix:>12} [{elapsed_precise}] {bar:24} {pos}/{len} attempts  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(arm.to_owned());
        self.bar = Some(bar);
    }

    fn update(&self, name: &str, run: &Run) {
        let (Some(bar), Some(arm)) = (&self.bar, run.arm(name)) else { return };
        bar.set_position(arm.outcomes.total());
        let waiting = arm.last.get(&Side::Client).map_or(0, |states| states.of(TcpState::CloseWait));
        let exhausted = arm.outcomes.of(Outcome::PortsExhausted);
        let without_port = if exhausted > 0 { format!("  {exhausted} without a port") } else { String::new() };
        bar.set_message(format!("{waiting} in CLOSE_WAIT{without_port}"));
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(&format!("note: {text}\n"))),
            None => say(&format!("note: {text}\n")),
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
