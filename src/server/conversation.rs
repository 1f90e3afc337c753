//! One connection, from accept to its end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answers::SERVER;
use super::logbook::Logbook;
use super::session::Session;
use super::{CloseMode, Config, Observer, ending, features, session};
use crate::fault::{
    Action, Dialect, Dice, LoginError, LoginStage, Refusal, Script, Stage, Step, Struck, Then, ask, server_error,
};
use crate::tds::{
    Encryption, HEADER_LEN, Header, LegacyLogin, Login7, Message, PacketType, Prelogin, TdsVersion, Token,
};
use crate::wire::{self, Audience, Connection, LoginFailure, Stamp, network_failure};

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) observer: Observer,
    pub(super) log: Option<Logbook>,
    /// When the server began to listen.
    pub(super) started: tokio::time::Instant,
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
    let Ok(address) = stream.local_addr() else { return };
    let dice = Dice::new(shared.config.seed, number);
    let mut talk = Talk {
        connection: Connection::new(stream, spid),
        struck: Struck::decide(&shared.config.faults, number, shared.started.elapsed(), dice),
        address,
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
    struck: Struck,
    /// This end's address.
    address: SocketAddr,
    client: IpAddr,
    shared: &'a Shared,
}

impl Talk<'_> {
    async fn login(&mut self) -> Outcome {
        if let Some((script, mode)) = self.fault(&Stage::Accepted) {
            if script.steps.is_empty() && script.then == Then::End && mode == CloseMode::Unread {
                // There must be something to leave unread.
                let _ = self.connection.stream().readable().await;
            }
            return self.play(script, mode).await;
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
        let stage = self.stage(&login, version);
        let by_kind = features::refused_by_kind(&login).and_then(|(number, state)| LoginError::new(number, state));
        if let Some(refusal) = by_kind.map(|error| error.refusal(&login)).or_else(|| self.check(&login)) {
            return Ok(self.play(stage.dialect.refuse(vec![refusal]), self.shared.config.close).await);
        }
        if let Some((script, mode)) = self.fault(&Stage::Login(&stage)) {
            return Ok(self.play(script, mode).await);
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

    /// How this login's client is spoken with.
    fn stage<'b>(&self, login: &'b Login7, version: TdsVersion) -> LoginStage<'b> {
        let packet_size = 4096;
        let dialect = Dialect { version, spid: self.connection.spid(), packet_size, server: SERVER };
        LoginStage { login, dialect, address: self.address }
    }

    /// What a fault sends in place of a good reply; a refusal in one write, and the close at once behind it.
    ///
    /// Where the server is to close first, it must: a client that is woken by the answer and closes before the server has
    /// the processor again would close first, and have TIME_WAIT on its own side. So the answer is corked, and leaves
    /// together with the FIN.
    async fn play(&mut self, script: Script, mode: CloseMode) -> Outcome {
        for refusal in &script.refusals {
            self.shared.observer.refused(refusal.number, refusal.state);
            tracing::debug!(number = refusal.number, state = refusal.state, "login refused");
            self.log_refusal(refusal);
        }
        let at_once = script.then == Then::End && matches!(script.steps.as_slice(), [Step::Send(_)]);
        if at_once && matches!(mode, CloseMode::Orderly | CloseMode::Shutdown) {
            // It fails on no socket that is open; without it the answer just leaves a little earlier.
            let _ = SockRef::from(self.connection.stream()).set_tcp_cork(true);
        }
        for step in &script.steps {
            if self.step(step).await.is_err() {
                return Outcome::Gone;
            }
        }
        match script.then {
            Then::End => Outcome::Over(mode),
            Then::Silence | Then::Proceed => Outcome::Silence,
        }
    }

    async fn step(&self, step: &Step) -> std::io::Result<()> {
        match step {
            Step::Send(bytes) => self.send(bytes).await,
            Step::Repeat { bytes, every } => loop {
                self.send(bytes).await?;
                tokio::time::sleep(every.0).await;
            },
            Step::Wait(span) => {
                tokio::time::sleep(span.0).await;
                Ok(())
            }
            // They want the good reply's bytes, which nobody has here.
            Step::Whole | Step::Half | Step::Drip(_) => Ok(()),
        }
    }

    /// Bytes that are packets already.
    async fn send(&self, mut bytes: &[u8]) -> std::io::Result<()> {
        let stream = self.connection.stream();
        while !bytes.is_empty() {
            stream.writable().await?;
            match stream.try_write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The first fault that has something to do, and how the connection is to end after it.
    fn fault(&self, stage: &Stage<'_>) -> Option<(Script, CloseMode)> {
        let asked = ask(&self.shared.config.faults, self.struck, stage);
        let end = asked.by.and_then(|spec| spec.end());
        let mode = end.map_or(self.shared.config.close, CloseMode::from);
        match asked.action {
            Action::Instead(script) => Some((script, mode)),
            Action::Proceed | Action::Delay(_) | Action::Encrypt(_) | Action::Present(_) => None,
        }
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
