//! Listening and accepting.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use self::gate::Gate;
use super::conversation::{Shared, converse};
use super::logbook::Logbook;
use super::{Config, Counts, Error, Observer};
use crate::fault::check_together;
use crate::units::Monotonic;
use crate::wire::tls::{Disclosure, Identity, Tls};

mod gate;

/// How long to wait when the port cannot be listened on again.
const RETRY: Duration = Duration::from_secs(1);

/// How long to wait when no descriptor is left: one may be closed meanwhile, and the kernel's queue holds who waits.
const PAUSE: Duration = Duration::from_millis(20);

/// SQL Server's defaults: the first probe after 30 s of silence, then one a second.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(1));

/// A server that listens and does not yet serve.
#[derive(Debug)]
pub struct Server {
    gate: Gate,
    disclosure: Option<Arc<Disclosure>>,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens on `address`; port 0 picks one. Clients connect from here on, and wait until [`Server::serve`].
    ///
    /// # Errors
    /// When the faults make no sense together, the address cannot be listened on, the certificate is of no use, or the
    /// error log cannot be opened.
    pub async fn bind(address: SocketAddr, config: Config) -> Result<Self, Error> {
        check_together(&config.faults)?;
        let started = Monotonic::now();
        let gate = listen(address, &config).await?;
        let observer = Observer::keeping(config.journal);
        let log = config.error_log.as_ref().map(|log| Logbook::open(log, observer.clone())).transpose()?;
        let identity = match &config.tls.certificate {
            Some((certificate, key)) => Identity::from_pem(certificate, key)?,
            None => Identity::self_signed(&config.tls.names)?,
        };
        let disclosure = config.disclose.then(Arc::<Disclosure>::default);
        let tls = match &disclosure {
            Some(disclosure) => Tls::disclosing(&identity, Arc::clone(disclosure))?,
            None => Tls::new(&identity)?,
        };
        let certificate = identity.pem();
        Ok(Self { gate, disclosure, shared: Arc::new(Shared { config, started, tls, certificate, observer, log }) })
    }

    /// The same server in one more place: with its certificate, its counts and its journal.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn beside(&self, address: SocketAddr) -> Result<Self, Error> {
        let gate = listen(address, &self.shared.config).await?;
        Ok(Self { gate, disclosure: self.disclosure.clone(), shared: Arc::clone(&self.shared) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// The counts, readable while it serves.
    #[must_use]
    pub fn observer(&self) -> Observer {
        self.shared.observer.clone()
    }

    /// Its certificate and the CA's, in PEM: for a client that checks.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.shared.certificate.clone()
    }

    /// What TLS hides of its connections, readable while it serves; none unless [`Config::disclose`] asks for it.
    #[must_use]
    pub fn disclosure(&self) -> Option<Arc<Disclosure>> {
        self.disclosure.clone()
    }

    /// Serves until `stop` is ready, then drops every connection; the counts are those of that moment.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Counts {
        let Self { mut gate, shared, .. } = self;
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let (fault, mut change) = gate::at(&shared.config.faults, Monotonic::now().since(shared.started));
            if let Err(error) = gate.set(fault).await {
                // While it did not listen, somebody else may have come to listen on the port.
                tracing::warn!(%error, "the listener does not do what its fault wants; it tries again");
                change = Some(RETRY.min(change.unwrap_or(RETRY)));
            }
            let changed = async {
                match change {
                    Some(change) => tokio::time::sleep(change).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = changed => {}
                () = accept_all(&mut gate, &shared, &mut connections) => {}
            }
        }
        let counts = shared.observer.counts();
        connections.shutdown().await;
        if shared.log.is_some() {
            // Away from the thread that hears the signals: nobody may be reading where the log goes.
            let closing = tokio::task::spawn_blocking(move || shared.log.as_ref().map(Logbook::close));
            // A panic of it has been printed by its own thread.
            let _ = closing.await;
        }
        counts
    }
}

/// Listens on an address, or fails to as the faults want it; port 0 picks one.
async fn listen(address: SocketAddr, config: &Config) -> Result<Gate, Error> {
    let backlog = i32::try_from(config.backlog).unwrap_or(i32::MAX);
    let (fault, _) = gate::at(&config.faults, Duration::ZERO);
    let listen = async {
        let mut socket = bound(address)?;
        if address.port() == 0 && config.faults.iter().any(|fault| fault.listener().is_some()) {
            // A port that the kernel has picked goes back to it when the socket stops listening; one that was asked for
            // by its number does not.
            let picked = socket.local_addr()?;
            drop(socket);
            socket = bound(picked)?;
        }
        Gate::open(socket, backlog, fault).await
    };
    listen.await.map_err(|source| Error::Listen { address, source })
}

/// A socket on this address, which does not listen yet.
fn bound(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit both, which saves system calls for each. The times are SQL Server's own: a client that lost
    // its power is noticed.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Accepts whoever comes.
async fn accept_all(gate: &mut Gate, shared: &Arc<Shared>, connections: &mut JoinSet<()>) {
    loop {
        let (stream, address) = accept(gate, &shared.observer).await;
        let number = shared.observer.update(|counts| {
            counts.accepted += 1;
            counts.open += 1;
            counts.accepted
        });
        let span = tracing::debug_span!("connection", number, client = %address);
        connections.spawn(converse(Arc::clone(shared), stream, address, number).instrument(span));
        // Whoever has ended is reaped here and not by a branch of its own, which would wake this task once more for every
        // connection.
        while connections.try_join_next().is_some() {}
    }
}

/// The next connection. Without a descriptor or memory for it, it waits and tries again: the connections that there are
/// go on.
async fn accept(gate: &mut Gate, observer: &Observer) -> (TcpStream, SocketAddr) {
    loop {
        match gate.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_exhaustion(&error) => {
                observer.update(|counts| counts.accept_pauses += 1);
                tokio::time::sleep(PAUSE).await;
            }
            // The client has gone again (ECONNABORTED, and what the network said of it; accept(2)).
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

#[cfg(test)]
mod drivers;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod tests;
