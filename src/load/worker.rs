//! One worker: it starts its share of the attempts when they fall due, and reports ten times a second.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

use super::Config;
use super::attempts::Attempts;
use super::schedule::{Schedule, Share};
use super::timer::Timer;
use crate::client::Client;
use crate::record::LoadInterval;
use crate::units::Monotonic;

/// What a worker says as it goes.
#[derive(Debug)]
pub enum Report {
    /// What it did since its last report.
    Interval(Box<LoadInterval>),
    /// Its first attempt that found no port, this long after the start.
    Exhausted(Duration),
}

/// How often a worker reports.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// How many attempts are started in a row before those under way get their turn.
const STARTS_IN_A_ROW: u32 = 16;

/// Plays a share of a schedule; holds what the close strategy keeps open until it is dropped.
///
/// It must be used inside a `LocalSet`: attempts share its counters without locks.
#[derive(Debug)]
pub struct Worker {
    attempts: Rc<Attempts>,
    config: Config,
    share: Share,
    start: Monotonic,
    reported: Cell<Duration>,
}

impl Worker {
    /// A worker that plays `share` of the schedule; the first attempt is meant to start at `start`.
    #[must_use]
    pub fn new(config: Config, client: Client, share: Share, start: Monotonic) -> Self {
        let attempts = Rc::new(Attempts::new(&config, client, share, start));
        Self { attempts, config, share, start, reported: Cell::new(Duration::ZERO) }
    }

    /// Plays the schedule to its end, retries included, or until `stop` is notified: then attempts under way are given
    /// up, which is their outcome, and all that was counted is reported.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    ///
    /// # Panics
    /// When an attempt does: that would be a bug here.
    pub async fn play(&self, say: &impl Fn(Report), stop: &Notify) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        let played = tokio::select! {
            played = self.start_all(&mut tasks) => played,
            () = stop.notified() => Ok(()),
            () = self.keep_reporting(say) => Ok(()),
        };
        tasks.abort_all();
        while let Some(task) = tasks.join_next().await {
            pass_panic_on(task);
        }
        self.report(say);
        played
    }

    /// Reports and lets go of what a late closer holds, until it is dropped: for the time after the schedule's end.
    pub async fn settle(&self, say: &impl Fn(Report)) {
        self.keep_reporting(say).await;
    }

    async fn start_all(&self, tasks: &mut JoinSet<()>) -> io::Result<()> {
        let timer = Timer::new()?;
        let mut in_a_row = 0;
        let mut schedule = Schedule::new(&self.config, self.share);
        while let Some(offset) = schedule.next() {
            let intended = self.start.after(offset);
            if intended.remaining().is_zero() {
                in_a_row += 1;
            } else {
                timer.until(intended).await?;
                in_a_row = 0;
            }
            if in_a_row >= STARTS_IN_A_ROW {
                tokio::task::yield_now().await;
                in_a_row = 0;
            }
            while let Some(task) = tasks.try_join_next() {
                pass_panic_on(task);
            }
            if let Some(attempt) = self.attempts.arrive(intended, schedule.length()) {
                tasks.spawn_local(attempt);
            }
        }
        while let Some(task) = tasks.join_next().await {
            pass_panic_on(task);
        }
        Ok(())
    }

    /// Reports, and lets go of each held socket when its time has come.
    async fn keep_reporting(&self, say: &impl Fn(Report)) {
        let mut next_report = Monotonic::now().after(REPORT_EVERY);
        loop {
            let next = self.attempts.next_due().map_or(next_report, |due| due.min(next_report));
            let _ = tokio::time::timeout(next.remaining(), self.attempts.wake()).await;
            self.attempts.let_go();
            self.tell_exhaustion(say);
            if next_report.remaining().is_zero() {
                self.report(say);
                next_report = Monotonic::now().after(REPORT_EVERY);
            }
        }
    }

    /// Says when the first attempt found no port, once, and not only with the next report.
    fn tell_exhaustion(&self, say: &impl Fn(Report)) {
        if let Some(at) = self.attempts.take_exhausted() {
            say(Report::Exhausted(at));
        }
    }

    /// Says what was counted since the last report.
    fn report(&self, say: &impl Fn(Report)) {
        self.tell_exhaustion(say);
        let (from, to) = (self.reported.get(), Monotonic::now().since(self.start));
        if let Some(interval) = self.attempts.interval(from, to) {
            self.reported.set(to);
            say(Report::Interval(Box::new(interval)));
        }
    }
}

/// An attempt that panicked is a bug, and never one attempt fewer.
fn pass_panic_on(task: Result<(), JoinError>) {
    if let Err(error) = task
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

#[cfg(test)]
mod tests;
