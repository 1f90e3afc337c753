//! One connection, from accept to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::logbook::Logbook;
use super::{CloseMode, Config, Observer, ending};
use crate::fault::{Dice, Struck};
use crate::tds::{Login7, Message, PacketType};
use crate::units::{Monotonic, Span};
use crate::wire::tls::{Tls, Transport};
use crate::wire::{self, Connection, Party};

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) started: Monotonic,
    pub(super) tls: Tls,
    /// The certificate and its authority's, in PEM.
    pub(super) certificate: String,
    pub(super) observer: Observer,
    pub(super) log: Option<Logbook>,
}

/// A connection of this server.
pub(super) type Wire = Connection<Transport<TcpStream>>;

/// Why a conversation comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The client has gone.
    Gone,
    /// It sent what SQL Server gives up on, with this error in its log.
    Malformed(u32),
    /// It took too long.
    TimedOut,
    /// A TLS handshake came to nothing, because of what the client sent or because it refused.
    NoTls,
    /// The server ends the connection.
    Over(CloseMode),
    /// Nothing is said any more; only the client can end it.
    Silence,
}

impl From<wire::Error> for Stop {
    fn from(error: wire::Error) -> Self {
        match error {
            wire::Error::Malformed(_) => Self::Malformed(17836),
            _ => Self::Gone,
        }
    }
}

/// Serves the connection that was accepted as number `number`.
pub(super) async fn converse(shared: Arc<Shared>, stream: TcpStream, client: SocketAddr, number: u64) {
    // Session ids of users begin at 51 and stay below 32,768.
    let spid = 51 + u16::try_from(number % 32_000).unwrap_or(0);
    let server = stream.local_addr().unwrap_or(client);
    let scribe = shared.observer.journals().open(number, client, server);
    let mut wire = Connection::new(Transport::plain(stream), spid).with_scribe(scribe);
    let dice = Dice::new(shared.config.seed, number);
    let since_start = Monotonic::now().since(shared.started);
    let talk = Talk {
        client,
        server,
        struck: Struck::decide(&shared.config.faults, number, since_start, dice),
        deadline: Instant::now() + shared.config.login_timeout.0,
        shared,
    };
    if talk.config().serves_after > Span::default() {
        sleep(talk.config().serves_after.0).await;
    }
    let stop = talk.talk(&mut wire).await.unwrap_or_else(|stop| stop);
    let observer = &talk.shared.observer;
    match talk.stopped(&wire, stop) {
        Some(mode) => ending::end(wire, mode, observer).await,
        None => {
            if stop == Stop::Silence {
                ending::outlast(&mut wire).await;
            }
            ending::closed(wire, observer, Party::Client);
        }
    }
}

/// What is known of a connection while it is served.
pub(super) struct Talk {
    pub(super) shared: Arc<Shared>,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) struck: Struck,
    deadline: Instant,
}

impl Talk {
    /// From the first byte on, until there is no more to say.
    async fn talk(&self, wire: &mut Wire) -> Result<Stop, Stop> {
        let opening = self.open(wire).await?;
        let login = self.login(wire, opening).await?;
        let (session, version) = self.decide(wire, &login, opening).await?;
        self.serve(wire, session, version).await
    }

    pub(super) fn config(&self) -> &Config {
        &self.shared.config
    }

    /// What takes longer than a login may is over.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        timeout_at(self.deadline, work).await.map_err(|_| Stop::TimedOut)
    }

    /// The next message, which must be of type `kind`; `number` is the error for whatever is not.
    pub(super) async fn read(&self, wire: &mut Wire, kind: PacketType, number: u32) -> Result<Message, Stop> {
        self.read_up_to(wire, kind, Login7::MAX_LEN, number).await
    }

    /// Like [`Talk::read`], for a message of at most `limit` bytes.
    pub(super) async fn read_up_to(
        &self,
        wire: &mut Wire,
        kind: PacketType,
        limit: usize,
        number: u32,
    ) -> Result<Message, Stop> {
        match self.in_time(wire.read_message_of(limit, |claimed| claimed == kind)).await? {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(Stop::Gone),
            Err(wire::Error::Malformed(_)) => Err(Stop::Malformed(number)),
            Err(error) => Err(error.into()),
        }
    }
}
