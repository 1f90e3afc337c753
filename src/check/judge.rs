//! The verdict: pure, over what the witnesses saw and when the command ended.
//!
//! The same function is asked while the command runs, so that a hang is not waited for longer than it takes to be one.

use std::time::Duration;

use super::evidence::Connection;
use super::excuse::{Excuse, excuse};
use super::symptoms::{self, Seen};
use super::track::Process;
use crate::record::{CheckVerdict, EndedBy, Symptom};
use crate::units::Monotonic;

/// What a command is measured against.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) grace: Duration,
    pub(super) patience: Duration,
    /// The logins that the command is known to make.
    pub(super) logins: Option<u64>,
    pub(super) allow_undecided: bool,
    pub(super) fail_on: Vec<FailOn>,
}

/// What fails a check beside the verdicts that always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// A symptom.
    Symptom(Symptom),
    /// A fault whose phase never came.
    NotReached,
}

/// Why the observation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The command ended, and what it left was watched long enough.
    No,
    /// Its time (`--for`) was over.
    InTime,
    /// It ran longer than it may.
    Timeout,
    /// It waits for a login that is never over.
    Hang,
    /// It forks without end.
    Storm,
    /// It was not ready in time.
    NeverReady,
    /// What watched over it was killed, and it with that.
    Bereft,
    /// A signal ended the check.
    Interrupted,
}

/// The course of a trial.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub(super) started: Monotonic,
    /// When the command itself ended, how: its exit code or its signal.
    pub(super) ended: Option<(Monotonic, Option<i32>, Option<i32>)>,
    /// Its own process.
    pub(super) command: u32,
    /// Until when every process and thread that it had was seen by some look.
    pub(super) all_seen_until: Option<Monotonic>,
    /// When this program asked it to end.
    pub(super) stopped_at: Option<Monotonic>,
    pub(super) stopped: Stopped,
    /// The end of the observation, or now.
    pub(super) now: Monotonic,
}

/// A connection judged.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) connection: Connection,
    pub(super) ended_by: EndedBy,
    /// How long it was held once its login was over; of a leak whose login was never over, since it was opened.
    pub(super) held: Option<Duration>,
    pub(super) leaked: bool,
    /// Why it is none of a client that closed it later than the grace.
    pub(super) excuse: Option<Excuse>,
    /// Its end proves nothing: the process's own came first.
    pub(super) unproven: bool,
}

/// A command judged under one fault.
#[derive(Debug, Clone)]
pub(super) struct Judgement {
    pub(super) verdict: CheckVerdict,
    pub(super) connections: Vec<Judged>,
    pub(super) symptoms: Vec<Seen>,
    pub(super) failed: bool,
}

/// An explicit close so shortly before the exit cannot be told from the exit: an interpreter that ends closes what its script
/// left open, of its own accord, and goes on for some milliseconds.
const AT_EXIT: Duration = Duration::from_millis(100);

/// Retries that follow each other so closely are one wait.
const CHAINED: Duration = Duration::from_secs(1);

/// Judges what is known at `course.now`.
pub(super) fn judge(
    connections: Vec<Connection>,
    processes: &[Process],
    course: &Course,
    limits: &Limits,
) -> Judgement {
    let judged: Vec<Judged> =
        connections.iter().map(|it| judged(it, &connections, processes, course, limits)).collect();
    let verdict = verdict(&judged, &connections, processes, course, limits);
    let symptoms = symptoms::seen(&judged, processes, course, limits);
    let asked = |it: &FailOn| match it {
        FailOn::Symptom(symptom) => symptoms.iter().any(|seen| seen.symptom == *symptom),
        FailOn::NotReached => verdict == CheckVerdict::NotReached,
    };
    // What was broken off is not allowed to pass for what ended too soon.
    let allowed =
        verdict == CheckVerdict::Undecided && limits.allow_undecided && course.stopped != Stopped::Interrupted;
    let failed = (verdict.fails() && !allowed) || limits.fail_on.iter().any(asked);
    Judgement { verdict, connections: judged, symptoms, failed }
}

fn verdict(
    judged: &[Judged],
    all: &[Connection],
    processes: &[Process],
    course: &Course,
    limits: &Limits,
) -> CheckVerdict {
    let crashed =
        course.ended.is_some_and(|(at, _, signal)| signal.is_some() && course.stopped_at.is_none_or(|stop| at < stop));
    if crashed {
        CheckVerdict::Crash
    } else if judged.iter().any(|it| it.leaked) {
        CheckVerdict::Leak
    } else if course.stopped == Stopped::Hang || hangs(all, processes, course, limits) {
        CheckVerdict::Hang
    } else if matches!(course.stopped, Stopped::Timeout | Stopped::Storm | Stopped::NeverReady) {
        CheckVerdict::Timeout
    } else if course.stopped == Stopped::Interrupted {
        CheckVerdict::Undecided
    } else if judged.is_empty() {
        CheckVerdict::NoConnection
    } else if !judged.iter().any(|it| it.connection.faulted) {
        CheckVerdict::NotReached
    } else if nothing_proved(judged) {
        CheckVerdict::Undecided
    } else {
        CheckVerdict::Clean
    }
}

/// Whether every faulted connection ended with its process, or by an end that we gave it; or whether one did of which nobody
/// can say whether it would ever have been closed: by the exit, or open for a while when it was ended.
fn nothing_proved(judged: &[Judged]) -> bool {
    let mut faulted = judged.iter().filter(|it| it.connection.faulted && !it.connection.logged_in()).peekable();
    if faulted.peek().is_none() {
        return false;
    }
    let by_exit = |it: &Judged| it.ended_by == EndedBy::ProcessExit;
    let lasted = |it: &Judged| it.unproven && (by_exit(it) || it.held.is_some_and(|held| held >= AT_EXIT));
    let (mut all, mut any) = (true, false);
    for it in faulted {
        all &= it.unproven;
        any |= lasted(it);
    }
    all || any
}

fn judged(it: &Connection, all: &[Connection], processes: &[Process], course: &Course, limits: &Limits) -> Judged {
    let ended_by = ended_by(it, all, processes, course);
    // What we ended ourselves was held until then.
    let until = course.stopped_at.map_or(course.now, |stop| stop.min(course.now));
    let closed = it.closed.map(|closed| if ended_by == EndedBy::Harness { closed.min(until) } else { closed });
    let seen = Connection { closed, ..it.clone() };
    let end = if closed.is_none() { until.max(seen.opened) } else { course.now };
    let held = seen.held(end).filter(|_| it.faulted);
    let late = held.is_some_and(|held| held > limits.grace);
    let excuse = if late { excuse(it, ended_by, processes, limits.grace) } else { None };
    let candidate = it.faulted && !it.logged_in();
    let leaked = candidate
        && match held {
            Some(_) => late && excuse.is_none(),
            None => seen.open_for(end) > limits.patience && moved_on(it, all, processes, course, limits),
        };
    let held = held.or_else(|| leaked.then(|| seen.open_for(end)));
    let with_process = matches!(ended_by, EndedBy::ProcessExit | EndedBy::Harness);
    let unproven = candidate && !leaked && (with_process || !closer_is_known(it, all, processes, course));
    Judged { connection: it.clone(), ended_by, held, leaked, excuse, unproven }
}

/// How a connection came to its end.
fn ended_by(it: &Connection, all: &[Connection], processes: &[Process], course: &Course) -> EndedBy {
    let Some(closed) = it.closed else { return EndedBy::Never };
    if course.stopped_at.is_some_and(|stop| closed >= stop) {
        return EndedBy::Harness;
    }
    let at_exit = exit_of_holder(it, processes, course).is_some_and(|exit| closed.after(AT_EXIT) >= exit);
    if at_exit && !went_on(it, closed, all) {
        return EndedBy::ProcessExit;
    }
    let Some(packets) = &it.packets else { return EndedBy::ClientFin };
    if packets.refused() {
        return EndedBy::Refused;
    }
    let earlier =
        |one: Option<Monotonic>, other: Option<Monotonic>| one.is_some_and(|one| other.is_none_or(|other| one < other));
    if packets.client_fin.is_none() && packets.server_rst.is_some() && !earlier(packets.client_rst, packets.server_rst)
    {
        EndedBy::ServerRst
    } else if earlier(packets.client_rst, packets.client_fin) {
        EndedBy::ClientRst
    } else {
        EndedBy::ClientFin
    }
}

/// Whether the process that closed it opened another connection afterwards, which no process does that is ending: a test suite
/// may make all its logins within the last 100 ms of its life.
fn went_on(it: &Connection, closed: Monotonic, all: &[Connection]) -> bool {
    let place = it.holder.map(|(place, _)| place);
    place.is_some() && all.iter().any(|other| other.holder.map(|(place, _)| place) == place && other.opened > closed)
}

/// Whether all processes that were there when it was open were seen to run behind its close, and not on their way out.
fn all_ran_on(it: &Connection, closed: Monotonic, processes: &[Process]) -> bool {
    // What a living process is known to have run until is not told.
    let ran = |process: &Process| process.gone.is_none() || process.last_running > closed;
    // Whoever was gone at a look may have been there until then.
    let before = |process: &Process| process.gone.is_some_and(|gone| gone < it.opened);
    processes.iter().filter(|process| !before(process)).all(ran)
}

/// When its last holder ended: exactly for the command itself, of another process when it was last seen alive, which errs
/// to the side where nothing is proved.
fn exit_of_holder(it: &Connection, processes: &[Process], course: &Course) -> Option<Monotonic> {
    let of_command = || course.ended.map(|(at, _, _)| at);
    match it.holder.and_then(|(place, _)| processes.get(place)) {
        Some(process) if process.pid == course.command => of_command(),
        Some(process) => process.gone.map(|_| process.last_alive),
        None => of_command(),
    }
}

/// Whether it is known that the process which closed a connection went on: a child that lives for some milliseconds is never
/// seen, and its end closes what it leaks. Where no process was missed until then, all of them are asked.
fn closer_is_known(it: &Connection, all: &[Connection], processes: &[Process], course: &Course) -> bool {
    let Some(closed) = it.closed else { return true };
    if it.holder.is_some() || processes.len() <= 1 {
        return true;
    }
    if course.all_seen_until.is_some_and(|until| until > closed) && all_ran_on(it, closed, processes) {
        return true;
    }
    // Whoever was seen to hold another connection is taken for the one that held this.
    let holders = all.iter().filter_map(|other| other.holder).filter_map(|(place, _)| processes.get(place));
    holders.into_iter().any(|process| {
        process.descriptors.first().is_some_and(|(first, _)| *first <= closed)
            && process.last_alive > closed.after(AT_EXIT)
    })
}

/// Whether the process of a connection whose login is never over went on without it.
fn moved_on(it: &Connection, all: &[Connection], processes: &[Process], course: &Course, limits: &Limits) -> bool {
    let place = it.holder.map(|(place, _)| place);
    let later = all.iter().any(|other| {
        other.opened >= it.opened.after(limits.patience / 2)
            && (place.is_none() || other.holder.is_none() || other.holder.map(|(place, _)| place) == place)
    });
    let own_end = exit_of_holder(it, processes, course);
    let ended = own_end.is_some_and(|exit| exit >= it.opened.after(limits.patience))
        && holder_gone(it, processes, course).is_some_and(|gone| course.stopped_at.is_none_or(|stop| gone < stop));
    later || ended
}

/// When its last holder was no longer there. Of a process that is not the command itself the last look that showed it alive
/// may lie before the end that we gave it: such an end is not its own.
fn holder_gone(it: &Connection, processes: &[Process], course: &Course) -> Option<Monotonic> {
    match it.holder.and_then(|(place, _)| processes.get(place)) {
        Some(process) if process.pid != course.command => process.gone,
        _ => course.ended.map(|(at, _, _)| at),
    }
}

/// Whether a login that is never over is waited for longer than the patience: by one connection, or by a chain of retries
/// that only the end of the observation broke.
fn hangs(all: &[Connection], processes: &[Process], course: &Course, limits: &Limits) -> bool {
    let end = course.stopped_at.unwrap_or(course.now);
    let waits: Vec<&Connection> = all.iter().filter(|it| it.faulted && !it.logged_in() && it.over.is_none()).collect();
    let alone = waits.iter().any(|it| {
        it.closed.unwrap_or(end).min(end).since(it.opened) > limits.patience
            && !moved_on(it, all, processes, course, limits)
    });
    alone || (course.stopped != Stopped::No && chain(&waits, end) > limits.patience)
}

/// How long the last chain of waits has gone on at `end`; zero when it was broken before.
fn chain(waits: &[&Connection], end: Monotonic) -> Duration {
    let mut links = waits.iter().rev();
    let Some(last) = links.next() else { return Duration::ZERO };
    if end.since(last.closed.unwrap_or(end)) > CHAINED {
        return Duration::ZERO;
    }
    let mut first = last.opened;
    for link in links {
        if first.since(link.closed.unwrap_or(end)) > CHAINED {
            break;
        }
        first = first.min(link.opened);
    }
    end.since(first)
}

/// Whether a connection waits so long, seen at `course.now`, that nothing but a hang can come of it.
pub(super) fn hopeless(connections: &[Connection], processes: &[Process], course: &Course, limits: &Limits) -> bool {
    connections.iter().any(|it| {
        it.faulted
            && !it.logged_in()
            && it.over.is_none()
            && it.closed.is_none()
            && it.open_for(course.now) > limits.patience * 3 / 2
            && !moved_on(it, connections, processes, course, limits)
    })
}
