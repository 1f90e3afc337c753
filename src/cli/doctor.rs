//! `closewait doctor`: this machine's walls, and which one a leak meets first.

use clap::Args;

use super::Exit;
use super::failure::Failure;
use super::outputs::{JsonArgs, bug};
use crate::doctor::{self, Options};
use crate::report;
use crate::units::{HostPort, Rate};

const EXAMPLES: &str = "\
Examples:
  closewait doctor                                     this machine, and what a leak of 10 connections/s comes to
  closewait doctor --rate 200/s --target db.prod:1433  the way to a server, and when its ports run out
  closewait doctor --pid 4711                          a process: its descriptors, its sockets by state
  closewait doctor --json - --quiet                    for a script

Nothing is changed. Exit codes: 0 nothing is near its wall; 1 something is (findings of severity failure);
2 usage: no such process, a name that leads nowhere; 3 this machine does not tell, or does not tell this user: the
process of --pid is another user's.

Without root, what other users' processes hold is not readable; what is not readable is said.";

/// Look at this machine's limits.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DoctorArgs {
    /// How many connections a leak loses
    #[arg(long, value_name = "RATE", default_value = "10/s")]
    rate: Rate,

    /// Where it loses them; otherwise where most ports are in use. The port is 1433 when none is written
    #[arg(long, value_name = "HOST:PORT")]
    target: Option<HostPort>,

    /// The process whose descriptors, control group and network namespace count
    #[arg(long, value_name = "N")]
    pid: Option<u32>,

    /// From which share of its limit on something is near its wall, in percent. Memory is near when it would not hold one
    /// more range of leaked connections
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
    near: u8,

    #[command(flatten)]
    outputs: JsonArgs,
}

pub(super) fn doctor(args: &DoctorArgs) -> Result<Exit, Failure> {
    args.outputs.check()?;
    let near = f64::from(args.near) / 100.0;
    let options = Options { rate: args.rate, target: args.target.clone(), pid: args.pid, near };
    let document = doctor::examine(&options)?;
    let json = report::doctor_json(&document).map_err(bug)?;
    args.outputs.write(&json, |style| report::doctor_terminal(&document, style))?;
    Ok(if document.passed { Exit::Passed } else { Exit::Failed })
}

impl From<doctor::Error> for Failure {
    fn from(error: doctor::Error) -> Self {
        let hint = error.hint();
        let failure = if error.is_usage() { Self::usage(error) } else { Self::machine(error) };
        failure.maybe_hint(hint)
    }
}
