//! What each part of an arm is to be: settings and a sandbox go in, roles and facts come out. Nothing is started here.

use std::net::SocketAddr;

use super::crew::{self, Crowd};
use super::role::{LoadRole, Role};
use super::target::Target;
use super::{Error, Options, facts};
use crate::capture::FinWait;
use crate::client::{self, Close, Login, PortSearch};
use crate::load::{self, Share};
use crate::record::{ArmFacts, Named, PortRangeSummary, Side};
use crate::sample::{self, SideConfig, SourceKind};
use crate::sandbox::{Level, Plan, Sandbox};
use crate::scenario::{Arm, Scenario};
use crate::server::{self, CloseMode};
use crate::units::{HostPort, Monotonic, PortRange, Span};

/// The kernel's own `tcp_fin_timeout` and `tcp_tw_reuse`.
const KERNEL_FIN_TIMEOUT: Span = Span::from_secs(60);
const KERNEL_TW_REUSE: u8 = 2;

/// What an arm is played with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) options: &'a Options,
    pub(super) target: Option<&'a Target>,
    pub(super) arm: &'a Arm,
    /// Which time it is played, from 1; none where that is once.
    pub(super) repetition: Option<u32>,
}

impl Stage<'_> {
    /// The hosts that the arm asks for. A real server is reached from this machine itself.
    pub(super) fn plan(&self) -> Plan {
        let level = if self.target.is_some() { Some(Level::None) } else { self.arm.sandbox };
        Plan {
            level,
            ports: self.arm.ports,
            // What a new namespace has anyway need not be asked for, and so is not missed where there is none.
            tcp_fin_timeout: Some(self.arm.tcp_fin_timeout).filter(|span| *span != KERNEL_FIN_TIMEOUT),
            tcp_tw_reuse: Some(self.arm.tcp_tw_reuse).filter(|value| *value != KERNEL_TW_REUSE),
            max_ports: self.options.max_ports,
            kernel_search: self.arm.port_search == Some(PortSearch::Kernel),
            seed: self.scenario.seed,
        }
    }
}

/// A stage with its hosts built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Casting<'a> {
    pub(super) stage: Stage<'a>,
    pub(super) sandbox: &'a Sandbox,
}

impl Casting<'_> {
    /// The range that the client's sockets may use, and who searches in it.
    fn ports(&self) -> (PortRange, PortSearch) {
        let host = self.sandbox.client();
        match (host.per_socket_ports(), self.stage.arm.port_search) {
            (Some(range), _) => (range, PortSearch::PerSocket),
            (None, search) => (host.settings().ports, search.unwrap_or(PortSearch::Kernel)),
        }
    }

    /// How many sockets the clients may hold. Outside a sandbox that is the command line's to say: a scenario may come
    /// from anywhere.
    fn max_held(&self) -> u32 {
        let most = self.stage.options.max_held;
        let lifted = self.sandbox.level().is_isolated()
            // The range itself is the bound, and it is to be met: a cap of as many sockets would hide it.
            || (self.ports_bound() && self.ports().0.count() <= most);
        self.stage.arm.max_held.unwrap_or(u32::MAX).min(if lifted { u32::MAX } else { most })
    }

    fn ports_bound(&self) -> bool {
        self.stage.target.is_none() && crew::ports_bound(self.stage.arm)
    }

    /// The embedded server, and where it listens.
    pub(super) fn server(&self) -> Role {
        let host = self.sandbox.server();
        // In a host of its own the server takes SQL Server's port; on ports that are the machine's it takes a free one.
        let port = if host.net_ns().is_some() { HostPort::DEFAULT_PORT } else { 0 };
        let arm = self.stage.arm;
        let config = server::Config {
            faults: arm.faults.clone(),
            close: arm.server_close,
            seed: arm.load.seed,
            ..server::Config::default()
        };
        let avoid = self.sandbox.client().per_socket_ports();
        Role::Server { listen: SocketAddr::from((host.address(), port)), avoid, config }
    }

    /// How many load workers, and what a person must know about the sockets that they hold.
    pub(super) fn crew(&self) -> Result<(u32, Vec<String>), Error> {
        let (arm, max_held) = (self.stage.arm, self.max_held());
        let mut notices = Vec::new();
        if let Some(asked) = arm.max_held.filter(|asked| *asked > max_held) {
            notices.push(format!(
                "max_held = {asked} was asked for, and outside a sandbox at most {max_held} sockets are held; more needs \
                 --max-held {asked}"
            ));
        }
        if arm.nofile.is_some() {
            return Ok((1, notices));
        }
        let ports = self.ports_bound().then_some(self.ports().0.count());
        let (crowd, nofile) = (Crowd::of(arm, ports, max_held), facts::nofile());
        let sockets = crowd.in_each(1);
        let too_many = || Error::Descriptors { arm: arm.name.clone(), sockets, nofile };
        let workers = crew::workers(crowd, nofile).ok_or_else(too_many)?;
        if workers > 1 {
            notices.push(format!(
                "the load runs in {workers} processes: it may hold {sockets} sockets, and one process may have {nofile} \
                 descriptors"
            ));
            notices.extend(crew::what_each_has(arm, workers));
        }
        Ok((workers, notices))
    }

    /// One load worker.
    pub(super) fn worker(&self, address: SocketAddr, share: Share) -> Role {
        let (arm, host) = (self.stage.arm, self.sandbox.client());
        let (range, search) = self.ports();
        let (server_name, login) = match self.stage.target {
            Some(target) => (target.name.host.clone(), target.login.clone()),
            None => (address.ip().to_string(), stranger()),
        };
        let client = client::Config {
            target: address,
            server_name,
            driver: arm.driver,
            close: arm.close,
            close_logged_in: arm.close_logged_in,
            timeout: arm.timeout,
            login,
            source: host.source(),
            per_socket_ports: (search == PortSearch::PerSocket).then_some(range),
            encryption: client::Encryption::Off,
            authority: None,
        };
        let load = load::Config { max_held: self.max_held(), ..arm.load };
        Role::Load(Box::new(LoadRole { client, load, share, nofile: arm.nofile }))
    }

    /// The connection ledger, which knows when the kernel ends a FIN_WAIT_2 where it is known how both ends close.
    pub(super) fn ledger(&self, server: SocketAddr) -> Role {
        let (arm, sandbox) = (self.stage.arm, self.sandbox);
        let half = [arm.close, arm.close_logged_in].contains(&Close::Half);
        let fin_wait = self.stage.target.is_none().then(|| FinWait {
            client: (!half).then(|| sandbox.client().settings().tcp_fin_timeout),
            // Whatever else it is told to do, its FIN is a close.
            server: (arm.server_close != CloseMode::Shutdown).then(|| sandbox.server().settings().tcp_fin_timeout),
        });
        Role::Ledger { server, fin_wait }
    }

    /// The sampler of both sides; of the client's alone where the server is another machine's.
    pub(super) fn sampler(&self, address: SocketAddr, clients: Vec<u32>, servers: Vec<u32>) -> Role {
        let client = SideConfig { side: Side::Client, target: address, pids: clients };
        let observed = self.stage.target.is_none_or(|target| target.address.ip().is_loopback());
        let server = observed.then_some(SideConfig { side: Side::Server, target: address, pids: servers });
        Role::Sampler {
            config: sample::Config { start: Monotonic::now(), client: Some(client), server, source: SourceKind::Auto },
            client_namespace: self.sandbox.client().net_ns().is_some(),
            server_namespace: self.sandbox.server().net_ns().is_some(),
        }
    }

    /// What is fixed about the arm, for the record.
    pub(super) fn facts(&self, workers: u32) -> ArmFacts {
        let arm = self.stage.arm;
        let settings = self.sandbox.client().settings();
        let (range, search) = self.ports();
        ArmFacts {
            name: arm.name.clone(),
            driver: arm.driver.name().to_owned(),
            close: arm.close.to_string(),
            target: self.stage.target.map_or_else(|| "embedded".to_owned(), |target| target.name.to_string()),
            sandbox: self.sandbox.level().to_string(),
            port_search: search.name().to_owned(),
            tcp_fin_timeout_s: settings.tcp_fin_timeout.as_secs(),
            tcp_tw_reuse: settings.tcp_tw_reuse,
            ephemeral_ports: PortRangeSummary { low: range.low(), high: range.high(), count: range.count() },
            repetition: self.stage.repetition,
            server_close: self.stage.target.is_none().then(|| arm.server_close.name().to_owned()),
            faults: arm.faults.iter().map(ToString::to_string).collect(),
            workers,
            arrivals: arm.load.arrivals.to_string(),
            planned_s: arm.load.duration.map(|span| span.0.as_secs_f64()),
            planned_attempts: crew::arrivals(arm),
        }
    }
}

/// Credentials that no server knows: the embedded one refuses or accepts whoever comes, as its fault says.
fn stranger() -> Login {
    Login { user: "closewait".to_owned(), password: "not-the-password".to_owned(), database: None }
}
