//! What the wire told of an arm's connections: the connection ledger, an interval at a time.
//!
//! Times are those at which segments passed the client's interface. A segment's own way to the other end is not in them:
//! what the client sees as CLOSE_WAIT from the server's FIN to its own, the server sees as FIN_WAIT_2, later by the way
//! there and back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Histogram;
use super::sample::seconds;

/// What the ledger noted between two reports, and what stood open at the second; a whole arm is its intervals merged.
///
/// `opened` is always `ended` + `replaced` + what is still open (`open.now` and the attempts that nobody answered).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LedgerInterval {
    /// The interval's start, in seconds after the arm's.
    #[serde(rename = "from_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub from: Duration,
    /// The interval's end.
    #[serde(rename = "to_s", with = "seconds")]
    #[schemars(with = "f64")]
    pub to: Duration,
    /// Connections asked for: SYN, retransmissions not counted.
    pub opened: u64,
    /// Those that the server answered: SYN ACK.
    pub answered: u64,
    /// Those that it refused: RST instead.
    pub refused: u64,
    /// Those that are over for both ends: closed by both, reset by one, or refused.
    pub ended: u64,
    /// Those whose addresses were used again before their end was seen: an attempt that was given up without a packet, or
    /// an end that was lost.
    pub replaced: u64,
    /// Who closed first, and how; a refusal is no close.
    pub closed_first: ClosedFirst,
    /// Connections that were answered and are not over for both ends.
    pub open: Gauge,
    /// Those that nobody has closed.
    pub established: Gauge,
    /// Those that the server has closed and the client has not.
    pub close_wait: Gauge,
    /// Segments that the kernel dropped because nobody read in time: each may be the opening or the end of a connection.
    pub lost: u64,
    /// SYN that found the ledger full: connections that it does not show.
    pub omitted: u64,
    /// How long the client was in CLOSE_WAIT, of those that it closed: from the server's FIN to the client's FIN or RST.
    /// One that the server's side reset meanwhile is not among them: nobody knows when the client would have closed it.
    pub close_wait_time: Histogram,
    /// Those that the server's side reset while the client was in CLOSE_WAIT; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_wait_reset: Option<u64>,
    /// How long whoever closed first waited for the other's close, of those that were closed by both or reset meanwhile:
    /// FIN_WAIT_1 and FIN_WAIT_2 of that end. One that the kernel ended before, as `fin_wait_2_expired` counts them, is
    /// among them with `tcp_fin_timeout`; where that is absent, the kernel may have ended any of them before.
    pub fin_wait_2_time: Histogram,
    /// Those whose FIN_WAIT_2 the kernel ended by `tcp_fin_timeout` before the other end closed, if it ever did. No packet
    /// tells: it is the age of those whose descriptor is closed, with room for the kernel's timers. Absent where the
    /// server is not the embedded one, since nobody knows how that closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fin_wait_2_expired: Option<u64>,
    /// From the SYN until it was over for both ends, of those that were answered.
    pub lifetime: Histogram,
    /// How long those in CLOSE_WAIT had been so at the arm's end; in its last interval only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_wait_age: Option<Histogram>,
}

/// Connections by who closed first, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ClosedFirst {
    /// The client, by FIN.
    pub client_fin: u64,
    /// The client, by RST.
    pub client_rst: u64,
    /// The server, by FIN.
    pub server_fin: u64,
    /// The server, by RST.
    pub server_rst: u64,
}

/// How many at an interval's end, and the most at once within it; the peak is exact, as every change is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gauge {
    /// At the end.
    pub now: u64,
    /// The most at once.
    pub peak: u64,
}

impl Gauge {
    /// One more.
    pub fn raise(&mut self) {
        self.now += 1;
        self.peak = self.peak.max(self.now);
    }

    /// One less.
    pub fn lower(&mut self) {
        self.now = self.now.saturating_sub(1);
    }

    /// The same number, at the beginning of the next interval.
    #[must_use]
    pub const fn onwards(self) -> Self {
        Self { now: self.now, peak: self.now }
    }

    fn then(&mut self, next: Self) {
        *self = Self { now: next.now, peak: self.peak.max(next.peak) };
    }
}

impl LedgerInterval {
    /// Adds the interval that follows this one.
    pub fn then(&mut self, next: &Self) {
        self.to = next.to;
        self.add(next);
        for (own, next) in self.gauges(next) {
            own.then(next);
        }
        self.close_wait_age.clone_from(&next.close_wait_age);
    }

    /// Adds what was seen of another arm, or of the same one at another time: peaks are the highest.
    pub fn beside(&mut self, other: &Self) {
        self.add(other);
        for (own, other) in self.gauges(other) {
            own.now += other.now;
            own.peak = own.peak.max(other.peak);
        }
        match (&mut self.close_wait_age, &other.close_wait_age) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or_else(|| other.clone()),
        }
    }

    /// Whether it missed anything, so that what it tells may be more or less than there was.
    #[must_use]
    pub const fn missed(&self) -> bool {
        self.lost + self.replaced + self.omitted > 0
    }

    fn gauges(&mut self, other: &Self) -> [(&mut Gauge, Gauge); 3] {
        [
            (&mut self.open, other.open),
            (&mut self.established, other.established),
            (&mut self.close_wait, other.close_wait),
        ]
    }

    /// Adds what only grows.
    fn add(&mut self, next: &Self) {
        let sums = [
            (&mut self.opened, next.opened),
            (&mut self.answered, next.answered),
            (&mut self.refused, next.refused),
            (&mut self.ended, next.ended),
            (&mut self.replaced, next.replaced),
            (&mut self.lost, next.lost),
            (&mut self.omitted, next.omitted),
            (&mut self.closed_first.client_fin, next.closed_first.client_fin),
            (&mut self.closed_first.client_rst, next.closed_first.client_rst),
            (&mut self.closed_first.server_fin, next.closed_first.server_fin),
            (&mut self.closed_first.server_rst, next.closed_first.server_rst),
        ];
        for (sum, more) in sums {
            *sum += more;
        }
        self.fin_wait_2_expired = self.fin_wait_2_expired.zip(next.fin_wait_2_expired).map(|(own, next)| own + next);
        if let Some(next) = next.close_wait_reset {
            *self.close_wait_reset.get_or_insert(0) += next;
        }
        self.close_wait_time.merge(&next.close_wait_time);
        self.fin_wait_2_time.merge(&next.fin_wait_2_time);
        self.lifetime.merge(&next.lifetime);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_add_up_and_the_last_says_what_is_open() {
        let time = |ms| {
            let mut histogram = Histogram::default();
            histogram.record(Duration::from_millis(ms));
            histogram
        };
        let mut whole = LedgerInterval {
            to: Duration::from_secs(1),
            opened: 3,
            closed_first: ClosedFirst { server_fin: 2, ..ClosedFirst::default() },
            close_wait: Gauge { now: 2, peak: 2 },
            close_wait_time: time(5),
            fin_wait_2_expired: Some(2),
            ..LedgerInterval::default()
        };
        let next = LedgerInterval {
            from: whole.to,
            to: Duration::from_secs(2),
            opened: 1,
            lost: 4,
            closed_first: ClosedFirst { server_fin: 1, client_rst: 1, ..ClosedFirst::default() },
            close_wait: Gauge { now: 1, peak: 1 },
            close_wait_time: time(9),
            close_wait_age: Some(time(100)),
            fin_wait_2_expired: Some(1),
            ..LedgerInterval::default()
        };
        whole.then(&next);
        assert_eq!((whole.from, whole.to), (Duration::ZERO, Duration::from_secs(2)));
        assert_eq!((whole.opened, whole.lost, whole.close_wait), (4, 4, Gauge { now: 1, peak: 2 }));
        let first = ClosedFirst { server_fin: 3, client_rst: 1, ..ClosedFirst::default() };
        assert_eq!((whole.closed_first, whole.close_wait_time.count()), (first, 2));
        assert_eq!((&whole.close_wait_age, whole.fin_wait_2_expired), (&next.close_wait_age, Some(3)));
        let mut both = whole.clone();
        both.beside(&next);
        assert_eq!((both.opened, both.close_wait, both.close_wait_time.count()), (5, Gauge { now: 2, peak: 2 }, 3));
        assert_eq!(both.close_wait_age.map(|age| age.count()), Some(2));
        let mut unknown = whole.clone();
        unknown.beside(&LedgerInterval::default());
        assert_eq!(unknown.fin_wait_2_expired, None, "what one does not know, both do not");
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<LedgerInterval>(&text).unwrap(), whole);
    }

    #[test]
    fn a_gauge_keeps_its_highest() {
        let mut gauge = Gauge::default();
        gauge.lower();
        for _ in 0..3 {
            gauge.raise();
        }
        gauge.lower();
        assert_eq!((gauge, gauge.onwards()), (Gauge { now: 2, peak: 3 }, Gauge { now: 2, peak: 2 }));
    }
}
