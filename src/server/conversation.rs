//! One connection, from accept to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answers::SERVER;
use super::logbook::Logbook;
use super::session::Session;
use super::{CloseMode, Config, Observer, ending, features, session};
use crate::fault::{Action, Dice, LoginError, Refusal, Stage, server_error};
use crate::tds::{
    Done, Encryption, HEADER_LEN, Header, LegacyLogin, Login7, Message, PacketType, Prelogin, TdsVersion, Token,
};
use crate::wire::{self, Audience, Connection, LoginFailure, Stamp, network_failure};

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) observer: Observer,
    pub(super) log: Option<Logbook>,
}

/// Where a conversation leaves its connection.
enum Outcome {
    /// The client ended it.
    Gone,
    /// The server ends it.
    Over(CloseMode),
    /// Nothing is said any more; only the client can end it.
    Silence,
    /// The login is good.
    Session(Session, TdsVersion),
}

/// Serves the connection that was accepted as number `number`.
pub(super) async fn converse(shared: Arc<Shared>, stream: TcpStream, client: IpAddr, number: u64) {
    // Session ids of users begin at 51 and stay below 32,768.
    let spid = 51 + u16::try_from(number % 32_000).unwrap_or(0);
    let mut talk = Talk {
        connection: Connection::new(stream, spid),
        dice: Dice::new(shared.config.seed, number),
        client,
        shared: &shared,
    };
    let outcome = match timeout(shared.config.login_timeout.0, talk.login()).await {
        Ok(outcome) => outcome,
        Err(_) => {
            shared.observer.update(|counts| counts.timed_out += 1);
            talk.log_network_failure(17830);
            Outcome::Over(CloseMode::Orderly)
        }
    };
    let mut connection = talk.connection;
    let mode = match outcome {
        Outcome::Over(mode) => Some(mode),
        Outcome::Gone => {
            tracing::debug!("the client has gone");
            None
        }
        Outcome::Silence => {
            connection.discard().await;
            None
        }
        Outcome::Session(session, version) => match session::serve(&mut connection, session, version).await {
            Err(wire::Error::Malformed(_)) => Some(CloseMode::Orderly),
            Ok(()) | Err(_) => None,
        },
    };
    match mode {
        Some(mode) => ending::end(connection, mode, &shared.observer).await,
        None => shared.observer.update(|counts| {
            counts.open -= 1;
            counts.ended_by_client += 1;
        }),
    }
}

/// A connection that is not yet logged in.
struct Talk<'a> {
    connection: Connection<TcpStream>,
    dice: Dice,
    client: IpAddr,
    shared: &'a Shared,
}

impl Talk<'_> {
    async fn login(&mut self) -> Outcome {
        match self.fault(&Stage::Accepted) {
            (Action::End, mode) => {
                if mode == CloseMode::Unread {
                    // There must be something to leave unread.
                    let _ = self.connection.stream().readable().await;
                }
                return Outcome::Over(mode);
            }
            (Action::Ignore, _) => return Outcome::Silence,
            (Action::Proceed | Action::Refuse(_), _) => {}
        }
        match self.exchange().await {
            Ok(outcome) => outcome,
            Err(Failure::Gone) => Outcome::Gone,
            Err(Failure::Malformed(number)) => {
                tracing::debug!(number, "not a login");
                self.shared.observer.update(|counts| counts.malformed += 1);
                self.log_network_failure(number);
                Outcome::Over(CloseMode::Orderly)
            }
        }
    }

    /// PRELOGIN, which clients of TDS 7.0 and 7.1 may leave out, and LOGIN7.
    async fn exchange(&mut self) -> Result<Outcome, Failure> {
        let may_be_first = |kind| matches!(kind, PacketType::PRELOGIN | PacketType::LOGIN7 | PacketType::LEGACY_LOGIN);
        let first = self.read(may_be_first, 17836).await?;
        if first.kind == PacketType::LEGACY_LOGIN {
            return self.refuse_dialect(&first.payload).await;
        }
        if first.kind == PacketType::LOGIN7 {
            return self.decide(&first.payload).await;
        }
        let prelogin = Prelogin::decode(&first.payload).map_err(|_| Failure::Malformed(17828))?;
        // TLS is not spoken here yet.
        let reply = prelogin.reply(session::BUILD, Encryption::NotSupported);
        let reply = reply.encode().map_err(|_| Failure::Malformed(17828))?;
        self.connection.write_message(PacketType::REPLY, &reply).await?;
        if self.shared.config.close == CloseMode::Unread {
            let payload = self.peek_login().await?;
            let outcome = self.decide(&payload).await?;
            if matches!(outcome, Outcome::Session(..)) {
                // A session reads on behind its login.
                self.read(|kind| kind == PacketType::LOGIN7, 17832).await?;
            }
            return Ok(outcome);
        }
        let second = self.read(|kind| kind == PacketType::LOGIN7, 17832).await?;
        self.decide(&second.payload).await
    }

    /// A login of TDS 4.2 or 5.0 is told in its own words that nobody speaks them.
    async fn refuse_dialect(&mut self, payload: &[u8]) -> Result<Outcome, Failure> {
        let login = LegacyLogin::decode(payload).map_err(|_| Failure::Malformed(17832))?;
        let reply = login.refusal(&features::unsupported(&login));
        self.connection.write_message(PacketType::REPLY, &reply).await?;
        self.shared.observer.update(|counts| counts.malformed += 1);
        Ok(Outcome::Over(self.shared.config.close))
    }

    async fn read(&mut self, accepts: impl Fn(PacketType) -> bool, number: u32) -> Result<Message, Failure> {
        match self.connection.read_message_of(Login7::MAX_LEN, accepts).await {
            Ok(Some(message)) => Ok(message),
            Ok(None) | Err(wire::Error::CutShort | wire::Error::Io(_)) => Err(Failure::Gone),
            Err(wire::Error::Malformed(_)) => Err(Failure::Malformed(number)),
        }
    }

    /// The login as it lies in the kernel's buffer, where it is left for the close to find. What does not come in one
    /// piece is no login for this mode.
    async fn peek_login(&self) -> Result<Vec<u8>, Failure> {
        // On the heap: an array would be a part of every connection's task.
        let mut room = vec![0; 4096];
        let seen = self.connection.stream().peek(&mut room).await.map_err(|_| Failure::Gone)?;
        let bytes = room.get(..seen).unwrap_or_default();
        let header = bytes.first_chunk::<HEADER_LEN>().map(|header| Header::decode(*header)).ok_or(Failure::Gone)?;
        let payload = bytes.get(HEADER_LEN..usize::from(header.length)).ok_or(Failure::Malformed(17832))?;
        Ok(payload.to_vec())
    }

    /// Whether the login is good, and the answer.
    async fn decide(&mut self, payload: &[u8]) -> Result<Outcome, Failure> {
        let login = Login7::decode(payload).map_err(|_| Failure::Malformed(17832))?;
        let version = TdsVersion::negotiate(login.tds_version, false).ok_or(Failure::Malformed(17832))?;
        let by_kind = features::refused_by_kind(&login).and_then(|(number, state)| LoginError::new(number, state));
        if let Some(refusal) = by_kind.map(|error| error.refusal(&login)).or_else(|| self.check(&login)) {
            return self.refuse(&refusal, version, self.shared.config.close).await;
        }
        match self.fault(&Stage::Login(&login)) {
            (Action::Refuse(refusal), mode) => return self.refuse(&refusal, version, mode).await,
            (Action::End, mode) => return Ok(Outcome::Over(mode)),
            (Action::Ignore, _) => return Ok(Outcome::Silence),
            (Action::Proceed, _) => {}
        }
        let session = Session::new(&login, self.connection.spid());
        let packet_size = session::packet_size(login.packet_size);
        let tokens = session::welcome(&login, &session, version, packet_size);
        self.connection.write_message(PacketType::REPLY, &Token::encode_all(&tokens, version)).await?;
        // From the next message on [MS-TDS 2.2.7.9].
        self.connection.set_packet_size(packet_size);
        self.shared.observer.update(|counts| counts.logins_good += 1);
        Ok(Outcome::Session(session, version))
    }

    /// Whether these are the credentials that are accepted; without any, all are.
    fn check(&self, login: &Login7) -> Option<Refusal> {
        let accepted = self.shared.config.login.as_ref()?;
        let state = if login.user.to_lowercase() != accepted.user.to_lowercase() {
            5
        } else if !login.password.is(&accepted.password) {
            8
        } else {
            return None;
        };
        LoginError::new(LoginError::LOGIN_FAILED, Some(state)).map(|error| error.refusal(login))
    }

    /// One message with ERROR and DONE, in one write; the close follows at once.
    ///
    /// Where the server is to close first, it must: a client that is woken by the answer and closes before the server has
    /// the processor again would close first, and have TIME_WAIT on its own side. So the answer is corked, and leaves
    /// together with the FIN.
    async fn refuse(&mut self, refusal: &Refusal, version: TdsVersion, mode: CloseMode) -> Result<Outcome, Failure> {
        self.shared.observer.refused(refusal.number, refusal.state);
        tracing::debug!(number = refusal.number, state = refusal.state, "login refused");
        self.log_refusal(refusal);
        if matches!(mode, CloseMode::Orderly | CloseMode::Shutdown) {
            // It fails on no socket that is open; without it the answer just leaves a little earlier.
            let _ = SockRef::from(self.connection.stream()).set_tcp_cork(true);
        }
        let tokens = [Token::Error(refusal.message(SERVER)), Token::Done(Done::of(Done::ERROR))];
        self.connection.write_message(PacketType::REPLY, &Token::encode_all(&tokens, version)).await?;
        Ok(Outcome::Over(mode))
    }

    /// The first fault that has something to do, and how the connection is to end after it.
    fn fault(&self, stage: &Stage<'_>) -> (Action, CloseMode) {
        for (place, spec) in self.shared.config.faults.iter().enumerate() {
            let action = spec.act(stage, self.dice, place);
            if action != Action::Proceed {
                return (action, spec.end.map_or(self.shared.config.close, CloseMode::from));
            }
        }
        (Action::Proceed, self.shared.config.close)
    }

    fn log_refusal(&self, refusal: &Refusal) {
        let Some(log) = &self.shared.log else { return };
        let failure = LoginFailure {
            number: refusal.number,
            class: refusal.class,
            state: refusal.state,
            text: refusal.text.clone(),
            client: self.client,
        };
        let mut entry = failure.lines(Audience::ErrorLog, now());
        if self.shared.config.failure_audit {
            entry.push_str(&failure.lines(Audience::FailureAudit, now()));
        }
        log.enter(entry);
    }

    fn log_network_failure(&self, number: u32) {
        if let (Some(log), Some(error)) = (&self.shared.log, server_error(number)) {
            log.enter(network_failure(number, &error.text("", "", SERVER), self.client, now()));
        }
    }
}

/// Why a login got no answer.
enum Failure {
    /// The client has gone.
    Gone,
    /// It sent what SQL Server gives up on with this error.
    Malformed(u32),
}

impl From<wire::Error> for Failure {
    fn from(_: wire::Error) -> Self {
        // Only writes come here: the client has gone.
        Self::Gone
    }
}

#[expect(clippy::disallowed_methods, reason = "the error log's lines carry wall time, as SQL Server's do")]
fn now() -> Stamp {
    Stamp(SystemTime::now())
}
