//! The options of `closewait check`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::check::{FailOn, Options, Place, Readiness};
use crate::cli::destination::{self, Kind};
use crate::cli::failure::Failure;
use crate::cli::named::named;
use crate::cli::outputs::OutputArgs;
use crate::fault::{self, Fault, FaultSpec};
use crate::record::{Named as _, Symptom};
use crate::run::Diagnostics;
use crate::server::{TlsConfig, TlsMode};
use crate::units::{HostPort, Span};

const EXAMPLES: &str = "\
Examples:
  closewait check -- python3 app.py          every login is refused (18456): are the sockets closed?
  closewait check --as db.prod:1433 -- ./app its own, unchanged configuration: that name is the server
  closewait check --fault login-stall --patience 20s -- npm test
  closewait check --all-faults --timeout 60s --json check.json -- ./driver-test
  closewait check --for 20s --ready-port 8080 --drive 'curl -s localhost:8080/users' -- ./service
  closewait check --all-faults --timeout 60s --baseline check.json -- ./driver-test
                                             known failures pass, new ones fail

The command learns its server by {host}, {port}, {url}, {ado}, {odbc}, {jdbc} in
its arguments, or by CLOSEWAIT_HOST, CLOSEWAIT_PORT, CLOSEWAIT_USER,
CLOSEWAIT_PASSWORD, CLOSEWAIT_URL, _ADO, _ODBC, _JDBC in its environment.

Verdicts, and of several the first:
  crash          a signal that was not ours ended the command, or, without a
                 sandbox, the process that watched over it
  leak           a connection was kept longer than --grace after its login had
                 failed, or long after the program had given it up
  hang           a login that never ends was waited for longer than --patience
  timeout        the command ran longer than --timeout, was not ready within
                 --ready-within, or forked without end
  no-connection  it never reached the server
  undecided      it ended too soon to say (keep it running for --grace and 1 s
                 after its last login, or 100 ms after its last close)
  not-reached    it never came as far as the fault; passes
  clean          none of these; passes

Exit codes: 0 passed, 1 failed, 2 usage, 3 this machine cannot run it.";

/// Put a command under test: does it close its connections when logins fail?
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CheckArgs {
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,

    /// What goes wrong; several are tried one after another [default: login-18456] (`closewait serve --list-faults`)
    #[arg(long = "fault", value_name = "NAME", conflicts_with = "all_faults")]
    faults: Vec<FaultSpec>,

    /// Try every fault: a conformance test for a driver
    #[arg(long)]
    all_faults: bool,

    /// This host and port are the server: a name, an IP address, or localhost; repeatable [default: sql.test:1433]
    #[arg(long = "as", value_name = "HOST:PORT")]
    aliases: Vec<HostPort>,

    /// How long a connection may stay open when its login is over
    #[arg(long, value_name = "TIME", default_value = "2s")]
    grace: Span,

    /// How long a login that never ends may be waited for: the client's own time-out plus a margin
    #[arg(long, value_name = "TIME", default_value = "30s")]
    patience: Span,

    /// How long the command may run under each fault
    #[arg(long, value_name = "TIME", default_value = "10m")]
    timeout: Span,

    /// The logins that the command makes: more connections are the symptom `retried`
    #[arg(long, value_name = "N")]
    logins: Option<u64>,

    /// Also fail on a symptom, or on `not-reached`; repeatable
    #[arg(long, value_name = "SYMPTOM", value_parser = fail_on)]
    fail_on: Vec<FailOn>,

    /// Pass an undecided verdict
    #[arg(long)]
    allow_undecided: bool,

    /// Known failures, a document that --json wrote: they pass, new ones fail
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,

    /// Trials at once [default: the cores, and 16 that only wait]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<usize>,

    /// The seed of every random choice
    #[arg(long, default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    service: ServiceArgs,

    #[command(flatten)]
    sandbox: SandboxArgs,

    #[command(flatten)]
    tls: CheckTlsArgs,

    #[command(flatten)]
    pub(super) outputs: OutputArgs,
}

/// A command that does not end by itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "A service")]
struct ServiceArgs {
    /// Ask the command to end (SIGTERM) after so long
    #[arg(long = "for", value_name = "TIME")]
    run_for: Option<Span>,

    /// Its time begins when somebody listens on this port of its localhost
    #[arg(long, value_name = "PORT", conflicts_with = "ready_line")]
    ready_port: Option<u16>,

    /// Its time begins when it has printed this
    #[arg(long, value_name = "TEXT")]
    ready_line: Option<String>,

    /// How long it may take to be ready: then the check ends, and says so
    #[arg(long, value_name = "TIME", default_value = "60s")]
    ready_within: Span,

    /// Run this shell line beside it, inside the sandbox, once it is ready
    #[arg(long, value_name = "CMD")]
    drive: Option<OsString>,

    /// How long it may take to end before it is killed
    #[arg(long, value_name = "TIME", default_value = "5s")]
    kill_after: Span,
}

/// Where the command runs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sandbox")]
struct SandboxArgs {
    /// Run the command on this machine; its sockets are found by the process tree
    #[arg(long, conflicts_with = "allow_network")]
    no_sandbox: bool,

    /// Keep this machine's network, and change names alone; the ports of --as must be free here
    #[arg(long)]
    allow_network: bool,

    /// Processes and threads that the command may have at once. The kernel holds it to them in a sandbox (root: from Linux 6.14
    /// on); one that stays at the bound for --patience without a new connection forks without end, and is ended. Where
    /// nothing holds it, more end it at once
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    max_processes: u32,
}

/// What the server does about TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
struct CheckTlsArgs {
    /// What the server encrypts: off, login, on, strict [default: whatever the client asks for]
    #[arg(long = "tls", value_name = "MODE", value_parser = named::<TlsMode>)]
    mode: Option<TlsMode>,

    /// Write the server's certificate and its CA to this file, in PEM, before the command starts
    #[arg(long, value_name = "FILE")]
    write_certificate: Option<PathBuf>,
}

impl CheckArgs {
    /// Refuses places that results cannot or must not go to, before anything is played for them.
    pub(super) fn check_places(&self) -> Result<(), Failure> {
        let certificate = self.tls.write_certificate.as_deref().map(|path| (Kind::Certificate, path));
        destination::may_go(self.outputs.places().chain(certificate))
    }

    /// What is asked for, checked.
    pub(super) fn options(&self, diagnostics: Diagnostics) -> Result<Options, Failure> {
        let trials = self.trials()?;
        if self.tls.write_certificate.is_some() && trials.len() > 1 {
            return Err(Failure::usage(anyhow::anyhow!("write one certificate of {} servers", trials.len()))
                .hint("name one --fault alone with --write-certificate"));
        }
        let names = self.aliases.iter().map(|alias| alias.host.clone()).chain([crate::check::NAME.to_owned()]);
        Ok(Options {
            command: self.command.clone(),
            show_output: trials.len() == 1 && !self.outputs.quiet,
            trials,
            aliases: self.aliases.clone(),
            place: match (self.sandbox.no_sandbox, self.sandbox.allow_network) {
                (true, _) => Place::ThisMachine,
                (_, true) => Place::SharedNetwork,
                _ => Place::Best,
            },
            grace: self.grace.0,
            patience: self.patience.0.max(Duration::from_millis(1)),
            timeout: self.timeout.0,
            run_for: self.service.run_for.map(|span| span.0),
            ready: self.service.ready()?,
            ready_within: self.service.ready_within.0,
            drive: self.service.drive.clone(),
            kill_after: self.service.kill_after.0,
            max_processes: self.sandbox.max_processes,
            logins: self.logins,
            allow_undecided: self.allow_undecided,
            fail_on: self.fail_on.clone(),
            jobs: self.jobs,
            seed: self.seed,
            tls: TlsConfig { mode: self.tls.mode, names: names.collect(), ..TlsConfig::default() },
            certificate: self.tls.write_certificate.clone(),
            diagnostics,
        })
    }

    fn trials(&self) -> Result<Vec<Vec<FaultSpec>>, Failure> {
        let faults: Vec<FaultSpec> = match (self.all_faults, self.faults.as_slice()) {
            (true, _) => Fault::all().filter(|fault| fault.to_string() != "none").map(FaultSpec::always).collect(),
            (_, []) => vec!["login-18456".parse().expect("the default is a known fault")],
            (_, faults) => faults.to_vec(),
        };
        let trials: Vec<Vec<FaultSpec>> = faults.into_iter().map(|fault| vec![fault]).collect();
        for faults in &trials {
            fault::check_together(faults)
                .map_err(|error| Failure::usage(anyhow::Error::new(error).context("take this fault")))?;
        }
        Ok(trials)
    }
}

impl ServiceArgs {
    /// When its time begins. What could never be, or is always, is a mistake: a variable that is empty, say.
    fn ready(&self) -> Result<Readiness, Failure> {
        let refuse = |what: &'static str, hint| Err(Failure::usage(anyhow::anyhow!(what)).hint(hint));
        match (&self.ready_port, &self.ready_line) {
            (Some(0), _) => refuse("wait for a service on port 0: nobody can listen there", "--ready-port 8080"),
            (Some(port), _) => Ok(Readiness::Port(*port)),
            (_, Some(line)) if line.is_empty() => {
                refuse("wait for an empty text: whatever the command prints has it", "--ready-line 'listening on'")
            }
            (_, Some(line)) => Ok(Readiness::Line(line.clone())),
            _ => Ok(Readiness::Started),
        }
    }
}

fn fail_on(text: &str) -> Result<FailOn, String> {
    if text == "not-reached" {
        return Ok(FailOn::NotReached);
    }
    named::<Symptom>(text).map(FailOn::Symptom).map_err(|_| {
        let known: Vec<&str> = Symptom::ALL.iter().map(|it| it.name()).chain(["not-reached"]).collect();
        format!("`{text}` is no symptom; known are {}", known.join(", "))
    })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "a number of at least 1 is needed".to_owned())
}
