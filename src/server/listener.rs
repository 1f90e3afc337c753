//! Listening and accepting.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::conversation::{Shared, converse};
use super::logbook::Logbook;
use super::{Config, Counts, Error, Observer};

/// How long to wait when no descriptor is left: one may be closed meanwhile, and the kernel's queue holds who waits.
const PAUSE: Duration = Duration::from_millis(20);

/// A server that listens and does not yet serve.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens on `address`; port 0 picks one. Clients connect from here on, and wait until [`Server::serve`].
    ///
    /// # Errors
    /// When the address cannot be listened on, or the error log not be opened.
    #[expect(clippy::unused_async, reason = "it must be called inside of a runtime, which `async` says")]
    pub async fn bind(address: SocketAddr, config: Config) -> Result<Self, Error> {
        let listen = || -> io::Result<(TcpListener, SocketAddr)> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            // Accepted sockets inherit it, which saves a system call for each.
            socket.set_tcp_nodelay(true)?;
            socket.bind(&address.into())?;
            socket.listen(i32::try_from(config.backlog).unwrap_or(i32::MAX))?;
            let listener = TcpListener::from_std(socket.into())?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen().map_err(|source| Error::Listen { address, source })?;
        let observer = Observer::default();
        let log = config.error_log.as_ref().map(|log| Logbook::open(log, observer.clone())).transpose()?;
        Ok(Self {
            listener,
            address,
            shared: Arc::new(Shared { config, observer, log, started: tokio::time::Instant::now() }),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counts, readable while it serves.
    #[must_use]
    pub fn observer(&self) -> Observer {
        self.shared.observer.clone()
    }

    /// Serves until `stop` is ready, then drops every connection; the counts are those of that moment.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Counts {
        let Self { listener, shared, .. } = self;
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                (stream, address) = accept(&listener, &shared.observer) => {
                    let number = shared.observer.update(|counts| {
                        counts.accepted += 1;
                        counts.open += 1;
                        counts.accepted
                    });
                    let span = tracing::debug_span!("connection", number, client = %address);
                    connections.spawn(converse(Arc::clone(&shared), stream, address.ip(), number).instrument(span));
                    // Whoever has ended is reaped here and not by a branch of its own, which would wake this task once
                    // more for every connection.
                    while connections.try_join_next().is_some() {}
                }
            }
        }
        let counts = shared.observer.counts();
        connections.shutdown().await;
        if let Some(log) = &shared.log {
            log.close();
        }
        counts
    }
}

/// The next connection. Without a descriptor or memory for it, it waits and tries again: the connections that there are
/// go on.
async fn accept(listener: &TcpListener, observer: &Observer) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
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
mod tests;
