//! A session: from the login's answer until the client closes.

use tokio::io::{AsyncRead, AsyncWrite};

use super::answers::{self, batch, error, no_procedure};
use crate::tds::{
    COLLATION, Change, Done, EnvChange, Feature, Header, Login7, LoginAck, MAX_PACKET, Message, PacketType,
    ServerMessage, SqlBatch, TdsVersion, Token, TransactionRequest,
};
use crate::wire::{Connection, Error};

/// The longest request of a session that is taken.
const REQUEST_LIMIT: usize = 1024 * 1024;

/// The build of SQL Server 2022 RTM: what PRELOGIN and LOGINACK say.
pub(super) const BUILD: [u8; 6] = [16, 0, 0x03, 0xE8, 0, 0];

/// The packet size of who asks for none.
const DEFAULT_PACKET: u32 = 4096;

/// The descriptor of every transaction; nothing is ever done in one.
const TRANSACTION: [u8; 8] = [1, 0, 0, 0, 0, 0, 0, 0];

/// What a session remembers.
#[derive(Debug)]
pub(super) struct Session {
    /// Its id.
    pub(super) spid: u16,
    /// Its database.
    pub(super) database: String,
}

impl Session {
    /// The session of this login.
    pub(super) fn new(login: &Login7, spid: u16) -> Self {
        let database = if login.database.is_empty() { "master" } else { &login.database };
        Self { spid, database: database.to_owned() }
    }
}

/// The packet size for a client that asked for `asked` [MS-TDS 2.2.6.4].
pub(super) fn packet_size(asked: u32) -> usize {
    let asked = if asked == 0 { DEFAULT_PACKET } else { asked };
    usize::try_from(asked).unwrap_or(MAX_PACKET).clamp(512, MAX_PACKET)
}

/// The answer to a good login, in SQL Server's own order.
pub(super) fn welcome(login: &Login7, session: &Session, version: TdsVersion, packet_size: usize) -> Vec<Token> {
    let database = &session.database;
    let language = if login.language.is_empty() { "us_english" } else { &login.language };
    let change = |new: &str, old: &str| Change { new: new.to_owned(), old: old.to_owned() };
    let info = |number, state, text| Token::Info(ServerMessage { state, class: 0, ..error(number, 0, state, text) });
    let mut tokens = vec![
        Token::EnvChange(EnvChange::Database(change(database, "master"))),
        info(5701, 2, format!("Changed database context to '{database}'.")),
    ];
    if version.has_collations() {
        tokens.push(Token::EnvChange(EnvChange::Collation(COLLATION)));
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

/// Answers requests until the client closes.
///
/// # Errors
/// When the client sends what is no request, or the transport fails.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    mut session: Session,
    version: TdsVersion,
) -> Result<(), Error> {
    while let Some(message) = connection.read_message(REQUEST_LIMIT).await? {
        let tokens = reply(&message, version, &mut session)?;
        connection.write_message(PacketType::REPLY, &Token::encode_all(&tokens, version)).await?;
    }
    Ok(())
}

fn reply(message: &Message, version: TdsVersion, session: &mut Session) -> Result<Vec<Token>, Error> {
    let mut tokens = match message.kind {
        PacketType::SQL_BATCH => batch(&SqlBatch::decode(&message.payload, version)?.sql, session),
        PacketType::RPC => failed(no_procedure("remote procedure call")),
        PacketType::ATTENTION => vec![Token::Done(Done::of(Done::ATTENTION))],
        PacketType::TRANSACTION => transaction(TransactionRequest::decode(&message.payload, version)?),
        other => {
            let (what, value) = ("packet type", u32::from(other.0));
            return Err(crate::tds::Error::Unknown { what, value }.into());
        }
    };
    if message.status & Header::RESET != 0 {
        tokens.insert(0, Token::EnvChange(EnvChange::Reset));
    }
    Ok(tokens)
}

fn failed(message: ServerMessage) -> Vec<Token> {
    vec![Token::Error(message), Token::Done(Done::of(Done::ERROR))]
}

fn transaction(request: TransactionRequest) -> Vec<Token> {
    let begun = EnvChange::TransactionBegun(TRANSACTION);
    let mut changes = match request {
        TransactionRequest::Begin => vec![begun],
        TransactionRequest::Commit { begin } => {
            [Some(EnvChange::TransactionCommitted(TRANSACTION)), begin.then_some(begun)].into_iter().flatten().collect()
        }
        TransactionRequest::Rollback { begin } => {
            [Some(EnvChange::TransactionRolledBack(TRANSACTION)), begin.then_some(begun)]
                .into_iter()
                .flatten()
                .collect()
        }
        TransactionRequest::Other(kind) => {
            let text = format!("The transaction manager request {kind} is not supported.");
            return failed(answers::error(8501, 16, 3, text));
        }
    };
    let mut tokens: Vec<Token> = changes.drain(..).map(Token::EnvChange).collect();
    tokens.push(Token::Done(Done::of(Done::FINAL)));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_sizes_are_what_the_protocol_allows() {
        assert_eq!([0, 8000, 100, 70_000].map(packet_size), [4096, 8000, 512, 32_767]);
    }

    #[test]
    fn features_are_acknowledged_only_when_asked() {
        let is_ack = |token: &Token| matches!(token, Token::FeatureExtAck(_));
        let mut login = Login7::default();
        let session = Session::new(&login, 51);
        assert!(!welcome(&login, &session, TdsVersion::V7_4, 4096).iter().any(is_ack));
        login.features = vec![Feature { id: 1, data: Vec::new() }];
        let tokens = welcome(&login, &session, TdsVersion::V7_4, 4096);
        assert_eq!(tokens.iter().find(|token| is_ack(token)), Some(&Token::FeatureExtAck(Vec::new())));
    }

    #[test]
    fn an_attention_and_a_reset_are_answered() {
        let mut session = Session::new(&Login7::default(), 51);
        let mut ask = |kind, status| {
            reply(&Message { kind, status, payload: Vec::new() }, TdsVersion::V7_1, &mut session).unwrap()
        };
        assert_eq!(ask(PacketType::ATTENTION, 1), [Token::Done(Done::of(Done::ATTENTION))]);
        assert_eq!(ask(PacketType::SQL_BATCH, 0x09)[0], Token::EnvChange(EnvChange::Reset));
    }

    #[test]
    fn a_second_login_is_no_request() {
        let message = Message { kind: PacketType::LOGIN7, status: 1, payload: Vec::new() };
        let mut session = Session::new(&Login7::default(), 51);
        assert!(matches!(reply(&message, TdsVersion::V7_4, &mut session), Err(Error::Malformed(_))));
    }
}
