//! `closewait run`: plays scenarios, keeps their results, and shows them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use super::failure::Failure;
use super::progress::Progress;
use super::recorder::{Recorder, kept};
use super::run_outputs::RunOutputs;
use super::scenarios::find;
use super::secret::PasswordArgs;
use super::settings::SettingsArgs;
use super::signals::{self, Signals};
use crate::host::in_runtime;
use crate::report::ResultDir;
use crate::run::{self, Diagnostics, Options, Secret};
use crate::scenario::{self, PasswordSource, Scenario, Spec};
use crate::watch::Terminal;

/// The scenario that is played when none is named.
const BUILT_IN: &str = "login-failure";

const EXAMPLES: &str = "\
Examples:
  closewait run                                  login-failure: a leaky client and a correct one
  closewait run full-range --json full.json      a scenario that ships with it (closewait scenarios lists them)
  closewait run mine.toml --rate 200/s           your own, at another rate
  closewait run --close late:count=500           one arm against the embedded server
  closewait run --watch                          full screen, while it goes on
  closewait run --target 127.0.0.1:1433 --user app --password-env PW --close leaky --attempts 500";

/// Play scenarios.
#[derive(Debug, Default, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArgs {
    /// Scenario files, or names of scenarios that ship with it
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,

    #[command(flatten)]
    settings: SettingsArgs,

    #[command(flatten)]
    password: PasswordArgs,

    #[command(flatten)]
    guards: GuardArgs,

    /// Play every arm so often, interleaved: differences between arms are then told with their confidence
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,

    /// Keep the results in this directory [default: closewait-results/TIME-SCENARIO]
    #[arg(long, value_name = "DIR", help_heading = "Results")]
    out: Option<PathBuf>,

    #[command(flatten)]
    outputs: RunOutputs,

    /// Show the run full screen while it goes on
    #[arg(long, conflicts_with = "quiet", help_heading = "Results")]
    watch: bool,
}

/// What a run may do to a machine that is not its own.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Guard rails")]
struct GuardArgs {
    /// Ports of this machine that may be used where there is no sandbox
    #[arg(long, value_name = "N", default_value_t = Options::DEFAULT_CAP, value_parser = clap::value_parser!(u32).range(1..))]
    max_ports: u32,

    /// Load a target that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

impl Default for GuardArgs {
    fn default() -> Self {
        Self { max_ports: Options::DEFAULT_CAP, allow_remote: false }
    }
}

/// One scenario to play, and the secret that it needs.
struct Part {
    scenario: Scenario,
    password: Option<Secret>,
    out: Option<PathBuf>,
}

pub(super) fn run(args: RunArgs, diagnostics: Diagnostics) -> Result<Exit, Failure> {
    let parts = parts(&args)?;
    args.outputs.check(parts.len())?;
    if args.watch && !Terminal::is_there() {
        return Err(Failure::usage(anyhow::anyhow!(
            "show the run full screen: stdin and stdout are not both a terminal"
        ))
        .hint("leave --watch out: progress is told on stderr"));
    }
    let played =
        in_runtime(play_all(&args, parts, &diagnostics)).context("start the runtime").map_err(Failure::machine)?;
    let (exit, signal) = played?;
    if let Some(number) = signal {
        signals::raise(number);
    }
    Ok(exit)
}

/// Plays one scenario after another; one that fails does not keep the next from being played, a signal does.
async fn play_all(args: &RunArgs, parts: Vec<Part>, diagnostics: &Diagnostics) -> Result<(Exit, Option<i32>), Failure> {
    let signals = Signals::listen().context("listen for signals").map_err(Failure::machine)?;
    let mut worst = Exit::Passed;
    for part in parts {
        let exit = match play(args, part, diagnostics, &signals).await {
            Ok(exit) => exit,
            Err(failures) => {
                failures.iter().for_each(Failure::say);
                failures.iter().map(Failure::exit).max().unwrap_or(Exit::Machine)
            }
        };
        worst = worst.max(exit);
        if signals.received().await.is_some() {
            break;
        }
    }
    Ok((worst, signals.received().await))
}

/// Every scenario is read and checked, and every password asked for, before the first is played.
fn parts(args: &RunArgs) -> Result<Vec<Part>, Failure> {
    let specs = match args.scenarios.as_slice() {
        [] if args.settings.make_an_arm() => vec![args.settings.spec()],
        [] => vec![spec(Path::new(BUILT_IN))?],
        paths => paths.iter().map(|path| spec(path)).collect::<Result<_, _>>()?,
    };
    let several = specs.len() > 1;
    let parts: Vec<Part> = specs.into_iter().map(|spec| part(args, spec, several)).collect::<Result<_, _>>()?;
    match twice(parts.iter().filter_map(|part| part.out.as_deref())) {
        Some(out) => {
            Err(Failure::usage(anyhow::anyhow!("keep two results in {}: two scenarios have one name", out.display()))
                .hint("give each its own --out, in a command of its own"))
        }
        None => Ok(parts),
    }
}

/// The first that comes twice.
fn twice<'a>(paths: impl Iterator<Item = &'a Path>) -> Option<&'a Path> {
    let mut seen = std::collections::BTreeSet::new();
    paths.into_iter().find(|path| !seen.insert(*path))
}

fn part(args: &RunArgs, spec: Spec, several: bool) -> Result<Part, Failure> {
    let spec = args.settings.clone().over(spec, &args.password)?;
    let scenario = spec.resolve().map_err(|errors| Failure::usage(anyhow::Error::new(errors)))?;
    let login = scenario.target.as_ref().and_then(|target| target.login.as_ref());
    let password = match login {
        Some(login) => {
            let (env, file) = match &login.password {
                PasswordSource::Env(name) => (Some(name.clone()), None),
                PasswordSource::File(path) => (None, Some(path.clone())),
                PasswordSource::Prompt => (None, None),
            };
            Some(PasswordArgs { env, file }.read(&login.user)?)
        }
        None => None,
    };
    let out = args.out.as_ref().map(|out| if several { out.join(&scenario.name) } else { out.clone() });
    Ok(Part { scenario, password, out })
}

/// A scenario from a file, or by the name of a shipped one.
pub(super) fn spec(path: &Path) -> Result<Spec, Failure> {
    let wrong = |errors| Failure::usage(anyhow::Error::new(errors));
    let is_file = path.exists() || path.extension().is_some() || path.components().count() > 1;
    if is_file {
        return scenario::read_spec(path).map_err(wrong);
    }
    let name = path.to_string_lossy();
    Spec::parse(&name, find(&name)?.text).map_err(wrong)
}

/// Plays one scenario, and says everything that went wrong, not the last of it alone.
async fn play(args: &RunArgs, part: Part, diagnostics: &Diagnostics, signals: &Signals) -> Result<Exit, Vec<Failure>> {
    let started_at = now();
    let dir = ResultDir::create(part.out, &part.scenario.name, &stamp(&started_at));
    let dir = dir.map_err(|error| vec![kept(error)])?;
    let options = Options {
        repeat: args.repeat,
        max_ports: args.guards.max_ports,
        max_held: args.settings.max_held(),
        allow_remote: args.guards.allow_remote,
        password: part.password,
        diagnostics: diagnostics.clone(),
        command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        started_at,
    };
    let progress = if args.watch {
        let screen = Progress::full_screen().context("take the terminal").map_err(Failure::machine);
        screen.map_err(|failure| vec![failure])?
    } else {
        Progress::new(args.outputs.all.quiet)
    };
    let mut recorder = Recorder::new(dir, progress, signals.stopper.clone());
    let played = run::play(&part.scenario, &options, &signals.stop, &mut |event| recorder.event(&event)).await;
    let recorded = recorder.finish();
    let mut failures: Vec<Failure> = played.err().map(Failure::from).into_iter().chain(recorded.lost).collect();
    if recorded.run.arms.is_empty() {
        // Nothing was measured: the place stays free for the same command again.
        failures.extend(recorded.dir.discard().err().map(kept));
    } else {
        failures.extend(args.outputs.write(&recorded.run, &recorded.summary, Some(recorded.dir.path())).err());
    }
    match (failures.is_empty(), recorded.summary.passed) {
        (false, _) => Err(failures),
        (true, true) => Ok(Exit::Passed),
        (true, false) => Ok(Exit::Failed),
    }
}

/// The wall clock, read once a run, for its record.
#[expect(clippy::disallowed_methods, reason = "a record says when it was made; nothing is measured by this clock")]
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}

/// `2026-11-22T20:15:00Z` as part of a file's name: `20261122-201500`.
pub(super) fn stamp(rfc3339: &str) -> String {
    rfc3339.trim_end_matches('Z').replace(['-', ':'], "").replace('T', "-")
}
