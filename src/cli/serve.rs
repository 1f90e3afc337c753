//! `closewait serve`: the embedded SQL Server stand-in, until a signal.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use super::failure::Failure;
use super::named::named;
use super::outputs::print;
use super::secret::PasswordArgs;
use super::signals::{self, Signals};
use crate::fault::{self, FaultSpec};
use crate::server::{self, CloseMode, Config, ErrorLog, Login, Ready, Served, Server};

const EXAMPLES: &str = "\
Examples:
  closewait serve                                     refuse every login with 18456 on 127.0.0.1:1433
  closewait serve --listen 127.0.0.1:0 --fault none   accept every login, on a free port
  closewait serve --login app --password-env PW       accept this login alone
  closewait serve --fault login-4060 --close abortive

Faults: none (a good server), slow, and PHASE-WHAT for the phases connect, prelogin, tls, strict, login and session, such as
login-18456, login-4060:end=hold or login-stall:for=30s,p=0.2; --list-faults tells what each does, which incident it stands
for, and how a correct client ends.

On success it answers SELECT 1, SELECT @@VERSION and SELECT @@SPID; anything else gets an ordinary error. Plain TDS only.";

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

    /// Write SQL Server's error log to this file; `-` is stderr
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
            seed: self.seed,
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the runtime").map_err(Failure::machine)?;
    let signal = tokio::task::LocalSet::new().block_on(&runtime, serve_until_signal(args.listen, config))?;
    drop(runtime);
    if let Some(number) = signal {
        signals::raise(number);
    }
    Ok(Exit::Passed)
}

async fn serve_until_signal(listen: SocketAddr, config: Config) -> Result<Option<i32>, Failure> {
    let signals = Signals::listen().context("listen for signals").map_err(Failure::machine)?;
    let server = Server::bind(listen, config).await.map_err(|error| {
        let hint = hint(&error);
        Failure::machine(error).maybe_hint(hint)
    })?;
    line(&Ready::new(server.address()))?;
    let counts = server.serve(signals.stop.wait()).await;
    line(&Served::new(counts))?;
    Ok(signals.received().await)
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

/// What may help, by what the kernel said.
fn hint(error: &server::Error) -> Option<String> {
    let (address, source) = match error {
        server::Error::Listen { address, source } => (address, source),
        server::Error::ErrorLog { .. } => {
            return Some("--errorlog FILE takes a file that can be written, or `-`".into());
        }
    };
    match source.kind() {
        ErrorKind::AddrInUse => {
            let free = SocketAddr::new(address.ip(), 0);
            Some(format!("another server is there (ss -ltnp); --listen {free} picks a free port"))
        }
        ErrorKind::PermissionDenied if (1..1024).contains(&address.port()) => {
            let free = SocketAddr::new(address.ip(), 1433);
            Some(format!("ports below 1024 need CAP_NET_BIND_SERVICE; try --listen {free}"))
        }
        ErrorKind::AddrNotAvailable => {
            Some("that is no address of this machine (ip address lists them); 127.0.0.1 and 0.0.0.0 always are".into())
        }
        _ => None,
    }
}

fn line(document: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(document).context("write a document").map_err(Failure::machine)?;
    print(&format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_hint_of_its_own() {
        let hint = |address: &str, errno| {
            let source = std::io::Error::from_raw_os_error(errno);
            hint(&server::Error::Listen { address: address.parse().unwrap(), source }).unwrap_or_default()
        };
        assert!(hint("[::1]:1433", libc::EADDRINUSE).contains("--listen [::1]:0 picks a free port"));
        assert!(hint("127.0.0.1:443", libc::EACCES).contains("ports below 1024"));
        assert!(hint("192.0.2.1:1433", libc::EADDRNOTAVAIL).contains("no address of this machine"));
        assert_eq!(hint("127.0.0.1:1433", libc::EACCES), "");
    }
}
