//! Which rows show, in which order: worked out once for each model, filter and sort, not for each frame.
//!
//! The tables of groups are made of the sockets that the filter lets through, so that all three agree. The choice not
//! taken: to hold the filter's words against a group's own name, which has no command, and no address of the other end.

use std::cmp::{Ordering, Reverse};

use super::filter::Filter;
use super::group::{HolderGroup, PeerGroup, Since, Total};
use super::history::States;
use super::model::{Model, Row};
use super::ui::{Pane, Sort, Ui};
use crate::record::TcpState;

/// What shows, by index into the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) sockets: Vec<u32>,
    pub(super) peers: Vec<Group>,
    pub(super) holders: Vec<Group>,
}

/// A group as far as it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// Which of the model's.
    pub(super) at: u32,
    /// What those of its sockets come to that the filter lets through.
    pub(super) total: Total,
}

impl Group {
    pub(super) const fn index(&self) -> usize {
        self.at as usize
    }

    fn of(at: usize, states: States, oldest: Option<Since>) -> Self {
        Self { at: u32::try_from(at).unwrap_or(u32::MAX), total: Total { states, oldest } }
    }

    fn weight(&self) -> (u32, u32) {
        (self.total.states.of(TcpState::CloseWait), self.total.states.total())
    }
}

impl Shown {
    pub(super) fn of(model: &Model, ui: &Ui) -> Self {
        let (rows, peers, holders) = (&model.rows, &model.peers, &model.holders);
        let mut filter = Filter::new(ui.filter(), model);
        let all = 0..u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let sockets: Vec<u32> = all.filter(|at| filter.row(&rows[*at as usize])).collect();
        let mut shown = if sockets.len() == rows.len() {
            let peers = peers.iter().enumerate().map(|(at, it)| Group::of(at, it.states, it.oldest)).collect();
            let holders = holders.iter().enumerate().map(|(at, it)| Group::of(at, it.states, it.oldest)).collect();
            Self { sockets, peers, holders }
        } else {
            let let_through = || sockets.iter().map(|at| &rows[*at as usize]);
            let peer = |row: &Row| peers.binary_search_by_key(&row.peer?, |group| group.peer).ok();
            let holder = |row: &Row| holders.binary_search_by_key(&row.holder, |group| group.holder).ok();
            let (peers, holders) =
                (groups(let_through(), peers.len(), peer), groups(let_through(), holders.len(), holder));
            Self { sockets, peers, holders }
        };
        sort(&mut shown.sockets, ui.reversed(Pane::Sockets), |it| *it, &by_row(ui.sort(Pane::Sockets), rows));
        sort(&mut shown.peers, ui.reversed(Pane::Peers), |it| it.at, &by_peer(ui.sort(Pane::Peers), peers));
        sort(
            &mut shown.holders,
            ui.reversed(Pane::Processes),
            |it| it.at,
            &by_holder(ui.sort(Pane::Processes), holders),
        );
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

/// The rows by group, of `n` groups those that have any.
fn groups<'a>(rows: impl Iterator<Item = &'a Row>, n: usize, group: impl Fn(&Row) -> Option<usize>) -> Vec<Group> {
    let mut totals = vec![Total::default(); n];
    for row in rows {
        if let Some(total) = group(row).and_then(|at| totals.get_mut(at)) {
            total.add(row);
        }
    }
    let totals = totals.into_iter().enumerate().filter(|(_, total)| total.states.total() > 0);
    totals.map(|(at, total)| Group::of(at, total.states, total.oldest)).collect()
}

fn sort<T>(shown: &mut [T], reversed: bool, index: impl Fn(&T) -> u32, order: &dyn Fn(&T, &T) -> Ordering) {
    // Ties are broken by the index, so that no two looks show equal rows in another order.
    shown.sort_unstable_by(|a, b| {
        let order = order(a, b);
        (if reversed { order.reverse() } else { order }).then(index(a).cmp(&index(b)))
    });
}

fn by_row(sort: Sort, rows: &[Row]) -> impl Fn(&u32, &u32) -> Ordering {
    // A listener waits for ever, as it should: it stands behind the connections.
    let held = |row: &Row| (row.entry.state == TcpState::Listen, row.since);
    // What it has unread are connections, no bytes.
    let unread = |row: &Row| if row.entry.state == TcpState::Listen { 0 } else { row.entry.unread };
    move |a, b| {
        let (a, b) = (&rows[*a as usize], &rows[*b as usize]);
        match sort {
            Sort::Held => held(a).cmp(&held(b)),
            Sort::State => rank(a.entry.state).cmp(&rank(b.entry.state)).then(a.since.cmp(&b.since)),
            Sort::Local => a.entry.local.cmp(&b.entry.local),
            Sort::Remote => a.entry.remote.cmp(&b.entry.remote),
            Sort::Process => a.holder.cmp(&b.holder).then(a.since.cmp(&b.since)),
            Sort::Unread => unread(b).cmp(&unread(a)),
            Sort::CloseWait | Sort::Sockets => Ordering::Equal,
        }
    }
}

/// The states of this side's guilt first.
const fn rank(state: TcpState) -> (bool, TcpState) {
    (!matches!(state, TcpState::CloseWait), state)
}

fn by_peer(sort: Sort, groups: &[PeerGroup]) -> impl Fn(&Group, &Group) -> Ordering {
    move |a, b| match sort {
        Sort::Remote => groups[a.index()].peer.cmp(&groups[b.index()].peer),
        _ => by_total(sort, a, b),
    }
}

fn by_holder(sort: Sort, groups: &[HolderGroup]) -> impl Fn(&Group, &Group) -> Ordering {
    move |a, b| match sort {
        Sort::Process => groups[a.index()].holder.cmp(&groups[b.index()].holder),
        _ => by_total(sort, a, b),
    }
}

fn by_total(sort: Sort, a: &Group, b: &Group) -> Ordering {
    let oldest = |it: &Group| (it.total.oldest.is_none(), it.total.oldest);
    match sort {
        Sort::Held => oldest(a).cmp(&oldest(b)),
        Sort::Sockets => Reverse(a.total.states.total()).cmp(&Reverse(b.total.states.total())),
        _ => b.weight().cmp(&a.weight()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::keys::Key;
    use super::super::testbed::leaking;
    use super::*;

    /// Whatever the filter, the sockets of the groups are those that show, in number and in kind.
    #[test]
    fn the_three_tables_agree_under_every_filter() {
        let words =
            ["", "python", "pool", "pid:4242", "pid:80", ":1433", ":443 est", "close_wait", "listen", "10.0.0.9"];
        for typed in words.into_iter().chain(["nginx", "fd00::2", "40032", "psql", "nothing"]) {
            let mut ui = Ui::new(Arc::new(leaking()));
            ui.key(Key::Char('/'));
            typed.chars().for_each(|c| drop(ui.key(Key::Char(c))));
            ui.key(Key::Enter);
            let rows = || ui.shown.sockets.iter().map(|at| &ui.model().rows[*at as usize]);
            let sum =
                |groups: &[Group]| groups.iter().map(|it| it.weight()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            let weight = |kept: &dyn Fn(&Row) -> bool| {
                let mut total = Total::default();
                rows().filter(|row| kept(row)).for_each(|row| total.add(row));
                (total.states.of(TcpState::CloseWait), total.states.total())
            };
            assert_eq!(sum(&ui.shown.holders), weight(&|_| true), "{typed}");
            // A listener leads nowhere.
            assert_eq!(sum(&ui.shown.peers), weight(&|row| row.peer.is_some()), "{typed}");
            let empty = |groups: &[Group]| groups.iter().any(|it| it.weight().1 == 0);
            assert!(!empty(&ui.shown.peers) && !empty(&ui.shown.holders), "{typed}");
            let counts = (ui.shown.sockets.len(), ui.shown.peers.len(), ui.shown.holders.len());
            match typed {
                "" => assert_eq!(counts, (664, 14, 5)),
                // What showed no remote address at all.
                "python" | "pool" | "pid:4242" => assert_eq!(counts, (640, 1, 1)),
                "listen" => assert_eq!(counts, (1, 0, 1)),
                "nothing" => assert_eq!(counts, (0, 0, 0)),
                _ => assert!(counts.0 > 0 && counts.0 < 664),
            }
        }
    }
}
