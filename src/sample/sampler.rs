//! The sampler: both sides on one clock, within one budget.
//!
//! It never sleeps: whoever owns it calls [`Sampler::tick`] every [`Sampler::period`]. The choice not taken: a thread of
//! its own, which could not say when a full table is due (the start, the first exhausted attempt, the end).

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::{Budget, Purse};
use super::namespace;
use super::watch::{Watch, cpu_time, sockets_of};
use super::{Error, Filter, SourceKind};
use crate::record::{Sample, SamplingFacts, Side, SideSample, TableReason};
use crate::units::Monotonic;

/// What to watch on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideConfig {
    /// Which end of the connections.
    pub side: Side,
    /// The server's address and port.
    pub target: SocketAddr,
    /// Processes whose descriptors count as this side's.
    pub pids: Vec<u32>,
}

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The arm's start, from which samples count their time.
    pub start: Monotonic,
    /// The end that connects, where it is observed.
    pub client: Option<SideConfig>,
    /// The end that listens, where it is observed.
    pub server: Option<SideConfig>,
    /// Where tables come from.
    pub source: SourceKind,
}

/// Reads counters and tables of one or both sides, within 2 % of one core.
///
/// What counts is the CPU time of the calling thread since the last call, so that its own loop, and the sending of what
/// was seen, are paid from the same budget. While it lives, the network
/// namespaces that it watches live.
pub struct Sampler {
    start: Monotonic,
    client: Option<Watch>,
    server: Option<Watch>,
    budget: Budget,
    /// The thread's CPU time up to which everything is accounted for.
    accounted: Duration,
    counters: u64,
    tables: u64,
}

impl Sampler {
    /// Opens netlink sockets and counter files of each side inside the given network namespaces (`None`: the caller's
    /// own).
    ///
    /// # Errors
    /// When a namespace may not be entered, `/proc` is not readable there, or the source that was asked for is refused.
    pub fn open(config: Config, client_ns: Option<OwnedFd>, server_ns: Option<OwnedFd>) -> Result<Self, Error> {
        let Config { start, client, server, source } = config;
        let open = |expected: Side, side: Option<SideConfig>, ns: Option<OwnedFd>| {
            side.map(|side| open_side(expected, side, source, ns)).transpose()
        };
        Ok(Self {
            start,
            client: open(Side::Client, client, client_ns)?,
            server: open(Side::Server, server, server_ns)?,
            budget: Budget::new(Monotonic::now()),
            accounted: cpu_time(),
            counters: 0,
            tables: 0,
        })
    }

    /// How long to wait between two ticks: 20 ms, or as many times twice that as it takes to keep the counters alone
    /// within half of the budget. It changes with what ticks turn out to cost, so ask again after each.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.budget.period()
    }

    /// Reads the counters, and a table when its turn has come within the budget. A table that fails is left out of the
    /// sample and logged; processes that have ended no longer count.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub fn tick(&mut self) -> Result<Sample, Error> {
        let now = Monotonic::now();
        let mut sample = self.look(now)?;
        let cost = self.account();
        self.budget.counters_read(cost);
        let sockets = sockets_in(&sample);
        if self.budget.allows_table(now, sockets) {
            let outcome = self.look_closely(&mut sample, TableReason::Periodic);
            let cost = self.account();
            self.budget.table_tried(Purse::Budget, now, cost, outcome.is_ok().then_some(sockets));
            match outcome {
                Ok(()) => self.tables += 1,
                Err(error) => tracing::warn!(%error, "a periodic table is missing"),
            }
        }
        Ok(sample)
    }

    /// Reads counters and a full table now, outside the budget, accounted apart.
    ///
    /// # Errors
    /// When either cannot be read.
    pub fn full(&mut self, reason: TableReason) -> Result<Sample, Error> {
        let now = Monotonic::now();
        let mut sample = self.look(now)?;
        let outcome = self.look_closely(&mut sample, reason);
        let (cost, sockets) = (self.account(), sockets_in(&sample));
        self.budget.table_tried(Purse::Outside, now, cost, outcome.is_ok().then_some(sockets));
        outcome.map(|()| sample)
    }

    /// What resolution was reached so far. A counters' rate that had to drop shows in their number.
    #[must_use]
    pub fn facts(&self) -> SamplingFacts {
        let mut sources: Vec<&str> = [&self.client, &self.server].into_iter().flatten().map(Watch::source).collect();
        sources.dedup();
        SamplingFacts {
            source: sources.join("+"),
            counters: self.counters,
            tables: self.tables,
            longest_gap_s: self.budget.longest_gap().as_secs_f64(),
            share_pct: self.budget.share_pct(Monotonic::now()),
        }
    }

    /// CPU time within the budget, and on the tables outside it.
    #[must_use]
    pub fn cpu(&self) -> (Duration, Duration) {
        self.budget.spent()
    }

    /// The thread's CPU time since the last account.
    fn account(&mut self) -> Duration {
        let now = cpu_time();
        now.saturating_sub(std::mem::replace(&mut self.accounted, now))
    }

    fn look(&mut self, now: Monotonic) -> Result<Sample, Error> {
        let side = |watch: &mut Option<Watch>| watch.as_mut().map(Watch::look).transpose();
        let sample =
            Sample { at: now.since(self.start), client: side(&mut self.client)?, server: side(&mut self.server)? };
        self.counters += 1;
        Ok(sample)
    }

    /// Adds the tables of both sides, or none: half a look would pair one side's present with the other's past.
    fn look_closely(&mut self, sample: &mut Sample, reason: TableReason) -> Result<(), Error> {
        let both = [(&mut self.client, &mut sample.client), (&mut self.server, &mut sample.server)];
        let outcome = both.into_iter().try_for_each(|pair| match pair {
            (Some(watch), Some(side)) => watch.look_closely(side, reason),
            _ => Ok(()),
        });
        if outcome.is_err() {
            [&mut sample.client, &mut sample.server].into_iter().flatten().for_each(|side| side.table = None);
        }
        outcome
    }
}

fn open_side(
    expected: Side,
    config: SideConfig,
    source: SourceKind,
    namespace: Option<OwnedFd>,
) -> Result<Watch, Error> {
    if config.side != expected {
        return Err(Error::OtherSide(expected));
    }
    let filter = Filter::new(config.side, config.target);
    let mut watch = namespace::within(namespace, move || Watch::open(filter, source))?;
    watch.descriptors.add(&config.pids);
    Ok(watch)
}

fn sockets_in(sample: &Sample) -> u64 {
    let of = |side: &Option<SideSample>| side.as_ref().map_or(0, |side| sockets_of(&side.counters));
    of(&sample.client).saturating_add(of(&sample.server))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(side: Side) -> SideConfig {
        SideConfig { side, target: ([127, 0, 0, 1], 1).into(), pids: vec![std::process::id(), u32::MAX] }
    }

    fn config(client: Option<SideConfig>, server: Option<SideConfig>) -> Config {
        Config { start: Monotonic::now(), client, server, source: SourceKind::Auto }
    }

    #[test]
    fn it_looks_at_what_it_was_told_to() {
        let mut sampler = Sampler::open(config(Some(side(Side::Client)), None), None, None).unwrap();
        assert_eq!(sampler.period(), Duration::from_millis(20));
        let first = sampler.full(TableReason::Start).unwrap();
        let table = first.client.as_ref().and_then(|client| client.table.as_ref()).unwrap();
        assert_eq!((table.reason, table.states.total(), table.local_ports), (TableReason::Start, 0, 0));
        assert!(first.server.is_none());
        assert!(first.client.is_some_and(|client| client.descriptors.is_some_and(|count| count >= 3)));
        let second = sampler.tick().unwrap();
        assert!(second.client.is_some_and(|client| client.table.is_none()), "it is not 100 ms since the last table");
        let (facts, (within, outside)) = (sampler.facts(), sampler.cpu());
        assert_eq!((facts.counters, facts.tables), (2, 0));
        assert!(!within.is_zero() && !outside.is_zero() && facts.share_pct > 0.0);
    }

    #[test]
    fn a_side_may_not_be_the_other_one() {
        let error = Sampler::open(config(Some(side(Side::Server)), None), None, None).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("watch the client side: its configuration is that of the other one"));
    }

    #[test]
    fn a_config_survives_the_way_to_another_process() {
        let config = config(Some(side(Side::Client)), Some(side(Side::Server)));
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }
}
