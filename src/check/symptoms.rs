//! What was seen beside the verdict, each with its evidence.

use std::collections::BTreeMap;
use std::time::Duration;

use super::judge::{Course, Judged, Limits};
use super::threads::Busy;
use super::track::Process;
use crate::record::Symptom;
use crate::units::Monotonic;

/// A symptom and its evidence, in a plain sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) symptom: Symptom,
    pub(super) evidence: String,
}

/// A thread that is busy for so long on a dead connection spins.
const SPINS: Duration = Duration::from_secs(1);

/// It had a processor for so long meanwhile: who only waits for one wants it as much.
const RUNS: Duration = Duration::from_millis(200);

/// A thread may have been busy for so long before the connection died, and still be busy because of it.
const BEFORE: Duration = Duration::from_millis(300);

/// Failed logins from which a growth can be told from chance.
const FEWEST_LOGINS: usize = 3;

/// Every symptom that shows.
pub(super) fn seen(judged: &[Judged], processes: &[Process], course: &Course, limits: &Limits) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut add = |symptom, evidence: Option<String>| seen.extend(evidence.map(|evidence| Seen { symptom, evidence }));
    add(
        Symptom::DescriptorsGrow,
        processes.iter().enumerate().find_map(|(place, it)| grows(place, it, judged, limits)),
    );
    add(Symptom::Spin, processes.iter().enumerate().find_map(|(place, it)| spins(place, it, judged, course, limits)));
    add(
        Symptom::ContinuedInClear,
        counted(judged, |it| it.connection.continued_in_clear, "asked for encryption and logged in without"),
    );
    add(
        Symptom::TookRefusalForLogin,
        counted(judged, |it| it.connection.took_refusal_for_login, "sent a request although no LOGINACK had come"),
    );
    let keeps = |it: &Judged| {
        it.connection.logged_in() && it.held.is_some_and(|held| held > limits.grace) && it.excuse.is_none()
    };
    add(Symptom::KeepsDeadSession, counted(judged, keeps, "kept a session that the server had ended"));
    let made = judged.len() as u64;
    add(
        Symptom::Retried,
        limits.logins.filter(|logins| made > *logins).map(|logins| format!("{made} connections for {logins} logins")),
    );
    seen
}

fn counted(judged: &[Judged], which: impl Fn(&Judged) -> bool, what: &str) -> Option<String> {
    let count = judged.iter().filter(|it| which(it)).count();
    let noun = if count == 1 { "connection" } else { "connections" };
    (count > 0).then(|| format!("{count} {noun} {what}"))
}

/// Whether each failed login left a descriptor behind that is no connection to the server.
fn grows(place: usize, process: &Process, judged: &[Judged], limits: &Limits) -> Option<String> {
    let own = judged.iter().map(|it| &it.connection).filter(|it| it.faulted && !it.logged_in());
    let own: Vec<_> = own.filter(|it| it.holder.is_some_and(|(of, _)| of == place)).collect();
    if own.len() < FEWEST_LOGINS {
        return None;
    }
    // What the first login opened is there for all; what comes from then on comes with each.
    let first = own.get(1)?.opened;
    let last_over = own.iter().filter_map(|it| it.over.or(it.closed)).max()?;
    let settled = last_over.after(limits.grace.min(Duration::from_millis(500)));
    if process.last_alive < settled {
        return None;
    }
    let (before, after) = (at(process, first)?, at(process, process.last_alive)?);
    let expected = u32::try_from(own.len() - 1).unwrap_or(u32::MAX);
    let (kind, count, was) = after.iter().find_map(|(kind, count)| {
        let was = before.get(kind).copied().unwrap_or(0);
        (count.saturating_sub(was) >= expected).then_some((kind, *count, was))
    })?;
    let logins = own.len();
    Some(format!(
        "{} had {was} descriptors of the kind `{kind}` at its second login and {count} after {logins} failed ones",
        process.pid
    ))
}

/// How many descriptors a process had at an instant.
fn at(process: &Process, instant: Monotonic) -> Option<&BTreeMap<String, u32>> {
    process.descriptors.iter().take_while(|(from, _)| *from <= instant).last().map(|(_, counts)| counts)
}

/// Whether a thread wanted a processor all the time while a connection was dead, and did not before. One that the server has
/// not ended is dead when nothing has come of it for the grace: until then a busy machine may be slow at a handshake.
fn spins(place: usize, process: &Process, judged: &[Judged], course: &Course, limits: &Limits) -> Option<String> {
    for it in
        judged.iter().filter(|it| it.connection.faulted && it.connection.holder.is_some_and(|(of, _)| of == place))
    {
        let begun = it.connection.over.unwrap_or(it.connection.opened);
        let dead = it.connection.over.unwrap_or(begun.after(limits.grace));
        let until = it.connection.closed.unwrap_or(course.now);
        // A busy machine breaks the span of a thread that is busy all along: one that was so just before is no evidence.
        let was = |it: &Busy| it.from.after(BEFORE) < dead && it.to.after(SPINS) >= dead;
        if process.busy.iter().any(was) {
            continue;
        }
        for busy in &process.busy {
            let span = busy.to.min(until).since(busy.from.max(dead));
            if span >= SPINS && busy.ran >= RUNS && busy.from.after(BEFORE) >= begun {
                let port = it.connection.client.port();
                let seconds = span.as_secs_f64();
                return Some(format!(
                    "a thread of {} wanted a processor for {seconds:.1} s while its connection from port {port} was dead",
                    process.pid
                ));
            }
        }
    }
    None
}
