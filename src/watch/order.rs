//! Which rows show, in which order: worked out once for each model, filter and sort, not for each frame.

use std::cmp::{Ordering, Reverse};

use super::filter::Filter;
use super::group::{HolderGroup, PeerGroup};
use super::model::{Model, Row};
use super::ui::{Pane, Sort, Ui};
use crate::record::TcpState;

/// What shows, by index into the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) sockets: Vec<u32>,
    pub(super) peers: Vec<u32>,
    pub(super) holders: Vec<u32>,
}

impl Shown {
    pub(super) fn of(model: &Model, ui: &Ui) -> Self {
        let mut filter = Filter::new(ui.filter(), model);
        let numbered = |keep: &mut dyn FnMut(usize) -> bool, n: usize| -> Vec<u32> {
            (0..u32::try_from(n).unwrap_or(u32::MAX)).filter(|at| keep(*at as usize)).collect()
        };
        let (rows, peers, holders) = (&model.rows, &model.peers, &model.holders);
        let mut shown = Self {
            sockets: numbered(&mut |at| filter.row(&rows[at]), rows.len()),
            peers: numbered(&mut |at| filter.peer(&peers[at]), peers.len()),
            holders: numbered(&mut |at| filter.holder(&holders[at]), holders.len()),
        };
        sort(&mut shown.sockets, ui.reversed(Pane::Sockets), &by_row(ui.sort(Pane::Sockets), rows));
        sort(&mut shown.peers, ui.reversed(Pane::Peers), &by_peer(ui.sort(Pane::Peers), peers));
        sort(&mut shown.holders, ui.reversed(Pane::Processes), &by_holder(ui.sort(Pane::Processes), holders));
        shown
    }

    pub(super) fn len(&self, pane: Pane) -> usize {
        match pane {
            Pane::Sockets => self.sockets.len(),
            Pane::Peers => self.peers.len(),
            Pane::Processes => self.holders.len(),
        }
    }
}

fn sort(shown: &mut [u32], reversed: bool, order: &dyn Fn(usize, usize) -> Ordering) {
    // Ties are broken by the index, so that no two looks show equal rows in another order.
    shown.sort_unstable_by(|&a, &b| {
        let order = order(a as usize, b as usize);
        (if reversed { order.reverse() } else { order }).then(a.cmp(&b))
    });
}

fn by_row(sort: Sort, rows: &[Row]) -> impl Fn(usize, usize) -> Ordering {
    // A listener waits for ever, as it should: it stands behind the connections.
    let held = |row: &Row| (row.entry.state == TcpState::Listen, row.since);
    move |a, b| {
        let (a, b) = (&rows[a], &rows[b]);
        match sort {
            Sort::Held => held(a).cmp(&held(b)),
            Sort::State => rank(a.entry.state).cmp(&rank(b.entry.state)).then(a.since.cmp(&b.since)),
            Sort::Local => a.entry.local.cmp(&b.entry.local),
            Sort::Remote => a.entry.remote.cmp(&b.entry.remote),
            Sort::Process => a.holder.cmp(&b.holder).then(a.since.cmp(&b.since)),
            Sort::Unread => b.entry.unread.cmp(&a.entry.unread),
            Sort::CloseWait | Sort::Sockets => Ordering::Equal,
        }
    }
}

/// The states of this side's guilt first.
const fn rank(state: TcpState) -> (bool, TcpState) {
    (!matches!(state, TcpState::CloseWait), state)
}

fn by_peer(sort: Sort, groups: &[PeerGroup]) -> impl Fn(usize, usize) -> Ordering {
    move |a, b| {
        let (a, b) = (&groups[a], &groups[b]);
        let count = |it: &PeerGroup| (it.states.of(TcpState::CloseWait), it.states.total());
        match sort {
            Sort::Remote => a.peer.cmp(&b.peer),
            Sort::Held => (a.oldest.is_none(), a.oldest).cmp(&(b.oldest.is_none(), b.oldest)),
            Sort::Sockets => Reverse(a.states.total()).cmp(&Reverse(b.states.total())),
            _ => count(b).cmp(&count(a)),
        }
    }
}

fn by_holder(sort: Sort, groups: &[HolderGroup]) -> impl Fn(usize, usize) -> Ordering {
    move |a, b| {
        let (a, b) = (&groups[a], &groups[b]);
        let count = |it: &HolderGroup| (it.states.of(TcpState::CloseWait), it.states.total());
        match sort {
            Sort::Process => a.holder.cmp(&b.holder),
            Sort::Held => (a.oldest.is_none(), a.oldest).cmp(&(b.oldest.is_none(), b.oldest)),
            Sort::Sockets => Reverse(a.states.total()).cmp(&Reverse(b.states.total())),
            _ => count(b).cmp(&count(a)),
        }
    }
}
