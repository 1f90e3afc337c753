//! Arguments, exit codes, and the printing of errors; everything else is done by the rooms that it starts.
//!
//! Results go to stdout, the rest to stderr. What is absent: any knowledge of sockets.

mod args;
mod check;
mod destination;
mod doctor;
mod exit;
mod failure;
mod faults;
mod logging;
mod named;
mod outputs;
mod progress;
mod recorder;
mod report;
mod run;
mod run_outputs;
mod scenarios;
mod schema;
mod secret;
mod serve;
mod settings;
mod signals;
mod trace;
mod watch;

use std::process::ExitCode;

use args::Command;
use exit::Exit;

/// The program: plays a part of a run or a check when it was started as one, and what the command line says otherwise.
///
/// Must be called from `main`, before any thread is started.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(inside) = crate::host::inside() {
        let code = match inside {
            Ok(inside) if crate::check::is_mine(&inside) => crate::check::part(inside, logging::start),
            Ok(inside) if crate::trace::is_mine(&inside) => crate::trace::part(inside, logging::start),
            inside => crate::run::part(inside, logging::start),
        };
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    let cli = args::parse();
    let diagnostics = cli.logging.diagnostics();
    logging::start(&diagnostics);
    let done = match cli.command.unwrap_or_default() {
        Command::Run(args) => run::run(*args, diagnostics),
        Command::Check(args) => check::check(*args, diagnostics),
        Command::Trace(args) => trace::trace(&args, diagnostics),
        Command::Serve(args) => serve::serve(*args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Watch(args) => watch::watch(&args),
        Command::Report(args) => report::report(&args),
        Command::Scenarios(args) => scenarios::scenarios(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Completions { shell } => args::completions(shell),
        Command::Man { command } => args::man(command.as_deref()),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.say();
            failure.exit().into()
        }
    }
}
