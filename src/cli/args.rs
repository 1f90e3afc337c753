//! The command line: its commands, their options, and their help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::Exit;
use super::failure::Failure;
use super::logging::Logging;
use super::run_outputs::RunOutputs;
use super::serve::ServeArgs;
use crate::cli::run::RunArgs;

const EXAMPLES: &str = "\
Examples:
  closewait                                 the built-in scenario: a leaky client and a correct one, side by side
  closewait --json -                        the same as JSON: without a command, options are those of `run`
  closewait run retry-storm                 another scenario that ships with it
  closewait run my.toml --json -            your own, as JSON
  closewait run --close leaky --attempts 500 --target 127.0.0.1:1433 --user sa --password-env PW
  closewait check -- python3 app.py         your own program: does it close when its login is refused?
  closewait trace --compare leaky,orderly   one connection of each, frame by frame
  closewait serve --listen 127.0.0.1:1433   a SQL Server that refuses every login with 18456
  closewait doctor                          this machine's limits, and which one a leak meets first
  closewait watch :1433                     live socket states, full screen
  closewait report closewait-results/...    a kept result again

Exit codes:
  0  passed            1  an expectation failed, or a leak was found
  2  usage, scenario   3  this machine cannot run it (the message says why)
  101  a bug           SIGINT, SIGTERM: the partial result is written, then the signal is raised again

It runs on Linux (also in WSL2 and in containers), without root.";

const REPORT_EXAMPLES: &str = "\
Examples:
  closewait report closewait-results/20260102-030405-login-failure
  closewait report --merge monday tuesday --json both.json
  closewait report --compare before after --tolerance 20% --junit compared.xml";

/// Reproduces port exhaustion by failed SQL Server logins, and shows the fix
#[derive(Debug, Parser)]
#[command(name = "closewait", version, after_help = EXAMPLES, max_term_width = 110)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) logging: Logging,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Play scenarios; with none, the built-in `login-failure`
    Run(Box<RunArgs>),
    /// Put your own command under test: does it close its connections when logins fail?
    Check(Box<super::check::Args>),
    /// Show one connection frame by frame, with the TCP state of both ends
    Trace(Box<super::trace::TraceArgs>),
    /// Be a SQL Server stand-in, until a signal
    Serve(Box<ServeArgs>),
    /// Look at this machine's limits: where they stand, and which one a leak meets first
    Doctor(super::doctor::DoctorArgs),
    /// Show live socket states, full screen: who leaks, and when the ports run out
    Watch(super::watch::WatchArgs),
    /// Render a kept result again, also one of a run that was killed
    Report(ReportArgs),
    /// List the scenarios that ship with it, or print one
    Scenarios(ScenariosArgs),
    /// Print the JSON Schema of a document
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or a command's own
    Man {
        /// Which command's
        command: Option<String>,
    },
}

/// The command line; without a command, its options are those of `run`.
pub(super) fn parse() -> Cli {
    let words = with_a_command(std::env::args_os().collect());
    Cli::try_parse_from(&words).unwrap_or_else(|error| {
        // Its code is 2 for a usage error, and 0 for help.
        let _ = error.print();
        if let Some(tip) = tip(&error, &words) {
            super::outputs::say(&format!("hint: {tip}\n"));
        }
        std::process::exit(error.exit_code())
    })
}

/// What to type where a command to check stands among the options: its own options would be taken for ours.
fn tip(error: &clap::Error, words: &[OsString]) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};

    let checks = words.iter().skip(1).find(|word| !word.as_encoded_bytes().starts_with(b"-"))? == "check";
    if !checks || error.kind() != ErrorKind::UnknownArgument || words.iter().any(|word| word == "--") {
        return None;
    }
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else { return None };
    let at = words.iter().position(|word| word == unknown.as_str()).filter(|_| !unknown.starts_with('-'))?;
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let own = words[1..at].join(" ");
    Some(format!("put `--` before your command: closewait {own} -- {}", words[at..].join(" ")))
}

/// The choice not taken: `run`'s options at the top level as well, which would fill its help with forty of them.
fn with_a_command(mut words: Vec<OsString>) -> Vec<OsString> {
    const TOP: [&str; 5] = ["-h", "--help", "-V", "--version", "--"];
    let mut of_every_command = false;
    for word in words.iter().skip(1).map(|word| word.to_string_lossy()) {
        let is_value = std::mem::replace(&mut of_every_command, word == "--log-format");
        let is_logging = of_every_command
            || word == "--verbose"
            || word.starts_with("--log-format=")
            || word.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.chars().all(|it| it == 'v'));
        if is_value || is_logging {
            continue;
        }
        if word.starts_with('-') && !TOP.contains(&&*word) {
            words.insert(1, "run".into());
        }
        break;
    }
    words
}

impl Default for Command {
    fn default() -> Self {
        Self::Run(Box::default())
    }
}

/// Render a kept result again.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(super) struct ReportArgs {
    /// The result directories, rendered one after another
    #[arg(value_name = "RESULT_DIR", required_unless_present = "compare")]
    pub(super) dirs: Vec<PathBuf>,

    /// Make one of all: arms of one name become repetitions, whose histograms add up. A result that stands there twice and
    /// arms of one name with different settings are refused
    #[arg(long)]
    pub(super) merge: bool,

    /// Hold a result against an older one; exit code 1 when a figure is worse by more than the tolerance
    #[arg(long, num_args = 2, value_names = ["BASE", "NEW"], conflicts_with_all = ["dirs", "merge", "html"])]
    pub(super) compare: Vec<PathBuf>,

    /// How much worse a figure may be, with --compare [default: 10%]. Whatever it is, a difference of up to 1 % of the attempts
    /// (or what chance makes of so many), 50 us, 1 attempt/s, 64 ports, 10 sockets is no change, and is marked as below the
    /// floor
    #[arg(long, value_name = "PERCENT", value_parser = super::report::tolerance)]
    pub(super) tolerance: Option<f64>,

    #[command(flatten)]
    pub(super) outputs: RunOutputs,
}

/// List or print shipped scenarios.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  closewait scenarios\n  closewait scenarios login-failure > mine.toml")]
pub(super) struct ScenariosArgs {
    /// Print this one's TOML, to start your own from
    pub(super) name: Option<String>,
}

/// Print the JSON Schema of a document.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Which document
    #[arg(value_parser = super::schema::NAMES)]
    pub(super) document: String,
}

pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    clap_complete::generate(shell, &mut Cli::command(), "closewait", &mut std::io::stdout());
    Ok(Exit::Passed)
}

pub(super) fn man(command: Option<&str>) -> Result<Exit, Failure> {
    super::outputs::print(&man_page(command)?)?;
    Ok(Exit::Passed)
}

fn man_page(command: Option<&str>) -> Result<String, Failure> {
    use anyhow::Context as _;

    let mut all = Cli::command();
    all.build();
    let page = match command {
        None => clap_mangen::Man::new(all),
        Some(name) => {
            let found = all.find_subcommand(name).cloned().ok_or_else(|| {
                Failure::usage(anyhow::anyhow!("find the command `{name}`")).hint("closewait --help lists the commands")
            })?;
            let title = format!("closewait-{name}");
            clap_mangen::Man::new(found).title(title)
        }
    };
    let mut text = Vec::new();
    page.render(&mut text).context("write the man page").map_err(Failure::machine)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_says_the_floors_of_a_comparison() {
        let mut cli = Cli::command();
        let help = cli.find_subcommand_mut("report").unwrap().render_long_help().to_string();
        let readme = include_str!("../../README.md");
        for text in [help.as_str(), readme] {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(crate::verdict::FLOORS), "{words}");
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_options_are_those_of_run() {
        let run = |text: &str| {
            let words = text.split_whitespace().map(OsString::from).collect();
            matches!(Cli::try_parse_from(with_a_command(words)).unwrap().command, Some(Command::Run(_)))
        };
        for text in [
            "closewait --json -",
            "closewait -v --log-format json --quiet",
            "closewait --log-format=json -vv -q",
            "closewait --close leaky --attempts 5",
            "closewait run --json -",
            "closewait -v run mine.toml",
        ] {
            assert!(run(text), "{text}");
        }
        for text in ["closewait", "closewait -v", "closewait -v scenarios", "closewait report a b --json -"] {
            assert!(!run(text), "{text}");
        }
        let help = Cli::try_parse_from(with_a_command(vec!["closewait".into(), "--help".into()])).unwrap_err();
        assert!(help.to_string().contains("Commands:"), "{help}");
    }

    /// Options of one struct once stood under the heading of the one before.
    #[test]
    fn every_option_stands_under_its_own_heading() {
        let cli = Cli::command();
        let heading = |command: &str, long: &str| {
            let command = cli.find_subcommand(command).unwrap();
            let option = command.get_arguments().find(|it| it.get_long() == Some(long));
            option.unwrap_or_else(|| panic!("--{long}")).get_help_heading().unwrap_or_default().to_owned()
        };
        for long in ["out", "json", "junit", "markdown", "quiet"] {
            assert_eq!(heading("run", long), "Results", "--{long}");
        }
        for long in ["max-held", "max-ports", "allow-remote"] {
            assert_eq!(heading("run", long), "Guard rails", "--{long}");
        }
        for long in ["user", "database", "password-env", "password-file"] {
            assert_eq!(heading("run", long), "Login", "--{long}");
        }
        for long in ["attempts", "target", "timeout", "server-close"] {
            assert!(heading("run", long).contains("one arm of its own"), "--{long}");
        }
        for long in ["seed", "sandbox", "ports", "port-search"] {
            assert!(heading("run", long).contains("the built-in one"), "--{long}");
        }
        for long in ["listen", "close", "fault", "seed", "login-timeout", "metrics", "errorlog"] {
            assert_eq!(heading("serve", long), "", "--{long}");
        }
        for long in ["tls", "certificate", "key", "tls-name", "write-certificate"] {
            assert_eq!(heading("serve", long), "TLS", "--{long}");
        }
        assert_eq!(heading("report", "json"), "Results");
    }

    /// `-v` once stood among the faults of `check`.
    #[test]
    fn options_of_every_command_stand_behind_its_own() {
        let mut cli = Cli::command();
        cli.build();
        for command in ["check", "run", "serve"] {
            let help = cli.find_subcommand_mut(command).unwrap().render_long_help().to_string();
            let options = help.split("Examples:").next().unwrap();
            let last = options.rfind("\n\n      --").max(options.rfind("\n\n  -")).unwrap();
            let heading = options.find("\nDiagnostics:").unwrap();
            assert!(options.find("--verbose").unwrap() > heading && last > heading, "{help}");
            assert_eq!(options[heading..].matches("\n      --").count(), 1, "only --log-format: {help}");
        }
    }

    #[test]
    fn a_command_without_its_dashes_is_told_where_they_belong() {
        let tipped = |text: &str| {
            let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
            tip(&Cli::try_parse_from(&words).unwrap_err(), &words)
        };
        let told = tipped("closewait check --grace 1s python3 app.py -v").unwrap();
        assert!(told.ends_with(": closewait check --grace 1s -- python3 app.py -v"), "{told}");
        for text in ["closewait check --no-such -- true", "closewait check --no-such", "closewait serve python3"] {
            assert_eq!(tipped(text), None, "{text}");
        }
    }

    #[test]
    fn every_command_has_a_man_page() {
        // roff writes a hyphen with a backslash.
        let page = |command| man_page(command).unwrap().replace('\\', "");
        assert!(page(None).contains("login-failure"));
        for command in Cli::command().get_subcommands().map(clap::Command::get_name) {
            assert!(page(Some(command)).contains(&format!("closewait-{command} - ")), "{command}");
        }
        assert!(man_page(Some("no-such")).is_err());
    }

    #[test]
    fn no_option_takes_a_password() {
        for command in Cli::command().get_subcommands() {
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(option != "password", "{} --password would show in every process list", command.get_name());
            }
        }
    }
}
