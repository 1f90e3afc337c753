//! The attempts of one worker: which may start, what each comes to, and what they hold.
//!
//! They all run on one thread and share their counters without locks. Every attempt that falls due ends in exactly one
//! outcome, whatever becomes of its future: an [`UnderWay`] that is dropped before its outcome is known counts itself.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::Notify;

use super::backoff::backoff;
use super::pool::Pool;
use super::schedule::Share;
use super::tally::Tally;
use super::{Config, Retry};
use crate::client::{Client, Close, Closed, Ended, Held};
use crate::record::{LoadInterval, Outcome};
use crate::units::Monotonic;

/// What the attempts of one worker share.
#[derive(Debug)]
pub(super) struct Attempts {
    client: Client,
    start: Monotonic,
    share: Share,
    in_flight_cap: u32,
    held_cap: usize,
    retry: Retry,
    in_flight: Cell<u32>,
    tally: RefCell<Tally>,
    held: RefCell<Held>,
    pool: RefCell<Option<Pool>>,
    random: RefCell<StdRng>,
    /// The first attempt that found no port, until it is reported.
    exhausted: Cell<Option<Duration>>,
    saw_exhaustion: Cell<bool>,
    wake: Notify,
}

impl Attempts {
    pub(super) fn new(config: &Config, client: Client, share: Share, start: Monotonic) -> Self {
        let pool = match config.retry {
            Retry::PoolBlocking { first, most } => Some(Pool::new(first, most)),
            _ => None,
        };
        Self {
            client,
            start,
            share,
            in_flight_cap: share.part_of(config.in_flight),
            held_cap: share.part_of(config.max_held) as usize,
            retry: config.retry,
            in_flight: Cell::new(0),
            tally: RefCell::default(),
            held: RefCell::default(),
            pool: RefCell::new(pool),
            random: RefCell::new(StdRng::seed_from_u64(config.seed ^ (u64::from(share.index) + 1) << 32)),
            exhausted: Cell::new(None),
            saw_exhaustion: Cell::new(false),
            wake: Notify::new(),
        }
    }

    /// An arrival falls due, up to which the schedule is `schedule` long: the attempt, if it may start.
    pub(super) fn arrive(
        self: &Rc<Self>,
        intended: Monotonic,
        schedule: Duration,
    ) -> Option<impl Future<Output = ()> + use<>> {
        self.tally.borrow_mut().arrive(schedule);
        let under_way = self.admit()?;
        Some(Rc::clone(self).play(under_way, intended))
    }

    /// Woken when an attempt found no port, or when the next socket is to be let go at another time than before.
    pub(super) async fn wake(&self) {
        self.wake.notified().await;
    }

    /// The first attempt that found no port, once.
    pub(super) fn take_exhausted(&self) -> Option<Duration> {
        self.exhausted.take()
    }

    /// When the next held socket is to be let go.
    pub(super) fn next_due(&self) -> Option<Monotonic> {
        self.held.borrow().next_due()
    }

    /// Lets go of what a late closer holds no longer.
    pub(super) fn let_go(&self) {
        let closed = self.held.borrow_mut().let_go(Monotonic::now);
        let mut tally = self.tally.borrow_mut();
        closed.into_iter().for_each(|span| tally.close(span));
    }

    /// What was done from `from` to `to`; none when there is nothing to say.
    pub(super) fn interval(&self, from: Duration, to: Duration) -> Option<LoadInterval> {
        let mut tally = self.tally.borrow_mut();
        let held = self.held.borrow().len() as u64;
        let in_flight = u64::from(self.in_flight.get());
        (!tally.is_empty() || held > 0).then(|| tally.take(self.share.index, from, to, in_flight, held))
    }

    /// Whether the attempt that falls due now may start: not while the pool blocks, nor beyond a cap.
    fn admit(self: &Rc<Self>) -> Option<UnderWay> {
        if let Some(cached) = self.pool.borrow().as_ref().and_then(|pool| pool.answer(Monotonic::now())) {
            self.tally.borrow_mut().blocked(cached);
            return None;
        }
        let (in_flight, held) = (self.in_flight.get(), self.held.borrow().len());
        if in_flight >= self.in_flight_cap || held + in_flight as usize >= self.held_cap {
            let by_held = in_flight < self.in_flight_cap && held > in_flight as usize;
            self.tally.borrow_mut().cap(by_held);
            return None;
        }
        self.in_flight.set(in_flight + 1);
        Some(UnderWay { attempts: Rc::clone(self), known: false })
    }

    /// Plays an attempt and its retries. A back-off is the runtime's timer's, which has steps of a millisecond.
    async fn play(self: Rc<Self>, mut under_way: UnderWay, mut intended: Monotonic) {
        let now = Monotonic::now();
        self.tally.borrow_mut().start(now.since(self.start), now.since(intended));
        for retry in 0.. {
            let (outcome, at) = self.attempt(under_way, intended).await;
            if outcome == Outcome::LoggedIn {
                return;
            }
            let Some(wait) = backoff(self.retry, retry, &mut self.random.borrow_mut()) else { return };
            intended = at.after(wait);
            tokio::time::sleep(intended.remaining()).await;
            self.tally.borrow_mut().retry();
            let Some(next) = self.admit() else { return };
            under_way = next;
        }
    }

    /// Makes one attempt; its outcome counts as soon as it is known, its close when that has come.
    async fn attempt(&self, mut under_way: UnderWay, intended: Monotonic) -> (Outcome, Monotonic) {
        let ended = self.client.attempt().await;
        under_way.known = true;
        self.count(intended, &ended);
        let (outcome, at) = (ended.outcome, ended.at);
        if let Some(open) = ended.open {
            match open.close().await {
                Closed::After(span) => self.tally.borrow_mut().close(span),
                Closed::Held(close, socket) => self.hold(at, close, socket),
            }
        }
        (outcome, at)
    }

    fn count(&self, intended: Monotonic, ended: &Ended) {
        self.tally.borrow_mut().end(self.start, intended, ended);
        if ended.outcome == Outcome::PortsExhausted && !self.saw_exhaustion.replace(true) {
            self.exhausted.set(Some(ended.at.since(self.start)));
            self.wake.notify_one();
        }
        if let Some(pool) = self.pool.borrow_mut().as_mut() {
            match ended.outcome {
                Outcome::LoggedIn => pool.succeeded(),
                failure => pool.failed(ended.at, failure),
            }
        }
    }

    fn hold(&self, since: Monotonic, close: Close, socket: OwnedFd) {
        let before = self.next_due();
        self.held.borrow_mut().hold(since, close, socket);
        self.let_go();
        if self.next_due() != before {
            self.wake.notify_one();
        }
    }
}

/// An attempt under way, from the moment that it may start until its connection is closed or held. One that is dropped
/// before its outcome is known was given up.
#[derive(Debug)]
struct UnderWay {
    attempts: Rc<Attempts>,
    known: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.attempts.in_flight.set(self.attempts.in_flight.get() - 1);
        // The tally is in use only when this unwinds out of it.
        if !self.known
            && let Ok(mut tally) = self.attempts.tally.try_borrow_mut()
        {
            tally.give_up();
        }
    }
}
