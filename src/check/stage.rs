//! Where a trial is played: the hosts, the servers on them, and the command's enclosure.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::crew::{Crew, Who};
use super::options::{Options, Place, Readiness};
use super::role::{Role, Word};
use super::target::{self, NAME};
use super::{Error, MOST_JOURNALS};
use crate::fault::FaultSpec;
use crate::sandbox::{self, Enclosure, Errand, Host, Level, Refusal, Sandbox};
use crate::server::{self, CloseMode};
use crate::units::{HostPort, Span};

/// A client on the same machine is refused within half a millisecond, in which no look sees who holds the connection; a
/// server across a network takes longer anyway.
const SEEN_WITHIN: Span = Span::from_millis(5);

/// Where a trial is played. Dropped, the namespaces are gone.
#[derive(Debug)]
pub(super) struct Stage {
    place: Place,
    sandbox: Sandbox,
    plan: target::Plan,
    /// The server as the command is told it; on this machine its port is known only when it listens.
    target: HostPort,
    notices: Vec<String>,
}

/// What is known when the servers listen.
#[derive(Debug)]
pub(super) struct Told {
    told: target::Told,
    pub(super) target: HostPort,
    pub(super) notices: Vec<String>,
}

impl Stage {
    /// Builds the hosts; it forks, and blocks for some milliseconds.
    pub(super) fn build(options: &Options) -> Result<Self, Error> {
        let wanted = match options.place {
            Place::Best => None,
            Place::ThisMachine | Place::SharedNetwork => Some(Level::None),
        };
        let sandbox = Sandbox::build(&sandbox::Plan { level: wanted, seed: options.seed, ..sandbox::Plan::default() })?;
        let place = if options.place == Place::Best && !sandbox.level().is_isolated() {
            Place::ThisMachine
        } else {
            options.place
        };
        refuse_what_needs_a_sandbox(options, place, &sandbox)?;
        let mut notices = Vec::new();
        let mut aliases = options.aliases.clone();
        match place {
            Place::ThisMachine => {
                notices.extend(refused(sandbox.refusals()));
                notices.push(WEAKER.to_owned());
            }
            Place::SharedNetwork => {
                notices.push(
                    "the command shares this machine's network: it can reach whatever this machine can".to_owned(),
                );
            }
            Place::Best => notices.extend(sandbox.notices().into_iter().filter(|_| sandbox.level() != Level::TwoHosts)),
        }
        if aliases.is_empty() {
            aliases.push(HostPort { host: NAME.to_owned(), port: HostPort::DEFAULT_PORT });
        }
        let (plan, target) = match place {
            Place::Best => {
                let hosts = (sandbox.client().address().into(), sandbox.server().address().into());
                (target::Plan::new(&aliases, hosts.0, hosts.1), aliases.swap_remove(0))
            }
            Place::SharedNetwork => shared(options, aliases),
            Place::ThisMachine => (
                target::Plan { remote: vec![(Ipv4Addr::LOCALHOST, 0).into()], ..target::Plan::default() },
                HostPort { host: Ipv4Addr::LOCALHOST.to_string(), port: 0 },
            ),
        };
        refuse_own_port(options, place, &plan)?;
        Ok(Self { place, sandbox, plan, target, notices })
    }

    pub(super) fn client(&self) -> &Host {
        self.sandbox.client()
    }

    /// What documents call it.
    pub(super) fn level(&self) -> &'static str {
        match self.place {
            Place::SharedNetwork => "shared-network",
            Place::ThisMachine => Level::None.name(),
            Place::Best => self.sandbox.level().name(),
        }
    }

    /// Addresses that the command's host must be given the way to.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.plan.addresses.clone()
    }

    /// Starts the servers and the lookout, and waits until they are ready.
    pub(super) async fn open(&self, crew: &mut Crew, options: &Options, faults: &[FaultSpec]) -> Result<Told, Error> {
        let config = server::Config {
            faults: faults.to_vec(),
            // The server's side says FIN and listens on, so that its journal knows what comes behind.
            close: CloseMode::Shutdown,
            seed: options.seed,
            tls: options.tls.clone(),
            // A client is waited for as long as the check's own patience asks.
            login_timeout: Span(options.timeout),
            serves_after: SEEN_WITHIN,
            journal: MOST_JOURNALS,
            ..server::Config::default()
        };
        let mut notices = self.notices.clone();
        let mut target = self.target.clone();
        let (mut servers, mut certificates) = (Vec::new(), String::new());
        let hosts = [
            (Who::Server, self.sandbox.server(), &self.plan.remote),
            (Who::LocalServer, self.client(), &self.plan.local),
        ];
        for (who, host, listen) in hosts {
            if listen.is_empty() {
                continue;
            }
            let addresses = if who == Who::Server { self.addresses() } else { Vec::new() };
            let role = Role::Server { addresses, listen: listen.clone(), config: Box::new(config.clone()) };
            crew.start(who, host, role, &[])?;
            let (listening, certificate) = ready(crew, who, &mut notices).await?;
            if target.port == 0 {
                target.port = listening.first().map_or(0, SocketAddr::port);
            }
            servers.extend(listening);
            certificates.push_str(&certificate);
        }
        // One of each host: a client that trusts the file trusts the server wherever it is.
        if let Some(path) = &options.certificate {
            std::fs::write(path, certificates)
                .map_err(|source| Error::System { what: "write the certificate", source })?;
        }
        crew.start(Who::Lookout, self.client(), Role::Lookout { servers, alone: self.place == Place::Best }, &[])?;
        ready(crew, Who::Lookout, &mut notices).await?;
        Ok(Told { told: target::Told::new(target.clone()), target, notices })
    }

    /// How the command is enclosed.
    pub(super) fn enclosure(&self) -> Enclosure {
        let namespaces = self.place != Place::ThisMachine;
        Enclosure {
            namespaces,
            user_namespace: self.place == Place::SharedNetwork && !rustix::process::geteuid().is_root(),
            hosts: namespaces.then(|| self.plan.hosts.clone()),
            offline: self.place == Place::Best,
        }
    }

    /// The command, filled in.
    pub(super) fn errand(&self, options: &Options, told: &Told) -> Result<Errand, Error> {
        let words: Vec<OsString> = options.command.iter().map(|word| told.told.fill(word)).collect();
        let (program, arguments) = words.split_first().ok_or_else(|| Error::NotFound(String::new()))?;
        errand(resolve(program)?, arguments.to_vec(), told, options)
    }

    /// What drives a service: a line for the shell.
    pub(super) fn driving(&self, options: &Options, told: &Told, drive: &OsStr) -> Result<Errand, Error> {
        errand("/bin/sh".into(), vec!["-c".into(), told.told.fill(&drive.to_owned())], told, options)
    }
}

/// What a check without a sandbox cannot do.
const WEAKER: &str = "no sandbox: the command runs on this machine and could reach others; its sockets are found by looking \
    at its processes 10 ms apart, so that a connection opened and closed between two looks is known from the server alone; \
    a daemon that outlives a kill -9 of this program stays, and the command can kill the process that watches over it";

/// Why there is no sandbox: what is true of several levels is said once.
fn refused(refusals: &[Refusal]) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    let mut said: Vec<(&str, String)> = Vec::new();
    for refusal in refusals {
        match said.iter_mut().find(|(reason, _)| *reason == refusal.reason) {
            Some((_, levels)) => *levels = format!("{levels} and no `{}`", refusal.level),
            None => said.push((&refusal.reason, format!("no `{}`", refusal.level))),
        }
    }
    for (reason, levels) in said {
        let hint = refusals.iter().find(|it| it.reason == reason).and_then(|it| it.hint.as_ref());
        sentences.push(format!(
            "{levels} sandbox: {reason}{}",
            hint.map_or(String::new(), |hint| format!(" (hint: {hint})"))
        ));
    }
    sentences
}

/// What the command can be given instead of its own configuration.
const INSTEAD: &str =
    "give the command {host} and {port} in its arguments, or let it read CLOSEWAIT_HOST and CLOSEWAIT_PORT";

/// Refuses before anything is started what no stage on this machine can be: the sandbox is built once for that, which takes
/// some milliseconds, where it is asked for.
pub(super) fn preflight(options: &Options) -> Result<(), Error> {
    working_directory()?;
    if options.aliases.is_empty() {
        return Ok(());
    }
    Stage::build(options).map(drop)
}

/// Where the command starts.
fn working_directory() -> Result<PathBuf, Error> {
    std::env::current_dir().map_err(Error::Directory)
}

fn refuse_what_needs_a_sandbox(options: &Options, place: Place, sandbox: &Sandbox) -> Result<(), Error> {
    if place == Place::ThisMachine && !options.aliases.is_empty() {
        let refusal = sandbox.refusals().first();
        let hint = match refusal {
            Some(refusal) => refusal.hint.as_ref().map_or(INSTEAD.to_owned(), |hint| format!("{hint}; or {INSTEAD}")),
            None => format!("leave out --no-sandbox; or {INSTEAD}"),
        };
        let hint = Some(hint);
        return Err(Error::NoSandbox { what: "be --as HOST:PORT", why: refusal.map(|it| it.reason.clone()), hint });
    }
    let address = |alias: &HostPort| target::address(alias).is_some_and(|ip| !ip.is_loopback());
    if place == Place::SharedNetwork && options.aliases.iter().any(address) {
        let why = "--allow-network shares this machine's network, where the address is another's".to_owned();
        let hint = "leave out --allow-network, or use a name".to_owned();
        return Err(Error::NoSandbox { what: "be an IP address", why: Some(why), hint: Some(hint) });
    }
    Ok(())
}

/// Refuses to wait for a service where a server of this check listens on the command's own host.
fn refuse_own_port(options: &Options, place: Place, plan: &target::Plan) -> Result<(), Error> {
    let Readiness::Port(port) = options.ready else { return Ok(()) };
    let here = if place == Place::Best { &plan.local } else { &plan.remote };
    if here.iter().any(|own| own.port() == port) { Err(Error::OwnPort(port)) } else { Ok(()) }
}

/// On a shared network every name is this machine's loopback, and the ports must be free there.
fn shared(options: &Options, mut aliases: Vec<HostPort>) -> (target::Plan, HostPort) {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let names = aliases.iter().filter(|alias| target::address(alias).is_none() && !target::is_localhost(alias));
    let hosts = names.map(|alias| (loopback, alias.host.clone())).collect();
    let mut remote = Vec::new();
    for alias in &aliases {
        target::add(&mut remote, SocketAddr::new(target::address(alias).unwrap_or(loopback), alias.port));
    }
    let mut target = aliases.swap_remove(0);
    if options.aliases.is_empty() {
        // Nobody knows the port by heart, so any that is free will do.
        remote = vec![(Ipv4Addr::LOCALHOST, 0).into()];
        target.port = 0;
    }
    (target::Plan { hosts, remote, ..target::Plan::default() }, target)
}

async fn ready(crew: &mut Crew, who: Who, notices: &mut Vec<String>) -> Result<(Vec<SocketAddr>, String), Error> {
    loop {
        if let (heard, Word::Ready { listening, certificate, notices: more }) = crew.hear().await?
            && heard == who
        {
            notices.extend(more);
            return Ok((listening, certificate));
        }
    }
}

fn errand(program: PathBuf, arguments: Vec<OsString>, told: &Told, options: &Options) -> Result<Errand, Error> {
    let mut environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    environment.extend(told.told.environment());
    Ok(Errand {
        program,
        arguments,
        environment,
        directory: working_directory()?,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        max_processes: options.max_processes,
    })
}

/// The program of a command, as a shell would find it.
pub(super) fn resolve(program: &OsStr) -> Result<PathBuf, Error> {
    let executable = |path: &Path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file();
    if program.as_encoded_bytes().contains(&b'/') {
        let path = PathBuf::from(program);
        return match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::NotFound(path.display().to_string()))
            }
            Err(error) => Err(Error::NotExecutable { path, why: error.to_string() }),
            Ok(found) if found.is_dir() => Err(Error::NotExecutable { path, why: "it is a directory".to_owned() }),
            Ok(_) if !executable(&path) => Err(Error::NotExecutable { path, why: "permission denied".to_owned() }),
            Ok(_) => Ok(path),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let found = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| executable(path));
    found.ok_or_else(|| Error::NotFound(program.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same sentence once stood there for each level.
    #[test]
    fn what_refuses_every_level_is_said_once() {
        let refusal = |level, reason: &str, hint: Option<&str>| Refusal {
            level,
            reason: reason.to_owned(),
            hint: hint.map(str::to_owned),
        };
        let same = [refusal(Level::TwoHosts, "none", Some("more")), refusal(Level::OneHost, "none", Some("more"))];
        assert_eq!(refused(&same), ["no `two-hosts` and no `one-host` sandbox: none (hint: more)"]);
        let other = [refusal(Level::TwoHosts, "no veth", None), refusal(Level::OneHost, "none", None)];
        assert_eq!(refused(&other), ["no `two-hosts` sandbox: no veth", "no `one-host` sandbox: none"]);
    }
}
