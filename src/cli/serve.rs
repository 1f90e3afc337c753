//! `closewait serve`: the embedded SQL Server stand-in, until a signal.

mod operate;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use self::tls::TlsArgs;
use super::Exit;
use super::failure::Failure;
use super::named::named;
use super::outputs::print;
use super::secret::PasswordArgs;
use super::signals;
use crate::fault::{self, FaultSpec};
use crate::host::in_runtime;
use crate::server::{CloseMode, Config, ErrorLog, Login};
use crate::units::Span;

const EXAMPLES: &str = "\
Examples:
  closewait serve                      refuse every login with 18456 on 127.0.0.1:1433
  closewait serve --listen 127.0.0.1:0 --fault none
                                       accept every login, on a free port
  closewait serve --login app --password-env PW
                                       accept this login alone
  closewait serve --fault login-4060 --close abortive

  TLS:
  closewait serve --fault none --tls strict --tls-name sql.test --write-certificate ca.pem
                                       TDS 8.0 alone; the client trusts ca.pem
  closewait serve --tls on --certificate server.pem --key server.key

  Counts, metrics and the error log:
  closewait serve --metrics 127.0.0.1:9464 --errorlog errorlog
  curl http://127.0.0.1:9464/metrics   meanwhile: Prometheus' text format
  kill -USR1 PID                       meanwhile: a line of counts on stdout

Output:
  Lines of JSON on stdout (closewait schema serve): one when it is ready, with
  the address, the pid, and the metrics' address; one with the counts on each
  SIGUSR1; one with the counts at the end, by SIGINT or SIGTERM. Refused logins
  are counted by the error's number and its true state. The error log is
  appended to, which suits logrotate's copytruncate.

Faults:
  none (a good server), slow, and PHASE-WHAT for the phases connect, prelogin,
  tls, strict, login and session, such as login-18456, login-4060:end=hold or
  login-stall:for=30s,p=0.2; --list-faults tells what each does, which incident
  it stands for, and how a correct client ends.

After a good login it answers what drivers send on their own (SET, USE, BEGIN TRAN,
  sp_executesql, sp_prepare, sp_reset_connection, ...), and a SELECT of literals,
  @@ variables and properties, such as SELECT 1; anything else gets an ordinary
  error.";

/// Be a SQL Server stand-in.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1433", value_parser = address)]
    listen: SocketAddr,

    /// What goes wrong; `none` serves [default: login-18456, or none with --login]
    #[arg(long, value_name = "NAME")]
    fault: Vec<FaultSpec>,

    /// Print every fault: what it does, the incident it stands for, how a correct client ends
    #[arg(long, exclusive = true)]
    list_faults: bool,

    /// The one user whose login is accepted; any other credentials get 18456
    #[arg(long, value_name = "USER", help_heading = "Login")]
    login: Option<String>,

    #[command(flatten)]
    password: PasswordArgs,

    /// How the server ends a connection: orderly, abortive, shutdown, hold, unread [default: orderly]
    #[arg(long, value_name = "MODE", value_parser = named::<CloseMode>)]
    close: Option<CloseMode>,

    #[command(flatten)]
    tls: TlsArgs,

    /// How long a login may take before the server closes the connection and logs 17830
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = above_zero)]
    login_timeout: Span,

    /// Answer GET /metrics in Prometheus' text format there; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    metrics: Option<SocketAddr>,

    /// Append SQL Server's error log to this file; `-` is stderr
    #[arg(long, value_name = "FILE")]
    errorlog: Option<PathBuf>,

    /// Add Windows' Failure Audit line (event 18456) to the error log
    #[arg(long, requires = "errorlog")]
    failure_audit: bool,

    /// The seed of every random choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl ServeArgs {
    fn config(&self) -> Result<Config, Failure> {
        let login = match &self.login {
            Some(user) => {
                let password = self.password.read(user)?.reveal().to_owned();
                Some(Login { user: user.clone(), password })
            }
            None if self.password.is_given() => {
                let error = anyhow::anyhow!("accept a password: nothing says whose it is");
                return Err(Failure::usage(error).hint("add --login USER, the one user whose login is accepted"));
            }
            None => None,
        };
        let faults = match (self.fault.as_slice(), &login) {
            ([], None) => vec!["login-18456".parse().expect("the default is a known fault")],
            ([], Some(_)) => vec!["none".parse().expect("`none` is a known fault")],
            (faults, _) => faults.to_vec(),
        };
        fault::check_together(&faults).context("take these faults together").map_err(Failure::usage)?;
        Ok(Config {
            faults,
            close: self.close.unwrap_or(CloseMode::Orderly),
            login,
            error_log: self
                .errorlog
                .clone()
                .map(|path| if path == Path::new("-") { ErrorLog::Stderr } else { ErrorLog::File(path) }),
            failure_audit: self.failure_audit,
            tls: self.tls.config()?,
            seed: self.seed,
            login_timeout: self.login_timeout,
            ..Config::default()
        })
    }
}

pub(super) fn serve(args: ServeArgs) -> Result<Exit, Failure> {
    if args.list_faults {
        print(&super::faults::page())?;
        return Ok(Exit::Passed);
    }
    let config = args.config()?;
    crate::host::raise_descriptor_limit();
    let served =
        in_runtime(operate::until_signal(&args, config)).context("start the runtime").map_err(Failure::machine)?;
    if let Some(number) = served? {
        signals::raise(number);
    }
    Ok(Exit::Passed)
}

/// An address to listen on; a name may have several, so it is none.
fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || {
        "an IP address and a port are needed, such as 127.0.0.1:1433, [::1]:1433 or, for a free port, \
                    127.0.0.1:0"
            .to_owned()
    };
    text.parse().map_err(|_| wrong())
}

fn above_zero(text: &str) -> Result<Span, String> {
    match text.parse::<Span>() {
        Ok(span) if span.0 == Duration::ZERO => Err("a time above zero is needed, such as 60s".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}
