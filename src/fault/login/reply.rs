//! The bytes of answers to a login that no good server gives.

use super::super::dice::mix;
use super::super::{Action, Dialect, LoginStage, Refusal, Script, Stage, Step, script};
use super::LoginError;
use crate::tds::{
    Done, EnvChange, HEADER_LEN, Header, LoginAck, MAX_PACKET, PacketType, ServerMessage, TdsVersion, Token, packets,
};
use crate::units::{HostPort, Span};

/// The pause between two INFO tokens of `login-info-forever`.
pub(super) const INFOS: Span = Span::from_millis(100);

/// The script of this stage, if it is the login's.
pub(super) fn at_login(stage: &Stage<'_>, how: impl FnOnce(&LoginStage<'_>) -> Script) -> Action {
    match stage {
        Stage::Login(login) => how(login).into(),
        _ => Action::Proceed,
    }
}

/// 18456, as it is usual; every broken answer is one to a wrong password.
fn wrong_password(login: &LoginStage<'_>) -> Vec<Refusal> {
    refusal(login, LoginError::LOGIN_FAILED, None)
}

fn refusal(login: &LoginStage<'_>, number: u32, state: Option<u8>) -> Vec<Refusal> {
    LoginError::new(number, state).map(|error| error.refusal(login.login)).into_iter().collect()
}

/// ERROR and DONE of 18456 as bytes, and where DONE begins.
fn refused(login: &LoginStage<'_>) -> (Vec<Refusal>, Vec<u8>, usize) {
    let refusals = wrong_password(login);
    let tokens = script::refused(&refusals, login.dialect.server);
    let errors = tokens.len() - 1;
    let done_at = Token::encode_all(&tokens[..errors], login.dialect.version).len();
    (refusals, Token::encode_all(&tokens, login.dialect.version), done_at)
}

/// The first `keep` bytes of a refusal in a message that is ended properly; `keep` is asked with DONE's place.
fn shortened(login: &LoginStage<'_>, keep: impl FnOnce(usize) -> usize) -> Script {
    let (refusals, bytes, done_at) = refused(login);
    Script::send(login.dialect.packets(&bytes[..keep(done_at).min(bytes.len())])).refusing(refusals)
}

pub(super) fn both_errors(login: &LoginStage<'_>) -> Script {
    let mut refusals = refusal(login, 4060, None);
    // State 38: the database that was asked for could not be opened.
    refusals.extend(refusal(login, LoginError::LOGIN_FAILED, Some(38)));
    login.dialect.refuse(refusals)
}

pub(super) fn no_done(login: &LoginStage<'_>) -> Script {
    shortened(login, |done_at| done_at)
}

pub(super) fn short_done(login: &LoginStage<'_>) -> Script {
    // The token, its status, and half of its command.
    shortened(login, |done_at| done_at + 4)
}

pub(super) fn cut(login: &LoginStage<'_>) -> Script {
    shortened(login, |done_at| done_at / 2)
}

pub(super) fn done_only(login: &LoginStage<'_>) -> Script {
    Script::send(login.dialect.reply(&[Token::Done(Done::of(Done::ERROR))]))
}

pub(super) fn empty(login: &LoginStage<'_>) -> Script {
    Script::send(login.dialect.packets(&[]))
}

pub(super) fn cut_packet(login: &LoginStage<'_>) -> Script {
    let (refusals, bytes, _) = refused(login);
    let mut packet = packets(PacketType::REPLY, login.dialect.spid, MAX_PACKET, &bytes);
    packet.truncate(HEADER_LEN + bytes.len() / 2);
    Script::send(packet).refusing(refusals)
}

pub(super) fn no_eom(login: &LoginStage<'_>) -> Script {
    let (refusals, bytes, _) = refused(login);
    Script::send(unended(&login.dialect, &bytes)).refusing(refusals)
}

/// One packet that says that more will follow.
fn unended(dialect: &Dialect<'_>, payload: &[u8]) -> Vec<u8> {
    // One packet whatever the negotiated size: a refusal and an INFO are far below the largest.
    let mut packet = packets(PacketType::REPLY, dialect.spid, MAX_PACKET, payload);
    if let Some(status) = packet.get_mut(1) {
        *status &= !Header::END;
    }
    packet
}

pub(super) fn garbage(login: &LoginStage<'_>) -> Script {
    // Fixed, so that every run meets the same; that they are no tokens, a test holds.
    let bytes: Vec<u8> = (0..8).flat_map(|at| mix(mix(18456) ^ at).to_le_bytes()).collect();
    Script::send(login.dialect.packets(&bytes))
}

pub(super) fn bad_type(login: &LoginStage<'_>) -> Script {
    let (refusals, bytes, _) = refused(login);
    let Dialect { spid, packet_size, .. } = login.dialect;
    Script::send(packets(PacketType::SQL_BATCH, spid, packet_size, &bytes)).refusing(refusals)
}

pub(super) fn split(login: &LoginStage<'_>) -> Script {
    let (refusals, bytes, _) = refused(login);
    // A length and a character have two bytes each: every one is cut.
    Script::send(packets(PacketType::REPLY, login.dialect.spid, HEADER_LEN + 1, &bytes)).refusing(refusals)
}

pub(super) fn info_forever(login: &LoginStage<'_>, every: Span) -> Script {
    let info = ServerMessage {
        number: 5701,
        state: 2,
        class: 0,
        text: "Changed database context to 'master'.".to_owned(),
        server: login.dialect.server.to_owned(),
        procedure: String::new(),
        line: 1,
    };
    let payload = Token::encode_all(&[Token::Info(info)], login.dialect.version);
    Script::step(Step::Repeat { bytes: unended(&login.dialect, &payload), every })
}

/// LOGINACK, as a SQL Server 2022.
fn ack(version: TdsVersion) -> Token {
    let program = "Microsoft SQL Server".to_owned();
    Token::LoginAck(LoginAck { tds_version: version, program, program_version: [16, 0, 0x03, 0xE8] })
}

pub(super) fn error_then_ack(login: &LoginStage<'_>) -> Script {
    let refusals = wrong_password(login);
    let errors = refusals.iter().map(|refusal| Token::Error(refusal.message(login.dialect.server)));
    let good = [ack(login.dialect.version), Token::Done(Done::of(Done::FINAL))];
    let tokens: Vec<Token> = errors.chain(good).collect();
    Script::send(login.dialect.reply(&tokens)).refusing(refusals)
}

pub(super) fn route(login: &LoginStage<'_>, to: Option<&HostPort>) -> Script {
    let (host, port) = match to {
        Some(to) => (to.host.clone(), to.port),
        None => (login.address.ip().to_string(), login.address.port()),
    };
    let routing = Token::EnvChange(EnvChange::Routing { server: host, port });
    let tokens = [ack(login.dialect.version), routing, Token::Done(Done::of(Done::FINAL))];
    Script::send(login.dialect.reply(&tokens))
}
