//! Whether a command forks without end: pure, over how many processes it was counted to have.
//!
//! What is bounded stays at its bound, and nothing comes of it any more; what is not bounded is stopped at the bound. And
//! where so many want a processor that nobody counts them any more, that says it too.

use std::time::Duration;

use crate::units::{Monotonic, Span};

/// Silence of who counts is not taken for a crowd sooner: a busy machine may hold it up.
const SHORTEST_SILENCE: Duration = Duration::from_secs(5);

/// So much of the time between two questions counts as silence: whoever asks may have been held up as well.
const LONGEST_STEP: Duration = Duration::from_millis(500);

/// How many processes a command has, while it is watched.
#[derive(Debug)]
pub(super) struct Crowd {
    most: u32,
    patience: Duration,
    /// Whether the kernel holds the command to its bound.
    bounded: bool,
    counted: u32,
    full_since: Option<Monotonic>,
    /// When more were counted than there may be.
    over: Option<Monotonic>,
    asked: Option<Monotonic>,
    silent: Duration,
    lost: bool,
}

/// From so many on a command is at its bound: not all are counted at one instant.
pub(super) const fn full(most: u32) -> u32 {
    most - most / 20
}

impl Crowd {
    pub(super) const fn new(most: u32, patience: Duration) -> Self {
        Self {
            most,
            patience,
            bounded: false,
            counted: 0,
            full_since: None,
            over: None,
            asked: None,
            silent: Duration::ZERO,
            lost: false,
        }
    }

    /// The command runs, and the kernel holds it to its bound or not.
    pub(super) const fn starts(&mut self, bounded: bool) {
        self.bounded = bounded;
    }

    pub(super) fn counted(&mut self, crowd: u32, at: Monotonic) {
        self.silent = Duration::ZERO;
        self.counted = crowd;
        if crowd < full(self.most) {
            self.full_since = None;
        } else {
            self.full_since = self.full_since.or(Some(at));
        }
        if !self.bounded && crowd > self.most {
            self.over = self.over.or(Some(at));
        }
    }

    /// When it was ended for its number already, if it was: from then on what happens is not its own doing.
    pub(super) const fn ended_at(&self) -> Option<Monotonic> {
        self.over
    }

    /// Whether nothing but forks comes of it any more; `newest` is when its last connection was opened.
    pub(super) fn storms(&mut self, now: Monotonic, newest: impl FnOnce() -> Option<Monotonic>) -> bool {
        let step = self.asked.map_or(Duration::ZERO, |asked| now.since(asked)).min(LONGEST_STEP);
        self.asked = Some(now);
        self.silent += step;
        let silent = self.silent > self.patience.max(SHORTEST_SILENCE);
        let full = self.full_since.filter(|since| now.since(*since) > self.patience);
        if self.over.is_some() {
            return true;
        }
        if !silent && full.is_none() {
            return false;
        }
        let newest = newest();
        let quiet = newest.is_none_or(|newest| now.since(newest) > self.patience);
        self.lost = silent && full.is_none();
        quiet
    }

    /// What is to be said of it.
    pub(super) fn sentence(&self) -> String {
        let Self { most, counted, .. } = self;
        let patience = Span(self.patience);
        let advice = "If it needs more, raise --max-processes.";
        if self.over.is_some() {
            format!(
                "It forked without end: {counted} processes and threads, and --max-processes allows {most}. {advice}"
            )
        } else if self.lost {
            let last = if *counted == 0 { String::new() } else { format!(" ({counted} when they last were)") };
            format!(
                "Its processes could not be counted any more{last}, for longer than {patience} in which it opened no \
                 connection: it left no time on the processors, or it stopped what counts them."
            )
        } else {
            format!(
                "It forked without end: {counted} processes and threads of the {most} that --max-processes allows, for longer \
                 than {patience} (--patience) in which it opened no connection. {advice}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos((1000 + millis) * 1_000_000)
    }

    fn crowd(bounded: bool) -> Crowd {
        let mut crowd = Crowd::new(100, Duration::from_secs(2));
        crowd.starts(bounded);
        crowd
    }

    #[test]
    fn a_bound_that_is_reached_is_waited_out_by_the_patience() {
        let mut it = crowd(true);
        it.counted(94, at(0));
        assert!(!it.storms(at(3000), || None), "below its bound");
        it.counted(95, at(3000));
        assert!(!it.storms(at(5000), || None));
        assert!(!it.storms(at(5100), || Some(at(3500))), "it opened a connection meanwhile");
        assert!(it.storms(at(5600), || Some(at(3500))));
        assert!(it.sentence().contains("95 processes and threads of the 100"), "{}", it.sentence());
        it.counted(20, at(5700));
        assert!(!it.storms(at(9000), || None), "they ended");
    }

    #[test]
    fn what_nobody_bounds_ends_at_the_bound() {
        let mut it = crowd(false);
        it.counted(100, at(0));
        assert!(!it.storms(at(10), || None));
        it.counted(101, at(20));
        assert!(it.storms(at(30), || Some(at(25))));
        assert_eq!(it.ended_at(), Some(at(20)));
    }

    #[test]
    fn a_silence_counts_only_while_it_is_listened_to() {
        let mut it = crowd(true);
        it.counted(10, at(0));
        assert!(!it.storms(at(0), || None));
        // As after this whole machine was stopped for a minute.
        assert!(!it.storms(at(60_000), || None));
        let silent = (1..60).find(|step| it.storms(at(60_000 + step * 100), || None));
        assert!(silent.is_some_and(|steps| (40..=50).contains(&steps)), "{silent:?}");
        assert!(it.sentence().contains("(10 when they last were)"), "{}", it.sentence());
    }
}
