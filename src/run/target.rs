//! A server that is not ours: found, reached once, and loaded only when that is surely meant.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Error, Options};
use crate::client::Login;
use crate::scenario::Scenario;
use crate::units::HostPort;

/// How long a connect before the run may take.
const PROBE: Duration = Duration::from_secs(5);

/// How many of a name's addresses are tried.
const MOST_ADDRESSES: usize = 8;

/// A server that is not ours.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) name: HostPort,
    pub(super) address: SocketAddr,
    pub(super) login: Login,
}

/// The scenario's target, resolved and reached; none when it is the embedded server.
pub(super) async fn resolve(scenario: &Scenario, options: &Options) -> Result<Option<Target>, Error> {
    let Some(target) = &scenario.target else { return Ok(None) };
    let name = target.address.clone();
    let found = look_up(&name).await.map_err(|source| Error::Resolve { target: name.clone(), source })?;
    let address = reach(&name, found, options.allow_remote).await?;
    let login = match &target.login {
        Some(login) => Login {
            user: login.user.clone(),
            password: options.password.as_ref().map(|secret| secret.reveal().to_owned()).unwrap_or_default(),
            database: login.database.clone(),
        },
        // The `tcp` driver never logs in.
        None => Login { user: String::new(), password: String::new(), database: None },
    };
    Ok(Some(Target { name, address, login }))
}

async fn look_up(name: &HostPort) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name.host.as_str(), name.port)).await?.collect())
}

/// The first address that accepts a connection: a name often has one of IPv6 first, and a server only the other. Those
/// of other machines are not even tried unless that is allowed.
async fn reach(name: &HostPort, found: Vec<SocketAddr>, allow_remote: bool) -> Result<SocketAddr, Error> {
    let mut failed = if found.is_empty() {
        let source = std::io::Error::other("the name has no address");
        Error::Resolve { target: name.clone(), source }
    } else {
        Error::Remote(name.clone())
    };
    for address in found.into_iter().filter(|address| allow_remote || address.ip().is_loopback()).take(MOST_ADDRESSES) {
        match probe(address).await {
            Ok(()) => return Ok(address),
            Err(source) => failed = Error::Unreachable { target: name.clone(), address, source },
        }
    }
    Err(failed)
}

async fn probe(address: SocketAddr) -> std::io::Result<()> {
    let connected = tokio::time::timeout(PROBE, tokio::net::TcpStream::connect(address)).await;
    let stream = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))?;
    // A reset instead of a FIN: the probe must leave no TIME_WAIT behind that the run would count.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_is_tried_but_those_of_other_machines() {
        let name: HostPort = "db.test:1433".parse().unwrap();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = server.local_addr().unwrap();
        let closed = SocketAddr::new(std::net::Ipv4Addr::new(127, 0, 0, 99).into(), open.port());
        // RFC 5737: no machine's.
        let remote: SocketAddr = "192.0.2.1:1433".parse().unwrap();
        assert_eq!(reach(&name, vec![remote, closed, open], false).await.unwrap(), open);
        let refused = reach(&name, vec![remote, closed], false).await;
        assert!(matches!(refused, Err(Error::Unreachable { address, .. }) if address == closed));
        assert!(matches!(reach(&name, vec![remote], false).await, Err(Error::Remote(_))));
        assert!(matches!(reach(&name, Vec::new(), true).await, Err(Error::Resolve { .. })));
    }
}
