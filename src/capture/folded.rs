//! The ledger of many connections: each is kept while it is open, and is a few numbers more when it is over.
//!
//! It holds 48 bytes for an open connection and nothing for one that is over, so that a run of any length fits. The choice
//! not taken: [`Ledger`](super::Ledger)'s entries, which a run of an hour would have fifty million of.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Segment;
use super::steps::{Step, asks, canonical, steps};
use crate::record::{Histogram, LedgerInterval};
use crate::units::Monotonic;

/// Open connections at the most, some 25 MB of them: all ports of four client addresses.
const MOST_OPEN: usize = 1 << 18;

/// From a FIN to its ACK, which may come late, and what a tick costs.
const SLACK: Duration = Duration::from_millis(100);

/// How long the kernel keeps an end in FIN_WAIT_2 whose descriptor is closed: `tcp_fin_timeout` of its host. None where the
/// end shuts its direction down and keeps its descriptor, for which there is no such time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinWait {
    /// Of an end that the client closes first.
    pub client: Option<Duration>,
    /// Of an end that the server closes first.
    pub server: Option<Duration>,
}

/// The client of a connection: its address as IPv6 writes it, its port.
type Client = ([u8; 16], u16);

/// How far a connection is that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Asked for, and neither answered nor refused.
    Asked,
    /// Nobody has closed.
    Established,
    /// The server has closed: CLOSE_WAIT.
    ServerClosed,
    /// The client has closed: FIN_WAIT_2.
    ClientClosed,
}

/// A connection that is not over.
#[derive(Debug, Clone, Copy)]
struct Open {
    opened: Monotonic,
    /// When it came to its stage.
    since: Monotonic,
    /// Of its SYN.
    sequence: u32,
    stage: Stage,
    answered: bool,
    /// Whether its FIN_WAIT_2 was counted as over, though nobody has ended it.
    expired: bool,
}

/// The connections to one server, folded as they end. A connection whose SYN was not seen is not of it.
#[derive(Debug)]
pub struct FoldedLedger {
    server: SocketAddr,
    /// Iterated only into a histogram, where order is nothing.
    open: HashMap<Client, Open>,
    most: usize,
    fin_wait: Option<FinWait>,
    interval: LedgerInterval,
}

impl FoldedLedger {
    /// Of the connections to `server`, an address that is not unspecified. Without `fin_wait` nobody knows how the ends
    /// close, and nothing is said of what the kernel ends by itself.
    #[must_use]
    pub fn new(server: SocketAddr, fin_wait: Option<FinWait>) -> Self {
        Self::with_most(server, fin_wait, MOST_OPEN)
    }

    fn with_most(server: SocketAddr, fin_wait: Option<FinWait>, most: usize) -> Self {
        let interval = LedgerInterval { fin_wait_2_expired: fin_wait.map(|_| 0), ..LedgerInterval::default() };
        Self { server: canonical(server), open: HashMap::new(), most, fin_wait, interval }
    }

    /// Takes a segment in.
    pub fn note(&mut self, segment: &Segment) {
        let (from, to) = (canonical(segment.from), canonical(segment.to));
        let by_client = to == self.server;
        if !by_client && from != self.server {
            return;
        }
        let client = client(if by_client { from } else { to });
        if by_client && asks(segment) {
            return self.ask(client, segment);
        }
        let Entry::Occupied(mut entry) = self.open.entry(client) else { return };
        for step in steps(segment, by_client) {
            let mut open = *entry.get();
            open.expire(self.fin_wait, &mut self.interval, segment.at);
            if open.take(step, segment.at, &mut self.interval) {
                entry.remove();
                return;
            }
            entry.insert(open);
        }
    }

    /// What happened since this was last called, and what stands open now; the caller knows `from`, `to` and `lost`.
    #[must_use]
    pub fn take(&mut self) -> LedgerInterval {
        let (open, established, close_wait) =
            (self.interval.open.onwards(), self.interval.established.onwards(), self.interval.close_wait.onwards());
        let fin_wait_2_expired = self.fin_wait.map(|_| 0);
        let next = LedgerInterval { open, established, close_wait, fin_wait_2_expired, ..Default::default() };
        std::mem::replace(&mut self.interval, next)
    }

    /// Counts those whose FIN_WAIT_2 the kernel has ended by `now`, each once.
    pub fn expire(&mut self, now: Monotonic) {
        if self.fin_wait.is_some() {
            self.open.values_mut().for_each(|open| open.expire(self.fin_wait, &mut self.interval, now));
        }
    }

    /// How long every connection in CLOSE_WAIT has been so at `now`.
    #[must_use]
    pub fn close_wait_age(&self, now: Monotonic) -> Histogram {
        let mut ages = Histogram::default();
        for open in self.open.values().filter(|open| open.stage == Stage::ServerClosed) {
            ages.record(now.since(open.since));
        }
        ages
    }

    fn ask(&mut self, client: Client, segment: &Segment) {
        if let Some(open) = self.open.get(&client) {
            if open.sequence == segment.sequence {
                return;
            }
            open.leave(&mut self.interval);
            self.interval.replaced += 1;
            self.open.remove(&client);
        }
        if self.open.len() >= self.most {
            self.interval.omitted += 1;
            return;
        }
        self.interval.opened += 1;
        self.open.insert(client, Open::new(segment));
    }
}

impl Open {
    const fn new(segment: &Segment) -> Self {
        let at = segment.at;
        Self { opened: at, since: at, sequence: segment.sequence, stage: Stage::Asked, answered: false, expired: false }
    }

    /// Takes a step; whether it is over with it.
    fn take(&mut self, step: Step, at: Monotonic, told: &mut LedgerInterval) -> bool {
        match (step, self.stage) {
            (Step::Answered, _) => self.answer(told, at),
            (Step::ClientFin, Stage::Asked | Stage::Established) => {
                told.closed_first.client_fin += 1;
                self.enter(Stage::ClientClosed, told, at);
            }
            (Step::ServerFin, Stage::Asked | Stage::Established) => {
                told.closed_first.server_fin += 1;
                self.enter(Stage::ServerClosed, told, at);
            }
            (Step::ClientFin, Stage::ClientClosed) | (Step::ServerFin, Stage::ServerClosed) => {}
            (Step::ClientFin, Stage::ServerClosed) | (Step::ServerFin, Stage::ClientClosed) => {
                return self.end(told, at);
            }
            (Step::ServerRst, _) if !self.answered => {
                told.refused += 1;
                return self.end(told, at);
            }
            (Step::ClientRst, Stage::Asked | Stage::Established) => {
                told.closed_first.client_rst += 1;
                return self.end(told, at);
            }
            (Step::ServerRst, Stage::Asked | Stage::Established) => {
                told.closed_first.server_rst += 1;
                return self.end(told, at);
            }
            (Step::ClientRst, Stage::ServerClosed | Stage::ClientClosed) | (Step::ServerRst, Stage::ClientClosed) => {
                return self.end(told, at);
            }
            // That the client never closed it, or would have later, nobody can tell: this time is not the client's.
            (Step::ServerRst, Stage::ServerClosed) => {
                *told.close_wait_reset.get_or_insert(0) += 1;
                return self.over(told, at);
            }
        }
        false
    }

    /// Counts its FIN_WAIT_2 if the kernel has surely ended it by `at`. The kernel's timers are late by up to an eighth of
    /// what they are set to; what comes in that time may have found it.
    fn expire(&mut self, fin_wait: Option<FinWait>, told: &mut LedgerInterval, at: Monotonic) {
        let timeout = match (self.stage, fin_wait) {
            (Stage::ServerClosed, Some(FinWait { server: Some(timeout), .. })) => timeout,
            (Stage::ClientClosed, Some(FinWait { client: Some(timeout), .. })) => timeout,
            _ => return,
        };
        if !self.expired && at.since(self.since) > timeout + timeout / 8 + SLACK {
            self.expired = true;
            told.fin_wait_2_time.record(timeout);
            told.fin_wait_2_expired = told.fin_wait_2_expired.map(|n| n + 1);
        }
    }

    fn answer(&mut self, told: &mut LedgerInterval, at: Monotonic) {
        if !std::mem::replace(&mut self.answered, true) {
            told.answered += 1;
            told.open.raise();
            if self.stage == Stage::Asked {
                self.enter(Stage::Established, told, at);
            }
        }
    }

    fn enter(&mut self, stage: Stage, told: &mut LedgerInterval, at: Monotonic) {
        self.count(told, false);
        (self.stage, self.since) = (stage, at);
        self.count(told, true);
    }

    fn end(&self, told: &mut LedgerInterval, at: Monotonic) -> bool {
        if self.stage == Stage::ServerClosed {
            told.close_wait_time.record(at.since(self.since));
        }
        self.over(told, at)
    }

    fn over(&self, told: &mut LedgerInterval, at: Monotonic) -> bool {
        let took = at.since(self.since);
        if matches!(self.stage, Stage::ServerClosed | Stage::ClientClosed) && !self.expired {
            told.fin_wait_2_time.record(took);
        }
        if self.answered {
            told.lifetime.record(at.since(self.opened));
        }
        told.ended += 1;
        self.leave(told);
        true
    }

    fn leave(&self, told: &mut LedgerInterval) {
        self.count(told, false);
        if self.answered {
            told.open.lower();
        }
    }

    fn count(&self, told: &mut LedgerInterval, more: bool) {
        let gauge = match self.stage {
            Stage::Established => &mut told.established,
            Stage::ServerClosed => &mut told.close_wait,
            Stage::Asked | Stage::ClientClosed => return,
        };
        if more { gauge.raise() } else { gauge.lower() }
    }
}

fn client(address: SocketAddr) -> Client {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    (ip.octets(), address.port())
}

#[cfg(test)]
mod tests;
