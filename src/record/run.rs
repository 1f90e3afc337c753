//! A run: its events folded, in room that does not grow with the number of attempts.

use super::{ArmRun, Event, Header};

/// A run, as far as its events tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// What heads the record; none until its first event.
    pub header: Option<Header>,
    /// The arms that were started, in order.
    pub arms: Vec<ArmRun>,
    /// What a reader must know, in order: the arm, if it concerns one, and a sentence.
    pub notices: Vec<(Option<String>, String)>,
    /// Whether the last event was seen and said that every arm was played to its end.
    pub complete: bool,
    /// How many results were merged into this one; none where it is one run.
    pub merged: Option<u32>,
}

impl Run {
    /// Folds a whole stream.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut run = Self::default();
        for event in events {
            run.fold(event);
        }
        run
    }

    /// Takes one event in. An event of an arm that was never started is passed over: nothing can be said of it.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::Run(header) => self.header = Some(header.as_ref().clone()),
            Event::ArmStarted(facts) => self.arms.push(ArmRun::new(facts.as_ref().clone())),
            Event::Sample { arm, sample } => self.with(arm, |arm| arm.sample(sample)),
            Event::Load { arm, interval } => self.with(arm, |arm| arm.load(interval)),
            Event::Ledger { arm, interval } => self.with(arm, |arm| arm.ledger(interval)),
            Event::Exhausted { arm, at_s } => self.with(arm, |arm| arm.exhausted(*at_s)),
            Event::Notice { arm, text } => self.notices.push((arm.clone(), text.clone())),
            Event::ArmEnded { arm, end } => self.with(arm, |arm| arm.ended(end)),
            Event::RunEnded { complete } => self.complete = *complete,
        }
    }

    /// The arm of that name; of several the one that was played last.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<&ArmRun> {
        self.arms.iter().rev().find(|arm| arm.facts.name == name)
    }

    fn with(&mut self, name: &str, change: impl FnOnce(&mut ArmRun)) {
        if let Some(arm) = self.arms.iter_mut().rev().find(|arm| arm.facts.name == name) {
            change(arm);
        }
    }
}
