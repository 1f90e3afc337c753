//! SqlClient's pool blocking period: after a failed login every open is answered with the cached error for 5 s, then
//! 10, 20, ... up to 60 s, until a login succeeds.
//!
//! Source: "SQL Server Connection Pooling (ADO.NET)", section "Pool blocking period". One pool a load worker, as SqlClient
//! has one a process.

use std::time::Duration;

use crate::record::Outcome;
use crate::units::{Monotonic, Span};

/// A pool that blocks after a failed login.
#[derive(Debug)]
pub(super) struct Pool {
    first: Duration,
    most: Duration,
    period: Duration,
    /// Until when it blocks, and the failure that it answers with.
    cached: Option<(Monotonic, Outcome)>,
}

impl Pool {
    pub(super) fn new(first: Span, most: Span) -> Self {
        Self { first: first.0, most: most.0, period: first.0, cached: None }
    }

    /// The failure that an attempt at this time is answered with, if the pool blocks.
    pub(super) fn answer(&self, now: Monotonic) -> Option<Outcome> {
        self.cached.filter(|(until, _)| now < *until).map(|(_, outcome)| outcome)
    }

    /// A login failed: blocks, for twice as long as the last time. Attempts that were under way when the pool began to
    /// block do not double it again.
    pub(super) fn failed(&mut self, now: Monotonic, outcome: Outcome) {
        if self.answer(now).is_none() {
            self.cached = Some((now.after(self.period), outcome));
            self.period = self.period.saturating_mul(2).min(self.most);
        }
    }

    /// A login succeeded: everything is forgotten.
    pub(super) fn succeeded(&mut self) {
        self.cached = None;
        self.period = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_nanos(0).after(Duration::from_secs(seconds))
    }

    #[test]
    fn it_doubles_up_to_a_minute() {
        let mut pool = Pool::new(Span::from_secs(5), Span::from_secs(60));
        let mut now = 0;
        for period in [5, 10, 20, 40, 60, 60] {
            assert_eq!(pool.answer(at(now)), None);
            pool.failed(at(now), Outcome::LoginRejected);
            pool.failed(at(now), Outcome::LoginRejected); // another attempt of the same moment
            assert!(pool.answer(at(now + period - 1)).is_some(), "{period}");
            now += period;
            assert_eq!(pool.answer(at(now)), None, "{period}");
        }
        pool.succeeded();
        pool.failed(at(now), Outcome::LoginRejected);
        assert!(pool.answer(at(now + 4)).is_some() && pool.answer(at(now + 5)).is_none());
    }

    #[test]
    fn it_answers_with_the_failure_that_it_keeps() {
        let mut pool = Pool::new(Span::from_secs(5), Span::from_secs(60));
        pool.failed(at(0), Outcome::Refused);
        pool.failed(at(1), Outcome::LoginRejected); // was under way when the pool began to block
        assert_eq!(pool.answer(at(2)), Some(Outcome::Refused));
        pool.failed(at(5), Outcome::LoginRejected);
        assert_eq!(pool.answer(at(6)), Some(Outcome::LoginRejected));
    }
}
