//! One look as text, for who has no terminal to fill.

use std::fmt::Write as _;

use super::figures::held_since;
use super::model::{Holder, Model};
use super::scope::Scope;
use super::view::{holder_name, socket_texts};
use crate::record::TcpState;
use crate::units::Count;

/// Rows of a table at the most; a snapshot as JSON has all of them.
const MOST: usize = 40;

/// The model as text: states, ports, who holds what, and the sockets that are held longest.
#[must_use]
pub fn text(model: &Model, scope: &Scope) -> String {
    let ended = if model.ended { ", THE PROCESS HAS ENDED" } else { "" };
    let mut out = format!("{scope}: {} sockets{ended}\n", Count(model.rows.len() as u64));
    for (state, n) in model.states.seen() {
        let _ = writeln!(out, "  {state:<12}{:>9}", Count(u64::from(n)));
    }
    ports(&mut out, model);
    groups(&mut out, model);
    sockets(&mut out, model);
    if model.denied > 0 {
        let unseen = model.rows.iter().filter(|row| matches!(row.holder, Holder::Unknown(_))).count();
        let _ = writeln!(out, "{} of processes that only root may look into", Count(unseen as u64));
    }
    out
}

fn ports(out: &mut String, model: &Model) {
    let all = model.destinations();
    if !all.is_empty() {
        let (usable, without) = (Count(u64::from(model.usable)), model.ports.count() - model.usable);
        let less = if without > 0 { format!(" without {without} reserved or listened on") } else { String::new() };
        let _ = writeln!(out, "ports used of {usable} ({}{less})", model.ports);
    }
    for it in all.iter().take(MOST) {
        let share = 100.0 * f64::from(it.used) / f64::from(it.available);
        let to = it.group.peer.as_filter();
        let _ = writeln!(out, "  {:>9} {share:>5.1} %  {} to {to}", Count(u64::from(it.used)), it.source);
    }
    rest(out, all.len(), "destinations");
}

fn groups(out: &mut String, model: &Model) {
    let mut groups: Vec<_> = model.holders.iter().collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.states.of(TcpState::CloseWait), group.states.total())));
    out.push_str("held by        sockets   in CLOSE_WAIT\n");
    for group in groups.iter().take(MOST) {
        let close_wait = group.states.of(TcpState::CloseWait);
        let oldest = group.oldest.map(|since| held_since(model.at, since));
        let since = oldest.map_or(String::new(), |oldest| format!(", the longest for {oldest}"));
        let _ = writeln!(
            out,
            "  {:>20} {:>14}{since}  {}",
            Count(u64::from(group.states.total())),
            Count(u64::from(close_wait)),
            holder_name(model, group.holder)
        );
    }
    rest(out, groups.len(), "processes");
}

fn sockets(out: &mut String, model: &Model) {
    let mut rows: Vec<_> = model.rows.iter().collect();
    rows.sort_by_key(|row| (row.entry.state == TcpState::Listen, row.since));
    out.push_str("held      state        local                  remote                 process\n");
    for row in rows.iter().take(MOST) {
        let texts = socket_texts(model, row, false);
        let line = format!("{:>8}  {:<12} {:<22} {:<22} {}", texts[0], texts[1], texts[2], texts[3], texts[4]);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    rest(out, rows.len(), "sockets (all with --json -)");
}

fn rest(out: &mut String, all: usize, what: &str) {
    if all > MOST {
        let _ = writeln!(out, "  and {} more {what}", Count((all - MOST) as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::leaking;
    use super::*;

    #[test]
    fn one_look_as_text() {
        insta::assert_snapshot!(text(&leaking(), &Scope::All));
    }
}
