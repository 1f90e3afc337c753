//! Whether a login is good, and what it is told.

use tokio::io::AsyncReadExt as _;

use super::answers::SERVER;
use super::conversation::{Stop, Talk, Wire};
use super::opening::{Opening, Protection};
use super::performance::cork;
use super::session::{self, Session};
use super::{CloseMode, features};
use crate::fault::{Action, Dialect, LoginError, LoginStage, Refusal, Stage, Step, Then};
use crate::tds::{Done, HEADER_LEN, Header, LegacyLogin, Login7, PacketType, TdsVersion, Token};
use crate::wire::{Deed, LoginEnd, MessageKind, Party};

/// A login as it came.
pub(super) struct Arrived {
    payload: Vec<u8>,
    /// So many bytes of it lie in the kernel's buffer still, where the close is to find them.
    unread: usize,
}

impl Talk {
    /// The login's bytes.
    pub(super) async fn login(&self, wire: &mut Wire, opening: Opening) -> Result<Arrived, Stop> {
        if opening == Opening::Legacy {
            return Err(self.refuse_legacy(wire).await?);
        }
        if self.config().close == CloseMode::Unread
            && let Some(payload) = self.peek_login(wire).await?
        {
            return Ok(Arrived { unread: HEADER_LEN + payload.len(), payload });
        }
        let login = self.read(wire, PacketType::LOGIN7, 17832).await?;
        if opening == Opening::Agreed(Protection::Login) {
            // From here on in clear, the answer to the login first [MS-TDS 2.2.6.5].
            wire.stream_mut().leave_tls();
        }
        Ok(Arrived { payload: login.payload, unread: 0 })
    }

    /// Decides on a login, and answers it.
    pub(super) async fn decide(
        &self,
        wire: &mut Wire,
        arrived: &Arrived,
        opening: Opening,
    ) -> Result<(Session, TdsVersion), Stop> {
        let login = Login7::decode(&arrived.payload).map_err(|_| Stop::Malformed(17832))?;
        let strict = opening == Opening::Agreed(Protection::Strict);
        let version = TdsVersion::negotiate(login.tds_version, strict).ok_or(Stop::Malformed(17832))?;
        wire.scribe().explain(|| {
            let Login7 { user, database, app_name, library, .. } = &login;
            format!("user '{user}', database '{database}', application '{app_name}', library '{library}', {version:?}")
        });
        if let Some(refusal) = self.check(&login) {
            return Err(self.refuse(wire, &refusal, version).await?);
        }
        let session = Session::new(&login, wire.spid());
        let packet_size = session::packet_size(login.packet_size);
        let welcome = || Token::encode_all(&session::welcome(&login, &session, version, packet_size), version);
        let dialect = Dialect { version, spid: wire.spid(), packet_size: wire.packet_size(), server: SERVER };
        let stage = LoginStage { login: &login, dialect, address: self.server };
        let (action, mode) = self.consult(wire, &Stage::Login(&stage)).await?;
        if !matches!(&action, Action::Instead(script) if script.then == Then::End) {
            // A session reads on behind its login, which was only looked at.
            let mut rest = vec![0; arrived.unread];
            wire.stream_mut().read_exact(&mut rest).await.map_err(|_| Stop::Gone)?;
        }
        let scribe = wire.scribe().clone();
        let accepted = || {
            scribe.change(|journal| journal.login = Some(LoginEnd::Accepted));
            self.observe(|counts| counts.logins_good += 1);
        };
        if let Action::Instead(script) = action {
            // Whoever hears the whole good answer is logged in, whatever comes then; of a drip that is the last byte.
            let drips = script.steps.iter().any(|step| matches!(step, Step::Drip(_)));
            if !drips && (script.then == Then::Proceed || script.steps.contains(&Step::Whole)) {
                accepted();
            }
            self.perform(wire, script, mode, || dialect.packets(&welcome())).await?;
            if drips {
                accepted();
            }
        } else {
            accepted();
            wire.write_message(PacketType::REPLY, &welcome()).await?;
            wire.scribe().explain(|| "LOGINACK".to_owned());
        }
        // From the next message on [MS-TDS 2.2.7.9].
        wire.set_packet_size(packet_size);
        Ok((session, version))
    }

    /// Why these are not the credentials that are accepted; without any, all are.
    fn check(&self, login: &Login7) -> Option<Refusal> {
        if let Some((number, state)) = features::refused_by_kind(login) {
            return LoginError::new(number, state).map(|error| error.refusal(login));
        }
        let accepted = self.config().login.as_ref()?;
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
    async fn refuse(&self, wire: &mut Wire, refusal: &Refusal, version: TdsVersion) -> Result<Stop, Stop> {
        let tokens = [Token::Error(refusal.message(SERVER)), Token::Done(Done::of(Done::ERROR))];
        self.answer_refused(wire, refusal, &Token::encode_all(&tokens, version)).await
    }

    /// A login of TDS 4.2 or 5.0, which SQL Server does not speak: refused in words that its client understands.
    async fn refuse_legacy(&self, wire: &mut Wire) -> Result<Stop, Stop> {
        let message = self.read_up_to(wire, PacketType::LEGACY_LOGIN, LegacyLogin::MAX_LEN, 17832).await?;
        let login = LegacyLogin::decode(&message.payload).map_err(|_| Stop::Malformed(17832))?;
        let refusal = features::unsupported(&login);
        self.answer_refused(wire, &refusal, &login.refusal(&refusal.message(SERVER))).await
    }

    async fn answer_refused(&self, wire: &mut Wire, refusal: &Refusal, reply: &[u8]) -> Result<Stop, Stop> {
        let mode = self.config().close;
        self.refused(wire.scribe(), std::slice::from_ref(refusal));
        cork(wire, mode);
        wire.write_message(PacketType::REPLY, reply).await?;
        wire.scribe().explain(|| format!("ERROR {}", refusal.number));
        Ok(Stop::Over(mode))
    }

    /// The login as it lies in the kernel's buffer, where it is left for the close to find; none where it cannot lie
    /// there: under TLS, when it was read along with PRELOGIN, or when it does not come in one piece.
    async fn peek_login(&self, wire: &Wire) -> Result<Option<Vec<u8>>, Stop> {
        if wire.stream().is_tls() || wire.claims().is_some() {
            return Ok(None);
        }
        // On the heap: an array would be a part of every connection's task.
        let mut room = vec![0; 4096];
        let seen = self.in_time(wire.stream().socket().peek(&mut room)).await?;
        let seen = seen.map_err(|_| {
            wire.scribe().note(Party::Client, || Deed::Rst);
            Stop::Gone
        })?;
        let bytes = room.get(..seen).unwrap_or_default();
        let header = bytes.first_chunk::<HEADER_LEN>().map(|header| Header::decode(*header));
        let Some(header) = header.filter(|header| header.kind == PacketType::LOGIN7 && header.ends_message()) else {
            return Ok(None);
        };
        let Some(payload) = bytes.get(HEADER_LEN..usize::from(header.length)) else { return Ok(None) };
        let (kind, length) = (MessageKind::Login7, payload.len());
        wire.scribe().note(Party::Client, || Deed::Message { kind, length, text: String::new() });
        Ok(Some(payload.to_vec()))
    }
}
