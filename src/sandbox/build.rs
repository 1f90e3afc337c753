//! The ladder: the level that was asked for, or the best that works.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::namespaces::Namespaces;
use super::port_range::{self, Claim};
use super::{Error, Host, Level, Plan, Refusal, Settings, links};
use crate::units::PortRange;

/// A client's host and a server's host, gone when dropped.
#[derive(Debug)]
pub struct Sandbox {
    level: Level,
    client: Host,
    server: Host,
    refusals: Vec<Refusal>,
    notices: Vec<String>,
}

impl Sandbox {
    /// Builds what `plan` asks for. It forks, and blocks for some milliseconds.
    ///
    /// # Errors
    /// When the level that was asked for cannot be had here, or when the plan asks for a setting that no kernel takes.
    /// Without a level asked for, only the latter: a better level that cannot be had is a [`Refusal`].
    pub fn build(plan: &Plan) -> Result<Self, Error> {
        plan.check()?;
        if let Some(level) = plan.level {
            return Self::at(level, plan).map_err(|source| Error::Level { level, source: Box::new(source) });
        }
        let mut refusals = Vec::new();
        for level in [Level::TwoHosts, Level::OneHost, Level::PortRange] {
            match Self::at(level, plan) {
                Ok(sandbox) => return Ok(Self { refusals, ..sandbox }),
                Err(error) => {
                    refusals.push(Refusal {
                        level,
                        reason: format!("failed to {}", error.chain()),
                        hint: error.hint(),
                    });
                }
            }
        }
        Ok(Self { refusals, ..Self::at(Level::None, plan)? })
    }

    /// The level that was reached.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Why each better level was not reached; empty when the level was asked for.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// What a person must know to trust the results, in plain sentences: the refusals, and what this level cannot do.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.refusals.iter().map(Refusal::to_string).chain(self.notices.iter().cloned()).collect()
    }

    /// The host of the clients.
    #[must_use]
    pub fn client(&self) -> &Host {
        &self.client
    }

    /// The host of the server; the same place as the client's, except at the level `two-hosts`.
    #[must_use]
    pub fn server(&self) -> &Host {
        &self.server
    }

    fn at(level: Level, plan: &Plan) -> Result<Self, Error> {
        match level {
            Level::TwoHosts | Level::OneHost => Self::of_namespaces(level, plan),
            Level::PortRange => Self::of_a_port_range(plan),
            Level::None => Self::of_this_machine(plan),
        }
    }

    fn of_namespaces(level: Level, plan: &Plan) -> Result<Self, Error> {
        let namespaces = Namespaces::make(plan, level == Level::TwoHosts)?;
        let user = namespaces.user.map(Arc::new);
        let host = |address, net, settings| Host {
            address,
            source: None,
            per_socket_ports: None,
            user: user.clone(),
            net: Some(net),
            settings,
        };
        let (server_net, server_settings) = (Arc::new(namespaces.server.0), namespaces.server.1);
        let (client, server) = match namespaces.client {
            Some((net, settings)) => (
                host(links::CLIENT.address, Arc::new(net), settings),
                host(links::SERVER.address, server_net, server_settings),
            ),
            None => (
                host(Ipv4Addr::LOCALHOST, Arc::clone(&server_net), server_settings),
                host(Ipv4Addr::LOCALHOST, server_net, server_settings),
            ),
        };
        let notices = notices_of_one_host(level, client.settings);
        Ok(Self { level, client, server, refusals: Vec::new(), notices })
    }

    fn of_a_port_range(plan: &Plan) -> Result<Self, Error> {
        let own = Settings::of_this_machine()?;
        let claim = Claim::make(plan, own.ports)?;
        let mut notices = vec![format!(
            "no namespace: this machine's ports {} are used, from {}; while a port is held another program cannot \
             listen on it, and TIME_WAIT may stay for 60 s after the run",
            claim.ports, claim.source
        )];
        notices.extend(notice_of_other_ports(plan, claim.ports, own));
        notices.extend(notices_of_settings(plan, own));
        let server = on_this_machine(own);
        let client = Host {
            address: claim.source,
            source: Some(claim.source),
            per_socket_ports: Some(claim.ports),
            settings: Settings { ports: claim.ports, ..own },
            ..on_this_machine(own)
        };
        Ok(Self { level: Level::PortRange, client, server, refusals: Vec::new(), notices })
    }

    fn of_this_machine(plan: &Plan) -> Result<Self, Error> {
        let own = Settings::of_this_machine()?;
        let (bound, unbounded) = match port_range::bound(plan, own.ports) {
            Ok(bound) => (bound, None),
            // An older kernel, or a range with no port free: the run is still what was asked for.
            Err(error) => {
                let why = format!("failed to {}", error.chain());
                (None, Some(format!("at most {} ports (max_ports) cannot be kept to: {why}", plan.max_ports)))
            }
        };
        let ports = bound.unwrap_or(own.ports);
        let mut notices = vec![format!(
            "no sandbox: this machine's own ports {ports} are used, and TIME_WAIT may stay for 60 s after the run"
        )];
        notices.extend(unbounded);
        notices.extend(notice_of_other_ports(plan, ports, own));
        notices.extend(notices_of_settings(plan, own));
        let client = Host { per_socket_ports: bound, settings: Settings { ports, ..own }, ..on_this_machine(own) };
        Ok(Self { level: Level::None, client, server: on_this_machine(own), refusals: Vec::new(), notices })
    }
}

fn on_this_machine(settings: Settings) -> Host {
    Host { address: Ipv4Addr::LOCALHOST, source: None, per_socket_ports: None, user: None, net: None, settings }
}

/// What one host for both ends does differently from two.
fn notices_of_one_host(level: Level, settings: Settings) -> Vec<String> {
    const LOOPBACK_ONLY: u8 = 2;
    if level != Level::OneHost || settings.tcp_tw_reuse != LOOPBACK_ONLY {
        return Vec::new();
    }
    vec![
        "both ends share one host: its table holds both ends of each connection, and over loopback tcp_tw_reuse = 2 \
         lets a client use a TIME_WAIT port again after about 1 s, which it would not between two hosts"
            .to_owned(),
    ]
}

/// That other ports are used than were asked for, where they are this machine's.
fn notice_of_other_ports(plan: &Plan, used: PortRange, own: Settings) -> Option<String> {
    let asked = plan.ports.filter(|asked| *asked != used)?;
    Some(if plan.kernel_search && used == own.ports {
        format!("ports {asked} were asked for and {used} are used: the kernel searches in this machine's own range")
    } else {
        let (most, own) = (plan.max_ports, own.ports);
        format!(
            "ports {asked} were asked for and {used} are used: at most {most} (max_ports), free, and inside this machine's \
             own {own}"
        )
    })
}

/// Which settings were asked for in vain where nothing of this machine may change.
fn notices_of_settings(plan: &Plan, own: Settings) -> Vec<String> {
    let mut notices = Vec::new();
    if let Some(asked) = plan.tcp_fin_timeout.filter(|asked| asked.0 != own.tcp_fin_timeout) {
        let own = own.tcp_fin_timeout.as_secs();
        notices.push(format!("tcp_fin_timeout = {asked} was asked for and stays this machine's own {own} s"));
    }
    if let Some(asked) = plan.tcp_tw_reuse.filter(|asked| *asked != own.tcp_tw_reuse) {
        let own = own.tcp_tw_reuse;
        notices.push(format!("tcp_tw_reuse = {asked} was asked for and stays this machine's own {own}"));
    }
    notices
}
