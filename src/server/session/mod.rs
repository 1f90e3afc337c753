//! A session: from the login's answer until the client closes.

mod prepared;
mod state;

pub(super) use state::Session;

use super::answers::{self, batch, error};
use super::rpc;
use crate::tds::{
    COLLATION, Change, Done, EnvChange, Feature, Header, Login7, LoginAck, MAX_PACKET, Message, PacketType, Rpc,
    ServerMessage, SqlBatch, TdsVersion, Token, TransactionRequest,
};
use crate::wire::Error;

/// The build of SQL Server 2022 RTM: what PRELOGIN and LOGINACK say.
pub(super) const BUILD: [u8; 6] = [16, 0, 0x03, 0xE8, 0, 0];

/// The packet size of who asks for none.
const DEFAULT_PACKET: u32 = 4096;

/// The packet size for a client that asked for `asked` [MS-TDS 2.2.6.4].
pub(super) fn packet_size(asked: u32) -> usize {
    let asked = if asked == 0 { DEFAULT_PACKET } else { asked };
    usize::try_from(asked).unwrap_or(MAX_PACKET).clamp(512, MAX_PACKET)
}

/// The answer to a good login, in SQL Server's own order.
pub(super) fn welcome(login: &Login7, session: &Session, version: TdsVersion, packet_size: usize) -> Vec<Token> {
    let database = &session.database;
    let language = &session.language;
    let change = |new: &str, old: &str| Change { new: new.to_owned(), old: old.to_owned() };
    let info = |number, state, text| Token::Info(ServerMessage { state, class: 0, ..error(number, 0, state, text) });
    let mut tokens = vec![
        Token::EnvChange(EnvChange::Database(change(database, "master"))),
        info(5701, 2, format!("Changed database context to '{database}'.")),
    ];
    if version.has_collations() {
        tokens.push(Token::EnvChange(EnvChange::Collation(COLLATION)));
    } else {
        // What a client of TDS 7.0 is told instead; jTDS does not go on without it.
        tokens.push(Token::EnvChange(EnvChange::CharacterSet(change("iso_1", ""))));
    }
    tokens.push(Token::EnvChange(EnvChange::Language(change(language, ""))));
    tokens.push(info(5703, 1, format!("Changed language setting to {language}.")));
    let [major, minor, build_high, build_low, ..] = BUILD;
    tokens.push(Token::LoginAck(LoginAck {
        tds_version: version,
        program: "Microsoft SQL Server".to_owned(),
        program_version: [major, minor, build_high, build_low],
    }));
    if !login.features.is_empty() {
        tokens.push(Token::FeatureExtAck(login.features.iter().filter_map(Feature::acknowledged).collect()));
    }
    let size = packet_size.to_string();
    tokens.push(Token::EnvChange(EnvChange::PacketSize(change(&size, &DEFAULT_PACKET.to_string()))));
    tokens.push(Token::Done(Done::of(Done::FINAL)));
    tokens
}

/// The answer to a request: the last token is a DONE or a DONEPROC, always.
///
/// # Errors
/// When the message is no request.
pub(super) fn reply(message: &Message, version: TdsVersion, session: &mut Session) -> Result<Vec<Token>, Error> {
    let fresh = message.status & Header::RESET != 0 && message.kind != PacketType::ATTENTION;
    if fresh {
        session.reset();
    }
    let mut tokens = match message.kind {
        PacketType::SQL_BATCH => batch(&SqlBatch::decode(&message.payload, version)?.sql, session),
        PacketType::RPC => match Rpc::decode(&message.payload, version) {
            Ok(calls) => rpc::answer(&calls, session),
            // The message has its end, so the session can go on, as SQL Server's does.
            Err(malformed) => failed(not_a_call(malformed)),
        },
        PacketType::ATTENTION => vec![Token::Done(Done::of(Done::ATTENTION))],
        PacketType::TRANSACTION => transaction(TransactionRequest::decode(&message.payload, version)?, session),
        // No INSERT BULK was ever answered well, so nobody is asked for rows.
        PacketType::BULK_LOAD => failed(not_expected()),
        other => {
            let (what, value) = ("packet type", u32::from(other.0));
            return Err(crate::tds::Error::Unknown { what, value }.into());
        }
    };
    if fresh {
        tokens.insert(0, Token::EnvChange(EnvChange::Reset));
    }
    if !version.has_wide_tokens() {
        // Before TDS 7.2 a client knows no descriptors of transactions.
        tokens.retain(|token| !matches!(token, Token::EnvChange(change) if change.is_of_a_transaction()));
    }
    if session.keyed {
        tokens = tokens.into_iter().map(keyed).collect();
    }
    Ok(tokens)
}

/// Columns as a connection with column encryption has them.
fn keyed(token: Token) -> Token {
    match token {
        Token::ColMetadata(columns) => Token::KeyedColMetadata(columns),
        other => other,
    }
}

fn failed(message: ServerMessage) -> Vec<Token> {
    vec![Token::Error(message), Token::Done(Done::of(Done::ERROR))]
}

fn not_expected() -> ServerMessage {
    let text = "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly.";
    answers::error(4002, 16, 1, text.to_owned())
}

/// What a call is told that does not read.
fn not_a_call(malformed: crate::tds::Error) -> ServerMessage {
    use crate::tds::Error::{TooMany, Unknown};
    let stream = "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect.";
    match malformed {
        Unknown { what: "data type", value } => {
            answers::error(8009, 16, 1, format!("{stream} Data type {value:#04X} is unknown."))
        }
        TooMany { what, most } => {
            let text = format!("The incoming request has too many {what}. The server supports a maximum of {most}.");
            answers::error(8003, 16, 1, text)
        }
        _ => not_expected(),
    }
}

fn transaction(request: TransactionRequest, session: &mut Session) -> Vec<Token> {
    let changes = match request {
        TransactionRequest::Begin => [session.begin(), None],
        TransactionRequest::Commit { begin } => [session.commit(), begin.then(|| session.begin()).flatten()],
        TransactionRequest::Rollback { begin } => [session.roll_back(), begin.then(|| session.begin()).flatten()],
        TransactionRequest::Other(kind) => {
            let text = format!("The transaction manager request {kind} is not supported.");
            return failed(answers::error(8501, 16, 3, text));
        }
    };
    let mut tokens: Vec<Token> = changes.into_iter().flatten().map(Token::EnvChange).collect();
    tokens.push(Token::Done(Done::of(Done::FINAL)));
    tokens
}

#[cfg(test)]
mod tests;
