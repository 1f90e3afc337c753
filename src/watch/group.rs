//! Sockets by where they lead to and by who holds them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;

use super::history::States;
use super::model::{Holder, Row};
use super::peer::Peer;
use super::trend::{Leak, STAYED, Trend, Waiting};
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
    /// Sockets that have stayed in CLOSE_WAIT.
    stayed: u32,
    /// Sockets of the look before that are in CLOSE_WAIT no more.
    left: Waiting,
}

impl Tally {
    fn trend(&self, at: Monotonic, before: Option<&Trend>) -> Option<Trend> {
        let waiting = Waiting { all: self.total.states.of(TcpState::CloseWait), stayed: self.stayed };
        let used = self.sources.values().copied().max().unwrap_or(0);
        match before {
            Some(before) => {
                let mut trend = before.clone();
                trend.push(at, waiting, used, self.left);
                Some(trend)
            }
            None => (waiting.all > 0 || used >= WORTH_A_TREND).then(|| Trend::new(at, waiting, used)),
        }
    }
}

/// Adds rows up by peer and by holder.
pub(super) struct Groups<'a> {
    at: Monotonic,
    peers: HashMap<Peer, Tally>,
    holders: HashMap<Holder, Tally>,
    ephemeral: PortRange,
    passed_over: &'a BTreeSet<u16>,
}

impl<'a> Groups<'a> {
    /// As of a look; of the ephemeral ports no connection is given those that are `passed_over`.
    pub(super) fn new(at: Monotonic, ephemeral: PortRange, passed_over: &'a BTreeSet<u16>) -> Self {
        Self { at, peers: HashMap::new(), holders: HashMap::new(), ephemeral, passed_over }
    }

    pub(super) fn add(&mut self, row: &Row) {
        // Who was there before the first look is no growth: it may have stayed, and counts from the beginning.
        let stayed = row.at_least || self.at.since(row.since) >= STAYED;
        let stayed = u32::from(stayed && row.entry.state == TcpState::CloseWait);
        let tally = self.holders.entry(row.holder).or_default();
        tally.total.add(row);
        tally.stayed += stayed;
        let Some(peer) = row.peer else { return };
        let tally = self.peers.entry(peer).or_default();
        tally.total.add(row);
        tally.stayed += stayed;
        let port = row.entry.local.port();
        // One that was bound by hand before it was reserved takes none of the others away.
        if matches!(peer, Peer::To(_)) && self.ephemeral.holds(port) && !self.passed_over.contains(&port) {
            *tally.sources.entry(row.entry.local.ip()).or_insert(0) += 1;
        }
    }

    /// A socket that was in CLOSE_WAIT at the look before, at `before`, and is no more.
    pub(super) fn left(&mut self, row: &Row, before: Monotonic) {
        // As it was counted when it came.
        let stayed = row.at_least || before.since(row.since) >= STAYED;
        tell(&mut self.holders, row.holder, stayed);
        if let Some(peer) = row.peer {
            tell(&mut self.peers, peer, stayed);
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
fn tell<K: Hash + Eq>(tallies: &mut HashMap<K, Tally>, key: K, stayed: bool) {
    if let Some(tally) = tallies.get_mut(&key) {
        tally.left.all += 1;
        tally.left.stayed += u32::from(stayed);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fold::Look;
    use super::super::model::Model;
    use super::super::testbed::{at, entry};
    use super::*;
    use crate::sample::{Entry, Owner, Owners};

    /// A program whose connections are closed by the peer as soon as they are made, 100 a second.
    #[derive(Clone, Copy)]
    struct Program {
        /// It closes its end so many milliseconds later ...
        closes_after: u64,
        /// ... but for one of so many, which it never closes; 0: it closes all.
        forgets: u64,
        /// Until this second.
        until: u64,
        /// It then closes so many percent of what it holds, by the second after.
        recovers: u64,
    }

    impl Program {
        fn waiting(self, second: u64) -> Vec<Entry> {
            let now = second * 1_000;
            let waits = |made: &u64| {
                let forgotten = self.forgets > 0 && made.is_multiple_of(self.forgets);
                let recovered = second > self.until && made * 7 % 100 < self.recovers;
                let closed = !forgotten && now >= made * 10 + self.closes_after;
                *made < self.until * 100 && made * 10 <= now && !closed && !recovered
            };
            let socket = |made| {
                let local = format!("10.0.0.1:{}", 20_000 + made);
                entry(1 + made, &local, "10.0.0.9:1433", TcpState::CloseWait)
            };
            (0..self.until * 100).filter(waits).map(socket).collect()
        }

        /// The seconds in which the program or its peer is marked as a leak; both always are alike.
        fn marked(self, looks: impl IntoIterator<Item = u64>) -> Vec<u64> {
            let (mut model, mut marked) = (Model::empty(PortRange::LINUX_DEFAULT), Vec::new());
            let owner = Owner { pid: 7, name: "app".into(), command: "app".into() };
            let owners = Owners::of_these([(owner, (1..20_000).collect())], 0);
            for second in looks {
                model = model.next(Look {
                    at: at(second),
                    sockets: self.waiting(second),
                    owners: &owners,
                    walked: true,
                    only: None,
                    ended: false,
                    passed_over: &BTreeSet::new(),
                    cost: Duration::ZERO,
                });
                let leak = model.peers.first().and_then(PeerGroup::leak);
                assert_eq!(leak, model.holders.first().and_then(HolderGroup::leak));
                marked.extend(leak.map(|_| second));
            }
            marked
        }
    }

    const MIXED: Program = Program { closes_after: 100, forgets: 5, until: 120, recovers: 0 };

    #[test]
    fn a_leak_among_connections_that_are_closed_is_marked() {
        assert_eq!(MIXED.marked(0..60), (10..60).collect::<Vec<_>>());
        assert_eq!(MIXED.marked(30..60), (40..60).collect::<Vec<_>>(), "there before the first look");
        // One in a hundred is one a second.
        let rare = Program { forgets: 100, ..MIXED };
        assert_eq!(rare.marked(0..60), (10..60).collect::<Vec<_>>());
        for closes_after in [2_000, 4_500] {
            let late = Program { closes_after, ..MIXED };
            assert_eq!(late.marked(0..60).last(), Some(&59), "{closes_after}");
        }
        // It stays marked when it has ended, and what it holds it holds still.
        let ended = Program { until: 30, ..MIXED };
        assert_eq!(ended.marked(0..90), (10..90).collect::<Vec<_>>());
    }

    #[test]
    fn a_leak_among_connections_that_are_closed_late_is_marked_later() {
        for (closes_after, by) in [(6_000, 30), (10_000, 40)] {
            let marked = Program { closes_after, ..MIXED }.marked(0..100);
            assert!((by..100).all(|second| marked.contains(&second)), "{closes_after}: {marked:?}");
        }
    }

    #[test]
    fn a_late_closer_is_marked_at_its_beginning_at_the_most() {
        for closes_after in [100, 2_000, 4_500] {
            let late = Program { closes_after, forgets: 0, ..MIXED };
            assert_eq!(late.marked(0..100), [0u64; 0], "{closes_after}");
        }
        let late = Program { closes_after: 10_000, forgets: 0, ..MIXED };
        let marked = late.marked(0..100);
        // Nobody knows yet that it will close any.
        assert!(marked.iter().all(|second| (5..16).contains(second)), "{marked:?}");
        assert_eq!(late.marked(30..100), [0u64; 0], "it was there before");
    }

    #[test]
    fn who_was_there_before_the_first_look_leaves_as_it_came() {
        let none = BTreeSet::new();
        let entry = entry(1, "10.0.0.1:20000", "10.0.0.9:1433", TcpState::CloseWait);
        for (at_least, stayed) in [(true, 1), (false, 0)] {
            let row = Row { entry, since: at(30), at_least, holder: Holder::Process(7), peer: None };
            let mut groups = Groups::new(at(31), PortRange::LINUX_DEFAULT, &none);
            groups.add(&row);
            groups.left(&row, at(31));
            let tally = &groups.holders[&row.holder];
            assert_eq!((tally.stayed, tally.left), (stayed, Waiting { all: 1, stayed }), "{at_least}");
        }
    }

    #[test]
    fn what_recovers_is_none() {
        for (forgets, recovers) in [(1, 100), (1, 80), (5, 100), (5, 50)] {
            let pool = Program { forgets, recovers, until: 30, ..MIXED };
            assert_eq!(pool.marked(0..60).last(), Some(&30), "one of {forgets}, {recovers} %");
        }
    }
}
