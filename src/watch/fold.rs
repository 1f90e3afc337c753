//! One look folded onto the model before it.
//!
//! Both are in the order of the sockets' cookies, so that one walk along the two finds what came, what changed and what
//! went. The choice not taken: a map from cookie to row, which costs more than the sort and has no order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::group::Groups;
use super::history::States;
use super::model::{Holder, Model, Row};
use super::peer::Peer;
use crate::record::TcpState;
use crate::sample::{Entry, Owner, Owners};
use crate::units::Monotonic;

/// One look at the machine.
pub struct Look<'a> {
    /// When.
    pub at: Monotonic,
    /// Every socket in scope, in any order.
    pub sockets: Vec<Entry>,
    /// Who holds them.
    pub owners: &'a Owners,
    /// Whether the processes were walked for this look: then everything is asked anew.
    pub walked: bool,
    /// The sockets of this process alone count.
    pub only: Option<u32>,
    /// Whether that process has ended.
    pub ended: bool,
    /// Ephemeral ports that no connection is given, as [`crate::sample::Machine::passed_over`].
    pub passed_over: &'a BTreeSet<u16>,
    /// CPU time that the look took.
    pub cost: Duration,
}

impl Model {
    /// What is known after one look more.
    #[must_use]
    pub fn next(&self, look: Look<'_>) -> Self {
        let Look { at, mut sockets, owners, walked, only, ended, passed_over, cost } = look;
        // A socket that moved on while the table was read is there twice: the later state is the higher one as a rule.
        sockets.sort_unstable_by_key(|entry| (entry.handle.cookie, Reverse(entry.state)));
        sockets.dedup_by_key(|entry| entry.handle.cookie);
        let listening: BTreeSet<u16> =
            sockets.iter().filter(|it| it.state == TcpState::Listen).map(|it| it.local.port()).collect();
        let mut rows = Vec::with_capacity(sockets.len());
        let (mut groups, mut states) = (Groups::new(at, self.ports, passed_over), States::default());
        let (mut earlier, mut gone) = (self.rows.iter().peekable(), Vec::new());
        for entry in sockets {
            let cookie = entry.handle.cookie;
            while let Some(lost) = earlier.next_if(|row| row.entry.handle.cookie < cookie) {
                gone.push(*lost);
            }
            let known = earlier.next_if(|row| row.entry.handle.cookie == cookie);
            gone.extend(known.filter(|row| row.entry.state != entry.state));
            let row = self.row(entry, known, at, owners, walked, &listening);
            if only.is_none_or(|pid| row.holder == Holder::Process(pid)) {
                states.add(entry.state);
                groups.add(&row);
                rows.push(row);
            }
        }
        gone.extend(earlier);
        gone.iter().filter(|row| row.entry.state == TcpState::CloseWait).for_each(|row| groups.left(row, self.at));
        let (peers, holders) = groups.finish(at, &self.peers, &self.holders);
        let mut history = self.history.clone();
        history.push(at, states);
        Self {
            begun: if self.looks == 0 { at } else { self.begun },
            at,
            looks: self.looks + 1,
            rows,
            states,
            peers,
            holders,
            processes: if walked { Arc::new(by_number(owners)) } else { Arc::clone(&self.processes) },
            denied: owners.denied(),
            ended,
            ports: self.ports,
            usable: self.ports.count().saturating_sub(u32::try_from(passed_over.len()).unwrap_or(u32::MAX)),
            cost,
            history,
        }
    }

    fn row(
        &self,
        entry: Entry,
        known: Option<&Row>,
        at: Monotonic,
        owners: &Owners,
        walked: bool,
        listening: &BTreeSet<u16>,
    ) -> Row {
        let (since, at_least) = match known {
            Some(row) if row.entry.state == entry.state => (row.since, row.at_least),
            Some(_) => (at, false),
            None => self.first_seen(&entry, at),
        };
        let holder = match known {
            // A descriptor may have been inherited, accepted, or let go; only a walk tells.
            Some(row) if !walked && row.entry.inode == entry.inode => row.holder,
            _ if entry.inode == 0 => Holder::Kernel,
            _ => owners.of(entry.inode).map_or(Holder::Unknown(entry.uid), Holder::Process),
        };
        let peer = known.map_or_else(|| Peer::of(&entry, listening, self.ports), |row| row.peer);
        Row { entry, since, at_least, holder, peer }
    }

    /// A socket that was not there at the look before.
    fn first_seen(&self, entry: &Entry, at: Monotonic) -> (Monotonic, bool) {
        let quiet = entry.quiet.unwrap_or_default();
        let since = Monotonic::from_nanos(at.as_nanos().saturating_sub(u64::try_from(quiet.as_nanos()).unwrap_or(0)));
        match entry.state {
            // Its timer tells exactly.
            TcpState::TimeWait if entry.quiet.is_some() => (since, false),
            _ if self.looks == 0 => (since, true),
            _ => (at, false),
        }
    }
}

fn by_number(owners: &Owners) -> BTreeMap<u32, Owner> {
    owners.processes().map(|owner| (owner.pid, owner.clone())).collect()
}
