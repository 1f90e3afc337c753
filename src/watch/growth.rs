//! A number of sockets in CLOSE_WAIT that only grows, and how fast.
//!
//! What is called *present* is defined here and nowhere else. A leak's rate is that of the last ten seconds of its
//! growth, or of the last five looks that found more where those lie further apart: so a leak of one socket a minute has
//! a rate too. It stands still once nothing has come for five seconds and for five times as long as lay between those
//! looks; then it has no rate, and what it holds it still holds. The choice not taken: the average since it began, which
//! tells of a leak that ended an hour ago that it goes on.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::Monotonic;

/// Looks, and looks that found more, that are kept; a look comes once a second at the most often.
const KEPT: usize = 32;
/// CLOSE_WAIT that grows for a shorter time, in fewer looks or by fewer sockets may be one burst.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
const RISES: u32 = 3;
const GROWN: u32 = 5;
/// The present is the last 10 seconds, or the last 5 looks where that is longer.
pub(super) const PRESENT: Duration = Duration::from_secs(10);
pub(super) const PRESENT_LOOKS: usize = 5;
/// What has not grown for this long, and for 5 times as long as lay between its looks that found more, stands still.
const STILL: Duration = Duration::from_secs(5);
const STILL_GAPS: u32 = 5;
/// Who is in CLOSE_WAIT for longer has stayed.
pub(super) const STAYED: Duration = Duration::from_secs(5);
/// As many come as leave, and the number still goes up and down by chance: beyond so many standard deviations it is none.
const SURE: f64 = 5.0;

/// Which sockets are counted, and so what it means that one of them leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// All: a busy correct client has some at every look, so only where none ever leaves the rest will stay.
    All,
    /// Those that have stayed for a while: some of them may still leave, if more come than chance explains.
    Stayed,
}

/// How one number goes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Growth {
    counted: Counted,
    last: u32,
    /// Whether any that was counted has ever left.
    leave: bool,
    /// Until then those come that were in CLOSE_WAIT when it last fell: they are no growth.
    settles: Monotonic,
    /// Since when it grows, how many there were then, and how many have left since.
    since: Monotonic,
    base: u32,
    left: u32,
    /// The most since then, and how many have left since it was reached.
    most: u32,
    left_since_most: u32,
    /// Looks since then that found more than before, and the last of them with what they found; the first is that
    /// beginning itself as long as it is kept.
    rises: u32,
    rose: VecDeque<(Monotonic, u32)>,
}

/// CLOSE_WAIT that only grows, or has only grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leak {
    /// For how long.
    pub(super) lasts: Duration,
    /// By how many it has grown in that time.
    pub(super) grown: u32,
    /// Sockets a second at present; none when it stands still.
    pub(super) per_s: Option<f64>,
}

impl Growth {
    pub(super) fn new(counted: Counted, at: Monotonic, count: u32) -> Self {
        Self {
            counted,
            last: count,
            leave: false,
            settles: at,
            since: at,
            base: count,
            left: 0,
            most: count,
            left_since_most: 0,
            rises: 0,
            rose: VecDeque::from([(at, count)]),
        }
    }

    /// Takes a look in; `left` of those that were counted at the look before are not any more.
    pub(super) fn push(&mut self, at: Monotonic, count: u32, left: u32) {
        self.leave |= left > 0;
        self.left = self.left.saturating_add(left);
        self.left_since_most = self.left_since_most.saturating_add(left);
        let (ends, rises) = match self.counted {
            // Fewer although none has left are sockets whose holder was found out meanwhile: another group has them.
            Counted::All => (left > 0, count > self.last),
            Counted::Stayed => {
                if count < self.base || self.falls(count) || self.only_turns_over(at) {
                    self.settles = at.after(STAYED);
                }
                (count <= self.base || at < self.settles, count > self.most)
            }
        };
        if ends {
            self.rose.clear();
            self.rose.push_back((at, count));
            (self.since, self.base, self.left, self.most, self.left_since_most, self.rises) =
                (at, count, 0, count, 0, 0);
        } else if rises {
            self.rises += 1;
            keep(&mut self.rose, (at, count));
        }
        if count > self.most {
            (self.most, self.left_since_most) = (count, 0);
        }
        self.last = count;
    }

    /// Whether it falls: by more than a tenth of what it had grown, and than chance explains.
    fn falls(&self, count: u32) -> bool {
        let tenth = f64::from(self.most - self.base) / 10.0;
        f64::from(self.most.saturating_sub(count)) > tenth.max(chance(self.left_since_most, self.left_since_most))
    }

    /// Whether it has grown, stands still, and has others in it than before: a late closer that has more to close.
    fn only_turns_over(&self, now: Monotonic) -> bool {
        self.leak(now).is_some_and(|leak| leak.per_s.is_none() && self.left > leak.grown / 10)
    }

    /// The leak, if it is one: it has grown for a while, more than once, and by more than chance explains.
    pub(super) fn leak(&self, now: Monotonic) -> Option<Leak> {
        let (lasts, grown) = (now.since(self.since), self.last.saturating_sub(self.base));
        let is_one = lasts >= LONG_ENOUGH && grown >= GROWN && self.rises >= RISES;
        let is_one = is_one && (!self.leave || f64::from(grown) > chance(grown.saturating_add(self.left), self.left));
        is_one.then(|| Leak { lasts, grown, per_s: self.grows(now) })
    }

    /// The rate of the present growth; none when it stands still.
    fn grows(&self, now: Monotonic) -> Option<f64> {
        let (newest, most) = *self.rose.back()?;
        let recent = self.rose.iter().rev().enumerate().skip(1);
        let mut recent = recent.skip_while(|(looks, (at, _))| *looks < PRESENT_LOOKS || newest.since(*at) < PRESENT);
        // A leak that began just now is as old as it is.
        let (looks, (oldest, least)) = match recent.next() {
            Some((looks, oldest)) => (looks, *oldest),
            None => (self.rose.len() - 1, *self.rose.front()?),
        };
        let span = newest.since(oldest);
        let gap = span / u32::try_from(looks.max(1)).unwrap_or(u32::MAX);
        let still = now.since(newest) >= STILL.max(gap * STILL_GAPS);
        let more = most.saturating_sub(least);
        (more > 0 && !still).then(|| f64::from(more) / span.as_secs_f64().max(0.001))
    }
}

/// What chance makes of a number that does not grow while so many come and leave.
fn chance(came: u32, left: u32) -> f64 {
    SURE * (f64::from(came) + f64::from(left)).sqrt()
}

pub(super) fn keep<T>(kept: &mut VecDeque<T>, newest: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(newest);
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_nanos(seconds * 1_000_000_000)
    }

    /// Looks a second apart at the sockets that have stayed: (how many, left).
    fn stayed(looks: &[(u32, u32)]) -> Growth {
        let mut growth = Growth::new(Counted::Stayed, at(0), looks[0].0);
        for (second, &(count, left)) in looks.iter().enumerate().skip(1) {
            growth.push(at(second as u64), count, left);
        }
        growth
    }

    fn leak(looks: &[(u32, u32)]) -> Option<Leak> {
        stayed(looks).leak(at(looks.len() as u64 - 1))
    }

    #[test]
    fn growth_beyond_chance_is_a_leak_whatever_else_leaves() {
        // 20 a second stay for ever; 80 a second come for a while, and leave.
        let mixed: Vec<_> = (0..=60).map(|second| (80 + 20 * second, 80)).collect();
        let found = leak(&mixed).unwrap();
        assert_eq!((found.grown, found.lasts), (1_200, Duration::from_secs(60)));
        assert!((found.per_s.unwrap() - 20.0).abs() < 1e-9, "{found:?}");
        assert_eq!(leak(&mixed[..=6]), None, "too soon to say");
        // One that somebody destroyed ends no suspicion.
        let mut one: Vec<_> = (0..=20).map(|second| (10 * second, 0)).collect();
        one[15].1 = 1;
        assert!(leak(&one).is_some());
    }

    #[test]
    fn what_goes_up_and_down_by_chance_is_none() {
        for (rate, seed) in [(1u32, 1), (10, 2), (100, 3), (1_000, 4)] {
            let mut rng = StdRng::seed_from_u64(seed);
            // Of 2 x rate coins half show heads: as many come in a second, and leave five seconds after they have stayed.
            let came: Vec<u32> =
                (0..3_600).map(|_| (0..2 * rate).map(|_| u32::from(rng.random::<bool>())).sum()).collect();
            let mut growth = Growth::new(Counted::Stayed, at(0), came[..5].iter().sum());
            for second in 5..came.len() {
                let now = at(second as u64 - 4);
                growth.push(now, came[second - 4..=second].iter().sum(), came[second - 5]);
                assert_eq!(growth.leak(now), None, "{rate} a second, second {second}");
            }
        }
    }

    #[test]
    fn a_recovery_ends_it_at_once_or_step_by_step() {
        let grown: Vec<_> = (0..=20).map(|second| (50 * second, 0)).collect();
        assert!(leak(&grown).is_some());
        for steps in [1, 4, 20] {
            let mut recovers = grown.clone();
            recovers.extend((1..=steps).map(|step| (1_000 - 800 * step / steps, 800 / steps)));
            assert_eq!(leak(&recovers), None, "in {steps} steps");
            // What begins then is a leak of its own.
            recovers.extend((1..=11).map(|second| (200 + 50 * second, 0)));
            assert!(leak(&recovers).is_some_and(|it| it.grown >= 250), "{:?}", leak(&recovers));
        }
    }
}
