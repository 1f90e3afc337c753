//! `closewait check -- COMMAND`: somebody else's program under test.

mod outputs;
mod settings;

use anyhow::Context as _;

use self::settings::CheckArgs;
use super::Exit;
use super::failure::Failure;
use super::outputs::{OutputArgs, say};
use super::signals::{self, Signals};
use crate::check::{self, Options, Progress};
use crate::host::in_runtime;
use crate::record::Check;
use crate::run::Diagnostics;

pub(super) use self::settings::CheckArgs as Args;

pub(super) fn check(args: CheckArgs, diagnostics: Diagnostics) -> Result<Exit, Failure> {
    args.check_places()?;
    let baseline = args.baseline.as_deref().map(outputs::read_baseline).transpose()?;
    let options = args.options(diagnostics)?;
    check::preflight(&options)?;
    let played = in_runtime(play(&options, &args.outputs)).context("start the runtime").map_err(Failure::machine)?;
    let (mut document, signal) = played?;
    let news = baseline.map_or_else(Vec::new, |baseline| crate::verdict::apply_baseline(&mut document, &baseline));
    outputs::write(&args.outputs, &document, options.show_output, &news)?;
    if let Some(number) = signal {
        signals::raise(number);
    }
    Ok(if document.passed { Exit::Passed } else { Exit::Failed })
}

async fn play(options: &Options, outputs: &OutputArgs) -> Result<(Check, Option<i32>), Failure> {
    let signals = Signals::listen().context("listen for signals").map_err(Failure::machine)?;
    let several = options.trials.len() > 1;
    let mut tell = |progress: Progress<'_>| match progress {
        _ if outputs.quiet => {}
        Progress::Begun(fault) if !several => say(&format!("checking under {fault}\n")),
        Progress::Ended(it) if several => say(&format!("{:<12} {}\n", it.verdict, it.fault)),
        _ => {}
    };
    let document = check::play(options, &signals.stop, &mut tell).await?;
    Ok((document, signals.received().await))
}

impl From<check::Error> for Failure {
    fn from(error: check::Error) -> Self {
        let hint = error.hint();
        let failure = if error.is_usage() { Self::usage(error) } else { Self::machine(error) };
        failure.maybe_hint(hint)
    }
}
