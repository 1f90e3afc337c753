//! What was closed late because its process got no processor, or seems so because this program got none.
//!
//! The choice not taken: a longer grace on a busy machine. It would hide the leaks of whoever was not held up.

use std::time::Duration;

use super::evidence::Connection;
use super::judge::Judged;
use super::threads::waited;
use super::track::Process;
use crate::record::EndedBy;

/// Why a late close is not held against a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excuse {
    /// How long its process waited for a processor meanwhile.
    pub(super) waited: Duration,
    /// How much earlier than seen it may have been closed.
    pub(super) unseen: Duration,
}

/// So much of a delay is worth a word.
const SHORT: Duration = Duration::from_millis(1);

/// The excuse of a connection that was held for longer than the grace; none when it would have been without these delays
/// too, or when the client did not close it.
pub(super) fn excuse(it: &Connection, by: EndedBy, processes: &[Process], grace: Duration) -> Option<Excuse> {
    if !matches!(by, EndedBy::ClientFin | EndedBy::ClientRst | EndedBy::ServerRst) {
        return None;
    }
    let (over, closed) = (it.over?.max(it.opened), it.closed?);
    let surely = it.surely.unwrap_or(closed).max(over);
    let of = |process: &Process| waited(&process.waits, over, surely);
    let waited = match it.holder.and_then(|(place, _)| processes.get(place)) {
        Some(holder) => of(holder),
        // No look came while it was open: nobody can say whose it was.
        None => processes.iter().map(of).max().unwrap_or_default(),
    };
    (surely.since(over).saturating_sub(waited) <= grace).then_some(Excuse { waited, unseen: closed.since(surely) })
}

/// What a person must know of those that were excused.
pub(super) fn notice(judged: &[Judged]) -> Option<String> {
    let excused = || judged.iter().filter_map(|it| Some((it, it.excuse?, it.held?)));
    let (it, excuse, held) = excused().max_by_key(|(_, _, held)| *held)?;
    let seconds = |span: Duration| format!("{:.3} s", span.as_secs_f64());
    let mut why = Vec::new();
    if excuse.waited >= SHORT {
        why.push(format!("its process waited {} of them for a processor", seconds(excuse.waited)));
    }
    if excuse.unseen >= SHORT || why.is_empty() {
        why.push(format!("it may have been closed {} sooner than the next look came", seconds(excuse.unseen)));
    }
    let called = if it.connection.logged_in() { "a dead session that was kept" } else { "a leak" };
    let others = match excused().count() - 1 {
        0 => String::new(),
        1 => " (and 1 other like it)".to_owned(),
        more => format!(" (and {more} others like it)"),
    };
    Some(format!(
        "port {}{others}: closed {} after its login was over; {}, so it is not called {called}: run fewer trials at once \
         (--jobs), or use a longer --grace",
        it.connection.client.port(),
        seconds(held),
        why.join(", and "),
    ))
}
