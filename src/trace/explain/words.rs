//! Messages and tokens in words. A password is not among them.

use crate::record::{Side, TraceMessage};
use crate::tds::{Done, Encryption, EnvChange, LegacyLogin, Login7, PacketType, Prelogin, SqlBatch, TdsVersion, Token};

/// Tokens of one reply that are told.
const MOST_TOKENS: usize = 200;

fn message(name: impl Into<String>, text: impl Into<String>, encrypted: bool) -> TraceMessage {
    TraceMessage { name: name.into(), text: text.into(), encrypted }
}

/// A client's message; with a login, the version of what is said from then on.
pub(super) fn of_client(kind: PacketType, payload: &[u8], encrypted: bool) -> (Vec<TraceMessage>, Option<TdsVersion>) {
    let mut version = None;
    let text = match kind {
        PacketType::PRELOGIN => match Prelogin::decode(payload) {
            Ok(asked) => asks(asked.encryption()).to_owned(),
            Err(error) => error.to_string(),
        },
        PacketType::LOGIN7 => match Login7::decode(payload) {
            Ok(login) => {
                version = TdsVersion::negotiate(login.tds_version, true);
                let mut text = format!("user '{}', application '{}'", login.user, login.app_name);
                if !login.database.is_empty() {
                    text.push_str(&format!(", database '{}'", login.database));
                }
                text
            }
            Err(error) => error.to_string(),
        },
        PacketType::LEGACY_LOGIN => match LegacyLogin::decode(payload) {
            Ok(_) => "TDS 4.2 or 5.0".to_owned(),
            Err(error) => error.to_string(),
        },
        PacketType::SQL_BATCH => SqlBatch::decode(payload, TdsVersion::V7_4).map(|batch| batch.sql).unwrap_or_default(),
        _ => String::new(),
    };
    (vec![message(name(kind, Side::Client, false), text, encrypted)], version)
}

/// What a client asks for in PRELOGIN.
const fn asks(encryption: Option<Encryption>) -> &'static str {
    match encryption {
        None | Some(Encryption::NotSupported) => "no encryption",
        Some(Encryption::Off) => "encryption of the login",
        Some(Encryption::On) => "encryption",
        Some(Encryption::Required) => "encryption required",
    }
}

/// The answer to PRELOGIN.
pub(super) fn of_prelogin_reply(payload: &[u8], encrypted: bool) -> Vec<TraceMessage> {
    let text = match Prelogin::decode(payload) {
        Ok(answer) => asks(answer.encryption()).to_owned(),
        Err(error) => error.to_string(),
    };
    vec![message(name(PacketType::REPLY, Side::Server, true), text, encrypted)]
}

/// A reply, or as much of it as has come: its tokens but those that were told already, and how many are told by now.
pub(super) fn of_reply(
    kind: PacketType,
    payload: &[u8],
    told: usize,
    whole: bool,
    version: TdsVersion,
    encrypted: bool,
) -> (Vec<TraceMessage>, usize) {
    if kind != PacketType::REPLY {
        let text = format!("{} bytes", payload.len());
        return (
            vec![message(name(kind, Side::Server, false), text, encrypted)].into_iter().filter(|_| whole).collect(),
            0,
        );
    }
    let (tokens, error) = Token::decode_some(payload, version);
    let count = tokens.len();
    let mut messages: Vec<TraceMessage> =
        tokens.iter().skip(told).take(MOST_TOKENS).map(|token| of_token(token, encrypted)).collect();
    if whole && payload.is_empty() {
        messages.push(message("REPLY", "empty", encrypted));
    }
    if let Some(error) = error.filter(|_| whole) {
        messages.push(message("REPLY", format!("cannot be read: {error}"), encrypted));
    }
    (messages, count)
}

fn of_token(token: &Token, encrypted: bool) -> TraceMessage {
    let (name, text) = match token {
        Token::Error(error) => (format!("ERROR {}", error.number), error.text.clone()),
        Token::Info(info) => (format!("INFO {}", info.number), info.text.clone()),
        Token::EnvChange(change) => ("ENVCHANGE".to_owned(), changed(change)),
        Token::LoginAck(ack) => ("LOGINACK".to_owned(), ack.program.trim_end_matches('\0').to_owned()),
        Token::FeatureExtAck(features) => ("FEATUREEXTACK".to_owned(), format!("{} features", features.len())),
        Token::ColMetadata(columns) | Token::KeyedColMetadata(columns) => {
            ("COLMETADATA".to_owned(), format!("{} columns", columns.len()))
        }
        Token::Row(_) => ("ROW".to_owned(), String::new()),
        Token::ReturnStatus(status) => ("RETURNSTATUS".to_owned(), status.to_string()),
        Token::ReturnValue(_) => ("RETURNVALUE".to_owned(), String::new()),
        Token::Done(done) => ("DONE".to_owned(), status(done)),
        Token::DoneProc(done) => ("DONEPROC".to_owned(), status(done)),
        Token::DoneInProc(done) => ("DONEINPROC".to_owned(), status(done)),
    };
    message(name, text, encrypted)
}

fn status(done: &Done) -> String {
    let bits = [(Done::ERROR, "error"), (Done::MORE, "more follows"), (Done::ATTENTION, "attention")];
    let mut words: Vec<String> =
        bits.iter().filter(|(bit, _)| done.status & bit != 0).map(|(_, word)| (*word).to_owned()).collect();
    if done.status & Done::COUNT != 0 {
        words.push(format!("{} rows", done.rows));
    }
    words.join(", ")
}

fn changed(change: &EnvChange) -> String {
    match change {
        EnvChange::Database(change) => format!("database {}", change.new),
        EnvChange::Language(change) => format!("language {}", change.new),
        EnvChange::CharacterSet(change) => format!("character set {}", change.new),
        EnvChange::PacketSize(change) => format!("packet size {}", change.new),
        EnvChange::Collation(_) => "collation".to_owned(),
        EnvChange::TransactionBegun(_) => "transaction begun".to_owned(),
        EnvChange::TransactionCommitted(_) => "transaction committed".to_owned(),
        EnvChange::TransactionRolledBack(_) => "transaction rolled back".to_owned(),
        EnvChange::Reset => "session reset".to_owned(),
        EnvChange::Routing { server, port } => format!("routing to {server}:{port}"),
    }
}

/// A message that goes on in a later frame, or never.
pub(super) fn part(
    kind: PacketType,
    side: Side,
    is_prelogin: bool,
    so_far: usize,
    whole: Option<usize>,
    encrypted: bool,
) -> TraceMessage {
    let text = match whole {
        Some(whole) => format!("{so_far} of {whole} bytes so far"),
        None => format!("{so_far} bytes so far"),
    };
    message(format!("part of {}", name(kind, side, is_prelogin)), text, encrypted)
}

fn name(kind: PacketType, side: Side, is_prelogin: bool) -> String {
    match (kind, side) {
        (PacketType::PRELOGIN, _) => "PRELOGIN",
        (PacketType::LOGIN7, _) => "LOGIN7",
        (PacketType::LEGACY_LOGIN, _) => "LOGIN",
        (PacketType::SQL_BATCH, _) => "SQL batch",
        (PacketType::RPC, _) => "RPC",
        (PacketType::ATTENTION, _) => "ATTENTION",
        (PacketType::TRANSACTION, _) => "transaction request",
        (PacketType::REPLY, Side::Server) if is_prelogin => "PRELOGIN reply",
        (PacketType::REPLY, _) => "REPLY",
        (PacketType(other), _) => return format!("packet type {other:#04x}"),
    }
    .to_owned()
}
