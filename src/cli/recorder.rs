//! The one listener to a run's events: keeps them, folds them, shows them.

use super::failure::Failure;
use super::progress::Progress;
use crate::record::{Event, Run, Summary};
use crate::report::{ReportError, ResultDir};
use crate::run::Stopper;
use crate::verdict;

/// Keeps, folds and shows a run's events.
pub(super) struct Recorder {
    dir: ResultDir,
    run: Run,
    progress: Progress,
    stopper: Stopper,
    lost: Option<ReportError>,
}

/// What a run became.
pub(super) struct Recorded {
    pub(super) run: Run,
    pub(super) summary: Summary,
    pub(super) dir: ResultDir,
    /// Why it could not be kept.
    pub(super) lost: Option<Failure>,
}

impl Recorder {
    pub(super) fn new(dir: ResultDir, progress: Progress, stopper: Stopper) -> Self {
        Self { dir, run: Run::default(), progress, stopper, lost: None }
    }

    /// Takes one event in. What cannot be kept is not worth a load on anybody's server: then the run ends as at a signal.
    pub(super) fn event(&mut self, event: &Event) {
        self.run.fold(event);
        self.progress.event(event, &self.run);
        if self.lost.is_none()
            && let Err(error) = self.keep(event)
        {
            self.lost = Some(error);
            self.stopper.ask();
        }
    }

    /// Samples come 50 times a second and wait for the next other event; whatever else happens is on its way to the disk
    /// before the next thing starts.
    fn keep(&mut self, event: &Event) -> Result<(), ReportError> {
        self.dir.append(event)?;
        if matches!(event, Event::Sample { .. }) { Ok(()) } else { self.dir.flush() }
    }

    /// Judges the run, and keeps the verdict.
    pub(super) fn finish(mut self) -> Recorded {
        drop(self.progress);
        let summary = verdict::summarise(&self.run);
        let measured = !self.run.arms.is_empty();
        let lost = self.lost.or_else(|| if measured { self.dir.finish(&self.run, &summary).err() } else { None });
        Recorded { run: self.run, summary, dir: self.dir, lost: lost.map(kept) }
    }
}

/// Results that cannot be kept.
pub(super) fn kept(error: ReportError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    let usage = matches!(error, ReportError::NotEmpty { .. });
    if usage { Failure::usage(error) } else { Failure::machine(error) }.maybe_hint(hint)
}
