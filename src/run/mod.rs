//! The conductor: plays a scenario's arms one after another, each in a sandbox of its own, and tells what happens as one
//! stream of events.
//!
//! Every part (server, load workers, sampler, connection ledger) is a process of its own inside a host; the conductor only speaks with
//! them. What is absent: files, terminals and verdicts: whoever listens to the events makes those.

mod arm;
mod cast;
mod casting;
mod crew;
mod error;
mod facts;
mod ledger;
mod part;
mod role;
mod secret;
mod stop;
mod target;
mod watcher;

pub use error::Error;
pub use facts::host_facts;
pub use part::part;
pub use role::Diagnostics;
pub use secret::Secret;
pub use stop::{Stop, Stopper, stop};

use casting::Stage;

use crate::record::{Event, Header};
use crate::sandbox::Plan;
use crate::scenario::{Arm, Scenario};

/// What a run is allowed beyond its scenario.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often each arm is played.
    pub repeat: u32,
    /// Host ports that the levels `port-range` and `none` may use.
    pub max_ports: u32,
    /// Sockets held at once outside a sandbox, whatever a scenario's own `max_held` says.
    pub max_held: u32,
    /// Whether a target that is not loopback may be loaded.
    pub allow_remote: bool,
    /// The password of the target's login.
    pub password: Option<Secret>,
    /// What the parts say on stderr.
    pub diagnostics: Diagnostics,
    /// The command as it was typed, for the record.
    pub command: Vec<String>,
    /// When the run began, RFC 3339 in UTC, for the record.
    pub started_at: String,
}

impl Options {
    /// Host ports, and sockets held outside a sandbox, unless more is asked for.
    pub const DEFAULT_CAP: u32 = Plan::DEFAULT_MAX_PORTS;
}

/// Plays every arm of a scenario and tells each event to `tell`. When `stop` is asked for, the arm under way is ended,
/// what it measured is told, and no other begins.
///
/// It must run in a `LocalSet` on the thread that started the program: parts die with the thread that started them.
///
/// # Errors
/// When an arm cannot be played: what was told until then is the partial result.
pub async fn play(
    scenario: &Scenario,
    options: &Options,
    stop: &Stop,
    tell: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    tell(Event::Run(Box::new(header(scenario, options))));
    let target = tokio::select! {
        target = target::resolve(scenario, options) => target?,
        () = stop.wait() => {
            tell(Event::RunEnded { complete: false });
            return Ok(());
        }
    };
    let mut complete = true;
    for (repetition, arm) in order(scenario, options.repeat) {
        let stage = Stage { scenario, options, target: target.as_ref(), arm: &arm, repetition };
        complete = !stop.asked() && arm::play(stage, stop, tell).await?;
        if !complete {
            break;
        }
    }
    tell(Event::RunEnded { complete });
    Ok(())
}

/// Every arm so often, interleaved, and every second round backwards: what drifts while the run goes on meets all arms
/// alike, and so does what an arm leaves to the one after it. A repetition has a seed of its own.
fn order(scenario: &Scenario, repeat: u32) -> impl Iterator<Item = (Option<u32>, Arm)> + '_ {
    let repeat = repeat.max(1);
    (1..=repeat).flat_map(move |repetition| {
        let mut arms: Vec<Arm> = scenario.arms.iter().map(|arm| arm.repeated(repetition)).collect();
        if repetition % 2 == 0 {
            arms.reverse();
        }
        arms.into_iter().map(move |arm| ((repeat > 1).then_some(repetition), arm))
    })
}

fn header(scenario: &Scenario, options: &Options) -> Header {
    Header {
        schema: Header::SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        command: options.command.clone(),
        started_at: options.started_at.clone(),
        host: host_facts(),
        resolved: scenario.resolved(),
        expectations: scenario.expectations.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_are_played_in_turns_each_with_a_seed_of_its_own() {
        let arms = "[[arm]]\nname = \"a\"\n[[arm]]\nname = \"b\"\n";
        let scenario = crate::scenario::parse("test", arms).unwrap();
        let names = |repeat| order(&scenario, repeat).map(|(at, arm)| (at, arm.name)).collect::<Vec<_>>();
        let played = |at, name: &str| (at, name.to_owned());
        assert_eq!(names(1), [played(None, "a"), played(None, "b")]);
        let turns = [(1, "a"), (1, "b"), (2, "b"), (2, "a"), (3, "a"), (3, "b")].map(|(at, it)| played(Some(at), it));
        assert_eq!(names(3), turns);
        let mut seeds: Vec<_> = order(&scenario, 3).map(|(_, arm)| arm.load.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 6);
        assert_eq!(order(&scenario, 3).next().unwrap().1, scenario.arms[0], "the first time is as without repetitions");
    }
}
