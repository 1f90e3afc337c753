//! A server inside of a Rust test: started with one line, stopped when dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{CloseMode, Config, Counts, Error, Login, Observer, Server, TlsMode};
use crate::wire::Journal;

/// Journals that a server in a test keeps unless it is told otherwise.
const JOURNALS: usize = 10_000;

/// A fault-injecting SQL Server for a driver's own tests, on a free loopback port.
///
/// It ends a refused login with a FIN, as SQL Server does, and keeps its own descriptor until the client has closed as well
/// (`CloseMode::Shutdown`): so the journal knows when, and whether at all.
///
/// It serves on a thread of its own, so that blocking drivers and tests without a runtime can use it too, and stops when
/// it is dropped: the port is closed then, and so is every connection.
///
/// ```
/// use std::time::Duration;
///
/// use closewait::server::FaultServer;
/// use closewait::wire::Party;
/// use tokio_util::compat::TokioAsyncWriteCompatExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = FaultServer::builder().fault("login-18456").start().await?;
///
/// let mut config = tiberius::Config::new();
/// config.authentication(tiberius::AuthMethod::sql_server("app", "secret"));
/// config.trust_cert();
///
/// let socket = tokio::net::TcpStream::connect(server.address()).await?;
/// let error = tiberius::Client::connect(config, socket.compat_write()).await.err().expect("the login is refused");
/// assert_eq!(error.code(), Some(18456));
///
/// // The driver has given up. Has it closed its socket as well?
/// let journal = server.ended(1, Duration::from_secs(5)).await.expect("the driver leaks its socket");
/// assert_eq!(journal[0].closed_first, Some(Party::Server));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    observer: Observer,
    certificate: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Counts>>,
}

/// What a [`FaultServer`] does.
#[derive(Debug, Clone)]
pub struct Builder {
    listen: SocketAddr,
    faults: Vec<String>,
    config: Config,
}

impl FaultServer {
    /// A good server on a free port of 127.0.0.1, whose journal keeps the newest 10,000 connections.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            faults: Vec::new(),
            config: Config { journal: JOURNALS, close: CloseMode::Shutdown, ..Config::default() },
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.observer.counts()
    }

    /// The journal of each connection, in the order of accepting; one that is open goes on growing.
    #[must_use]
    pub fn journal(&self) -> Vec<Journal> {
        self.observer.journal()
    }

    /// Its certificate and the CA's, in PEM: for a client that checks.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Waits until `connections` connections have been ended by both sides, and gives the journal of that moment; none
    /// when `within` is over first. A connection that a client leaks never ends. Needs a tokio runtime.
    pub async fn ended(&self, connections: u64, within: Duration) -> Option<Vec<Journal>> {
        tokio::time::timeout(within, self.observer.ended(connections)).await.ok()?;
        Some(self.journal())
    }

    /// Stops it; what it has done.
    #[must_use]
    pub fn stop(mut self) -> Counts {
        self.join().unwrap_or_else(|| self.observer.counts())
    }

    fn join(&mut self) -> Option<Counts> {
        // The thread may have ended by a panic, which it has printed.
        let _ = self.stop.take()?.send(());
        self.thread.take()?.join().ok()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.join();
    }
}

impl Builder {
    /// Adds a fault by its name and parameters, such as `login-18456:end=hold,first=3`.
    #[must_use]
    pub fn fault(mut self, fault: impl Into<String>) -> Self {
        self.faults.push(fault.into());
        self
    }

    /// How a connection ends after a refused login, unless the fault says it. With `orderly` nobody learns when the
    /// client closes.
    #[must_use]
    pub fn close(mut self, mode: CloseMode) -> Self {
        self.config.close = mode;
        self
    }

    /// The only login that is accepted.
    #[must_use]
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.config.login = Some(Login { user: user.into(), password: password.into() });
        self
    }

    /// What it does about TLS; without, whatever the client asks for.
    #[must_use]
    pub fn tls(mut self, mode: TlsMode) -> Self {
        self.config.tls.mode = Some(mode);
        self
    }

    /// Another address than a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Every setting at once; faults that were added by name stay, and so does the journal where `config` has none.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        let journal = if config.journal == 0 { self.config.journal } else { config.journal };
        self.config = Config { journal, ..config };
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When a fault is unknown, or the server cannot listen.
    pub async fn start(self) -> Result<FaultServer, Error> {
        let Self { listen, faults, mut config } = self;
        for fault in faults {
            config.faults.push(fault.parse()?);
        }
        let (ready, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("closewait-server".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(source) => {
                    let _ = ready.send(Err(Error::Thread { source }));
                    return Counts::default();
                }
            };
            runtime.block_on(async {
                let server = match Server::bind(listen, config).await {
                    Ok(server) => server,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return Counts::default();
                    }
                };
                let facts = (server.address(), server.observer(), server.certificate());
                if ready.send(Ok(facts)).is_err() {
                    return Counts::default();
                }
                // A sender that is gone means the same as one that has sent.
                server.serve(async { stopped.await.unwrap_or(()) }).await
            })
        });
        let thread = thread.map_err(|source| Error::Thread { source })?;
        let (address, observer, certificate) = started.await.expect("the thread says how it started")?;
        Ok(FaultServer { address, observer, certificate, stop: Some(stop), thread: Some(thread) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;
    use crate::tds::{Login7, PacketType, TdsVersion, packets};
    use crate::wire::{Deed, LoginEnd, MessageKind, Party};

    /// PRELOGIN and LOGIN7 of a blocking client; the socket, after the answer.
    fn log_in(server: &FaultServer) -> TcpStream {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        let login = Login7 { tds_version: TdsVersion::V7_4.login(), user: "x".to_owned(), ..Login7::default() };
        let mut room = [0; 4096];
        for (kind, payload) in [
            (PacketType::PRELOGIN, [0, 0, 6, 0, 6, 0xFF, 0, 0, 0, 0, 0, 0].to_vec()),
            (PacketType::LOGIN7, login.encode().unwrap()),
        ] {
            socket.write_all(&packets(kind, 0, 4096, &payload)).unwrap();
            assert!(socket.read(&mut room).unwrap() > 0, "no answer");
        }
        socket
    }

    #[tokio::test]
    async fn a_client_that_leaks_is_told_from_one_that_closes() {
        let server = FaultServer::builder().fault("login-18456").start().await.unwrap();
        let socket = log_in(&server);
        assert!(server.ended(1, Duration::from_millis(100)).await.is_none(), "the client still holds its socket");
        drop(socket);
        let journal = server.ended(1, Duration::from_secs(10)).await.expect("the client has closed").remove(0);
        assert_eq!(journal.closed_first, Some(Party::Server));
        assert_eq!(journal.login, Some(LoginEnd::Refused { number: 18456, state: 8 }));
        assert_eq!(journal.faults, ["login-18456"]);
        assert_eq!(journal.messages(Party::Client).collect::<Vec<_>>(), [MessageKind::Prelogin, MessageKind::Login7]);
        let last = journal.entries.last().unwrap();
        assert_eq!((last.by, &last.deed), (Party::Client, &Deed::Fin));
        assert!(journal.over.unwrap() < last.at && last.at <= journal.closed.unwrap(), "{journal:?}");
        assert_eq!(server.stop().logins_refused[&18456][&8], 1);
    }

    #[tokio::test]
    async fn a_good_login_is_in_the_journal_without_its_password() {
        let server = FaultServer::builder().login("x", "").start().await.unwrap();
        drop(log_in(&server));
        let journal = server.ended(1, Duration::from_secs(10)).await.unwrap().remove(0);
        assert_eq!((journal.login, journal.closed_first), (Some(LoginEnd::Accepted), Some(Party::Client)));
        let json = serde_json::to_string(&journal).unwrap();
        assert!(json.contains("user 'x'") && !json.to_lowercase().contains("password"), "{json}");
    }

    #[test]
    fn dropped_it_is_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let server = runtime.block_on(FaultServer::builder().fault("connect-no-reply").start()).unwrap();
        let address = server.address();
        let mut client = TcpStream::connect(address).unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0; 1]).unwrap_or(0), 0, "its connections are closed");
        assert!(TcpStream::connect(address).is_err(), "and its port");
    }

    #[tokio::test]
    async fn what_it_cannot_do_it_says() {
        let error = FaultServer::builder().fault("login-1").start().await.unwrap_err();
        assert!(matches!(error, Error::Fault(_)), "{error:?}");
        let taken = FaultServer::builder().start().await.unwrap();
        let error = FaultServer::builder().listen(taken.address()).start().await.unwrap_err();
        assert!(matches!(error, Error::Listen { .. }), "{error:?}");
    }
}
