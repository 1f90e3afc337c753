//! Sockets by where they lead to and by who holds them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;

use super::history::States;
use super::model::{Holder, Row};
use super::peer::Peer;
use super::trend::{Leak, Trend};
use crate::record::TcpState;
use crate::units::{Monotonic, PortRange};

/// Groups whose trend is kept, at most, and how many ports make one worth it without CLOSE_WAIT.
const TRENDS: usize = 2_000;
const WORTH_A_TREND: u32 = 16;

/// Since when a socket is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since {
    /// Since then.
    pub at: Monotonic,
    /// Or longer, as [`Row::at_least`].
    pub at_least: bool,
}

/// What some sockets come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) states: States,
    pub(super) oldest: Option<Since>,
}

impl Total {
    pub(super) fn add(&mut self, row: &Row) {
        self.states.add(row.entry.state);
        if row.entry.state == TcpState::CloseWait {
            let since = Since { at: row.since, at_least: row.at_least };
            self.oldest = Some(self.oldest.map_or(since, |oldest| oldest.min(since)));
        }
    }
}

/// The sockets that lead to one place.
#[derive(Debug, Clone)]
pub struct PeerGroup {
    /// Where they lead to.
    pub peer: Peer,
    /// By state.
    pub states: States,
    /// Since when the longest is in CLOSE_WAIT; none when none is.
    pub oldest: Option<Since>,
    /// Ephemeral ports that are used up towards it, by local address; empty where it is the one that connects.
    pub sources: BTreeMap<IpAddr, u32>,
    pub(super) trend: Option<Trend>,
}

/// The sockets that one process holds.
#[derive(Debug, Clone)]
pub struct HolderGroup {
    /// Who holds them.
    pub holder: Holder,
    /// By state.
    pub states: States,
    /// Since when the longest is in CLOSE_WAIT; none when none is.
    pub oldest: Option<Since>,
    pub(super) trend: Option<Trend>,
}

impl PeerGroup {
    pub(super) fn leak(&self) -> Option<Leak> {
        self.trend.as_ref().and_then(Trend::leak)
    }
}

impl HolderGroup {
    pub(super) fn leak(&self) -> Option<Leak> {
        self.trend.as_ref().and_then(Trend::leak)
    }
}

/// What is added up for one group.
#[derive(Default)]
struct Tally {
    total: Total,
    sources: BTreeMap<IpAddr, u32>,
    /// Sockets of the look before that are in CLOSE_WAIT no more.
    left: u32,
}

impl Tally {
    fn trend(&self, at: Monotonic, before: Option<&Trend>) -> Option<Trend> {
        let close_wait = self.total.states.of(TcpState::CloseWait);
        let used = self.sources.values().copied().max().unwrap_or(0);
        match before {
            Some(before) => {
                let mut trend = before.clone();
                trend.push(at, close_wait, used, self.left);
                Some(trend)
            }
            None => (close_wait > 0 || used >= WORTH_A_TREND).then(|| Trend::new(at, close_wait, used)),
        }
    }
}

/// Adds rows up by peer and by holder.
pub(super) struct Groups<'a> {
    peers: HashMap<Peer, Tally>,
    holders: HashMap<Holder, Tally>,
    ephemeral: PortRange,
    passed_over: &'a BTreeSet<u16>,
}

impl<'a> Groups<'a> {
    /// Of the ephemeral ports no connection is given those that are `passed_over`.
    pub(super) fn new(ephemeral: PortRange, passed_over: &'a BTreeSet<u16>) -> Self {
        Self { peers: HashMap::new(), holders: HashMap::new(), ephemeral, passed_over }
    }

    pub(super) fn add(&mut self, row: &Row) {
        self.holders.entry(row.holder).or_default().total.add(row);
        let Some(peer) = row.peer else { return };
        let tally = self.peers.entry(peer).or_default();
        tally.total.add(row);
        let port = row.entry.local.port();
        // One that was bound by hand before it was reserved takes none of the others away.
        if matches!(peer, Peer::To(_)) && self.ephemeral.holds(port) && !self.passed_over.contains(&port) {
            *tally.sources.entry(row.entry.local.ip()).or_insert(0) += 1;
        }
    }

    /// A socket that was in CLOSE_WAIT at the look before, and is no more.
    pub(super) fn left(&mut self, row: &Row) {
        tell(&mut self.holders, row.holder);
        if let Some(peer) = row.peer {
            tell(&mut self.peers, peer);
        }
    }

    /// The groups in their order; `peers` and `holders` are those of the look before.
    pub(super) fn finish(
        self,
        at: Monotonic,
        peers: &[PeerGroup],
        holders: &[HolderGroup],
    ) -> (Vec<PeerGroup>, Vec<HolderGroup>) {
        let peers = finish(self.peers, |peer, tally, room| {
            let before = peers.binary_search_by_key(&peer, |group| group.peer).ok();
            let trend = if room { tally.trend(at, before.and_then(|it| peers[it].trend.as_ref())) } else { None };
            let Total { states, oldest } = tally.total;
            PeerGroup { peer, states, oldest, sources: tally.sources, trend }
        });
        let holders = finish(self.holders, |holder, tally, room| {
            let before = holders.binary_search_by_key(&holder, |group| group.holder).ok();
            let trend = if room { tally.trend(at, before.and_then(|it| holders[it].trend.as_ref())) } else { None };
            let Total { states, oldest } = tally.total;
            HolderGroup { holder, states, oldest, trend }
        });
        (peers, holders)
    }
}

/// A group that has no socket left is gone, and with it its trend.
fn tell<K: Hash + Eq>(tallies: &mut HashMap<K, Tally>, key: K) {
    if let Some(tally) = tallies.get_mut(&key) {
        tally.left += 1;
    }
}

fn finish<K: Ord + Copy, G>(tallies: HashMap<K, Tally>, mut group: impl FnMut(K, Tally, bool) -> G) -> Vec<G> {
    let mut tallies: Vec<(K, Tally)> = tallies.into_iter().collect();
    tallies.sort_unstable_by_key(|(key, _)| *key);
    // With more groups than trends, those with the most in CLOSE_WAIT, then the most sockets, have one.
    let weight = |tally: &Tally| (tally.total.states.of(TcpState::CloseWait), tally.total.states.total());
    let least = (tallies.len() > TRENDS).then(|| {
        let mut weights: Vec<(u32, u32)> = tallies.iter().map(|(_, tally)| weight(tally)).collect();
        *weights.select_nth_unstable_by(TRENDS, |a, b| b.cmp(a)).1
    });
    let groups = tallies.into_iter().map(|(key, tally)| {
        let room = least.is_none_or(|least| weight(&tally) > least);
        group(key, tally, room)
    });
    groups.collect()
}
