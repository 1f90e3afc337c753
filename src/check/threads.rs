//! What the threads of a command did with their time: when one wanted a processor, and how long it waited for one.
//!
//! Whoever gets no processor closes late and is not at fault; whoever has one all the time and does nothing else with it
//! than wait for what is dead, spins. The choice not taken: the machine's load or its pressure, which says that somebody
//! waits, and not that this process did.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::track::Look;
use crate::sample::{ProcessLook, ThreadTime};
use crate::units::Monotonic;

/// A span in which one thread wanted a processor all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Busy {
    pub(super) from: Monotonic,
    pub(super) to: Monotonic,
    /// How long it had one.
    pub(super) ran: Duration,
}

/// What one thread waited for a processor, as it came to light from one look to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wait {
    pub(super) thread: u32,
    /// The beginning of the look before: what is worth a word had not ended then.
    pub(super) since: Monotonic,
    /// The end of the look that showed it: it had.
    pub(super) until: Monotonic,
    pub(super) long: Duration,
}

/// Spans that are kept of a process.
const MOST_SPANS: usize = 2_000;

/// Waits that are told of a command: a thousand seconds of them at least.
const MOST_WAITS: usize = 200_000;

/// A thread that wants a processor for so much of a span wants it all the time.
const ALL_THE_TIME: f64 = 0.9;

/// How long the spans are over which threads are watched.
const WATCHED: Duration = Duration::from_millis(200);

/// Waits are told when they come to so much; what is less is told with the next, as if it had come then.
const TOLD: Duration = Duration::from_millis(5);

/// Threads, by the places of their processes and their numbers.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// When each was last taken for busy or not, and its times then.
    watched: BTreeMap<(usize, u32), (Monotonic, ThreadTime)>,
    /// How long each had waited when that was last told, and when it was last looked at.
    told: BTreeMap<(usize, u32), (Duration, Monotonic)>,
    waits: usize,
}

impl Threads {
    /// Adds to the spans in which a thread of this process wanted a processor all the time; whether there was one.
    pub(super) fn look(&mut self, place: usize, process: &ProcessLook, look: &Look<'_>, spans: &mut Vec<Busy>) -> bool {
        let now = look.begun;
        let mut busy: Option<Busy> = None;
        for time in &process.threads {
            let (since, before) = *self.watched.entry((place, time.thread)).or_insert((now, *time));
            let span = now.since(since);
            if span < WATCHED {
                continue;
            }
            let (ran, waited) = (time.ran.saturating_sub(before.ran), time.waited.saturating_sub(before.waited));
            if (ran + waited).as_secs_f64() >= ALL_THE_TIME * span.as_secs_f64() {
                let other = busy.unwrap_or(Busy { from: since, to: now, ran });
                busy = Some(Busy { from: other.from.min(since), to: now, ran: other.ran.max(ran) });
            }
            self.watched.insert((place, time.thread), (now, *time));
        }
        let Some(busy) = busy else { return false };
        let full = spans.len() >= MOST_SPANS;
        match spans.last_mut() {
            Some(last) if busy.from.since(last.to) < WATCHED => (last.to, last.ran) = (now, last.ran + busy.ran),
            _ if full => return false,
            _ => spans.push(busy),
        }
        true
    }

    /// Tells how long the threads of this process waited for a processor since that was last told.
    pub(super) fn waits(
        &mut self,
        place: usize,
        process: &ProcessLook,
        look: &Look<'_>,
        waits: &mut Vec<(usize, Wait)>,
    ) {
        for time in &process.threads {
            let (told, looked) = self.told.entry((place, time.thread)).or_insert((time.waited, look.begun));
            let long = time.waited.saturating_sub(*told);
            if long >= TOLD && self.waits < MOST_WAITS {
                waits.push((place, Wait { thread: time.thread, since: *looked, until: look.ended, long }));
                *told = time.waited;
                self.waits += 1;
            }
            *looked = look.begun;
        }
    }
}

/// How long the thread that waited most for a processor can have done so between two instants.
pub(super) fn waited(waits: &[Wait], from: Monotonic, to: Monotonic) -> Duration {
    let mut by_thread: BTreeMap<u32, Duration> = BTreeMap::new();
    for wait in waits.iter().filter(|it| it.until > from && it.since < to) {
        *by_thread.entry(wait.thread).or_default() += wait.long.min(wait.until.min(to).since(from));
    }
    by_thread.into_values().max().unwrap_or_default().min(to.since(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos(millis * 1_000_000)
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What is told of a thread that had run and waited so many milliseconds at these instants.
    fn told(looks: &[(u64, u64, u64)]) -> (Vec<Busy>, Vec<Wait>) {
        let (mut threads, mut spans, mut waits) = (Threads::default(), Vec::new(), Vec::new());
        for (now, ran, waited) in looks {
            let process = ProcessLook {
                pid: 7,
                started: 1,
                command: "app".to_owned(),
                descriptors: Vec::new(),
                exiting: false,
                threads: vec![ThreadTime { thread: 7, ran: ms(*ran), waited: ms(*waited) }],
            };
            let (begun, ended) = (at(*now), at(now + 1));
            let look = Look { begun, ended, sockets: &[], processes: &[], is_tcp: &|_, _| None };
            threads.look(0, &process, &look, &mut spans);
            threads.waits(0, &process, &look, &mut waits);
        }
        (spans, waits.into_iter().map(|(_, wait)| wait).collect())
    }

    #[test]
    fn to_want_a_processor_and_to_have_one_are_told_apart() {
        let runs = told(&[(0, 0, 0), (200, 195, 0), (400, 390, 0)]);
        assert_eq!(runs, (vec![Busy { from: at(0), to: at(400), ran: ms(390) }], vec![]));
        let (busy, waits) = told(&[(0, 0, 0), (100, 2, 40), (200, 4, 190), (400, 8, 390)]);
        assert_eq!(busy, [Busy { from: at(0), to: at(400), ran: ms(8) }]);
        let wait = |since, until, long| Wait { thread: 7, since: at(since), until: at(until), long: ms(long) };
        assert_eq!(waits, [wait(0, 101, 40), wait(100, 201, 150), wait(200, 401, 200)]);
        let (_, waits) = told(&[(0, 0, 0), (10, 2, 4), (20, 4, 6), (3000, 8, 90)]);
        assert_eq!(waits, [wait(10, 21, 6), wait(20, 3001, 84)], "what is short is told with the next");
        assert_eq!(told(&[(0, 0, 9000), (200, 5, 9002), (400, 9, 9004)]), (vec![], vec![]), "it was before any look");
    }

    #[test]
    fn waits_count_where_they_can_have_been() {
        let wait = |thread, since, until, long| Wait { thread, since: at(since), until: at(until), long: ms(long) };
        let between = |waits: &[Wait]| waited(waits, at(1000), at(3000)).as_millis();
        assert_eq!(between(&[]), 0);
        assert_eq!(between(&[wait(1, 1100, 1200, 90), wait(1, 1200, 1400, 60), wait(2, 1100, 1400, 140)]), 150);
        assert_eq!(between(&[wait(1, 0, 900, 900), wait(1, 3000, 4000, 900)]), 0, "before and behind");
        assert_eq!(between(&[wait(1, 900, 1200, 1100)]), 200, "most of it was before");
        assert_eq!(
            between(&[wait(1, 2990, 3010, 1500)]),
            1500,
            "it had begun long before the look that did not show it"
        );
        assert_eq!(between(&[wait(1, 1000, 9000, 8000)]), 2000);
    }
}
