//! Somebody else's program under test, judged by its sockets when its logins fail.
//!
//! A *trial* is the command once under one fault, on a *stage* of its own: a client's host on which the command runs in its
//! enclosure, and a server's host with the embedded SQL Server. Three witnesses watch: packets and descriptor tables (the
//! *lookout*) and the server's journal. `evidence` joins what they saw, `judge` gives the verdict; both are pure, and the
//! same functions are asked while the command runs, so that a hang ends the trial.
//!
//! The choice not taken: tracing the command's system calls (ptrace, `LD_PRELOAD`, eBPF). It would need a privilege, change
//! the program's timing, or miss programs that are linked statically; sockets tell enough from outside.

mod attendance;
mod crew;
mod crowd;
mod error;
mod evidence;
mod excuse;
mod explain;
mod judge;
mod options;
mod output;
mod part;
mod role;
mod stage;
mod symptoms;
mod target;
#[cfg(test)]
mod tests;
mod threads;
mod track;
mod trial;
mod verdict;

pub use error::Error;
pub use judge::FailOn;
pub use options::{Options, Place, Readiness};
pub use part::{is_mine, part};
pub use target::NAME;

use std::rc::Rc;

use tokio::sync::Semaphore;

use crate::fault::FaultSpec;
use crate::record::{Check, CheckLimits, FaultCheck};
use crate::run::{Stop, host_facts};

/// Connections of one server whose journal is kept at a time.
const MOST_JOURNALS: usize = 20_000;

/// Connections of one server that can be told apart.
const MOST_CONNECTIONS: usize = 1 << 24;

/// Trials at once that do nothing but wait: their logins are never over.
const WAITING_AT_ONCE: usize = 16;

/// What happens while a check is made.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A trial has begun.
    Begun(&'a str),
    /// A trial has ended.
    Ended(&'a FaultCheck),
}

/// Refuses what cannot be checked, before anything is started.
///
/// # Errors
/// When the command is not there, an alias is no host or cannot be the server here, or the working directory is gone.
pub fn preflight(options: &Options) -> Result<(), Error> {
    options.aliases.iter().try_for_each(target::check)?;
    stage::preflight(options)?;
    let program = options.command.first().ok_or_else(|| Error::NotFound(String::new()))?;
    // A placeholder in the program's own name is filled in when the server listens.
    if program.as_encoded_bytes().contains(&b'{') { Ok(()) } else { stage::resolve(program).map(drop) }
}

/// Plays the command once under each fault, as many at once as the machine has cores; those that only wait go on beside.
///
/// Ask [`preflight`] first: it tells what cannot be checked before anything is said of a trial.
/// This must run in a `LocalSet` on the thread that started the program: parts die with the thread that started them.
///
/// # Errors
/// When a trial cannot be played.
pub async fn play(options: &Options, stop: &Stop, tell: &mut dyn FnMut(Progress<'_>)) -> Result<Check, Error> {
    let host = host_facts();
    let cores = usize::try_from(host.cores).unwrap_or(1);
    let working = Rc::new(Semaphore::new(options.jobs.unwrap_or(cores)));
    // Where a number was asked for it is the number of all.
    let waiting = if options.jobs.is_some() { Rc::clone(&working) } else { Rc::new(Semaphore::new(WAITING_AT_ONCE)) };
    let options = Rc::new(options.clone());
    let (say, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    for (at, faults) in options.trials.iter().cloned().enumerate() {
        let gate = if faults.iter().any(FaultSpec::never_over) { &waiting } else { &working };
        let (gate, options, stop, say) = (Rc::clone(gate), Rc::clone(&options), stop.clone(), say.clone());
        tasks.spawn_local(async move {
            let permit = tokio::select! {
                permit = gate.acquire() => permit.ok(),
                () = stop.wait() => None,
            };
            if permit.is_none() || stop.asked() {
                return (at, None);
            }
            let name = name(&faults);
            let _ = say.send(name.clone());
            (at, Some(trial(&options, &name, &faults, &stop).await))
        });
    }
    drop(say);
    let mut done: Vec<Option<Trialled>> = (0..options.trials.len()).map(|_| None).collect();
    while !tasks.is_empty() {
        tokio::select! {
            Some(name) = heard.recv() => tell(Progress::Begun(&name)),
            Some(ended) = tasks.join_next() => {
                let (at, ended) = ended.expect("a trial does not panic");
                if let Some(ended) = ended.transpose()? {
                    tell(Progress::Ended(&ended.check));
                    done[at] = Some(ended);
                }
            }
        }
    }
    Ok(document(&options, host, stop, done))
}

/// A trial and where it was played.
struct Trialled {
    check: FaultCheck,
    sandbox: &'static str,
    target: String,
}

async fn trial(options: &Options, name: &str, faults: &[FaultSpec], stop: &Stop) -> Result<Trialled, Error> {
    let stage = stage::Stage::build(options)?;
    let outcome = trial::play(options, &stage, faults, stop).await?;
    let target = outcome.target.clone();
    Ok(Trialled { check: verdict::fault_check(name, outcome, &options.limits()), sandbox: stage.level(), target })
}

/// Faults of one trial as one name.
fn name(faults: &[FaultSpec]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

fn document(options: &Options, host: crate::record::HostFacts, stop: &Stop, done: Vec<Option<Trialled>>) -> Check {
    let complete = !stop.asked() && done.iter().all(Option::is_some);
    let done: Vec<Trialled> = done.into_iter().flatten().collect();
    let mut notices: Vec<String> = Vec::new();
    // What is true of every trial is said once.
    if let Some(first) = done.first() {
        notices = first.check.notices.clone();
        notices.retain(|notice| done.iter().all(|it| it.check.notices.contains(notice)));
    }
    let sandbox = done.first().map_or("none", |it| it.sandbox).to_owned();
    let target = done.first().map_or_else(String::new, |it| it.target.clone());
    let faults = done.into_iter().map(|it| {
        let mut check = it.check;
        check.notices.retain(|notice| !notices.contains(notice));
        check
    });
    let faults: Vec<FaultCheck> = faults.collect();
    Check {
        schema: Check::SCHEMA.to_owned(),
        command: options.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        seed: options.seed,
        complete,
        host,
        sandbox,
        target,
        limits: CheckLimits {
            grace_s: options.grace.as_secs_f64(),
            patience_s: options.patience.as_secs_f64(),
            timeout_s: options.timeout.as_secs_f64(),
        },
        passed: complete && faults.iter().all(|it| !it.failed),
        notices,
        faults,
    }
}
