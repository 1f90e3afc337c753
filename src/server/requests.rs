//! A session: requests and their answers, until the client closes or a fault ends it.

use super::answers::SERVER;
use super::conversation::{Stop, Talk, Wire};
use super::session::{self, Session};
use crate::fault::{Dialect, Stage};
use crate::tds::{Message, PacketType, Parameter, Rpc, SqlBatch, TdsVersion, Token};
use crate::wire;

/// What stands in statements with a password.
const SECRETS: &[&str] = &["password", "pwd", "secret", "sp_addlogin", "approle"];

/// The longest request that is taken.
const REQUEST_LIMIT: usize = 1024 * 1024;

impl Talk {
    /// Answers requests. There is no limit in time: sessions lie idle in pools.
    pub(super) async fn serve(&self, wire: &mut Wire, mut session: Session, version: TdsVersion) -> Result<Stop, Stop> {
        let mut number = 0;
        while let Some(message) = wire.read_message_of(REQUEST_LIMIT, is_request).await.map_err(broken)? {
            // An attention belongs to the request before it.
            if message.kind != PacketType::ATTENTION {
                number += 1;
            }
            let dialect = Dialect { version, spid: wire.spid(), packet_size: wire.packet_size(), server: SERVER };
            wire.scribe().explain(|| said(&message, version));
            let tokens = session::reply(&message, version, &mut session).map_err(broken)?;
            let reply = Token::encode_all(&tokens, version);
            let stage = Stage::Request { number, dialect };
            if !self.faulted(wire, &stage, || dialect.packets(&reply)).await? {
                wire.write_message(PacketType::REPLY, &reply).await?;
            }
        }
        Ok(Stop::Gone)
    }
}

/// What a request says, for the journal: a batch's text, a call's procedures and the texts among their parameters. Never
/// one that may have a password in it, as SQL Server's own traces leave it out.
fn said(message: &Message, version: TdsVersion) -> String {
    let text = match message.kind {
        PacketType::SQL_BATCH => SqlBatch::decode(&message.payload, version).map(|batch| batch.sql).ok(),
        PacketType::RPC => Rpc::decode(&message.payload, version).ok().map(|rpc| {
            let texts = |parameters: &[Parameter]| parameters.iter().filter_map(Parameter::as_text).collect::<Vec<_>>();
            let calls = rpc
                .calls
                .iter()
                .map(|call| [vec![call.procedure.name().to_owned()], texts(&call.parameters)].concat().join(" "));
            calls.collect::<Vec<_>>().join("; ")
        }),
        _ => None,
    };
    let text = text.unwrap_or_default();
    let lower = text.to_lowercase();
    match SECRETS.iter().any(|secret| lower.contains(secret)) {
        true => "(a statement that may hold a password)".to_owned(),
        false => text,
    }
}

/// Whether a session may get messages of this type; what may not come is not waited for.
const fn is_request(kind: PacketType) -> bool {
    matches!(
        kind,
        PacketType::SQL_BATCH
            | PacketType::RPC
            | PacketType::ATTENTION
            | PacketType::BULK_LOAD
            | PacketType::TRANSACTION
    )
}

/// What is no request ends the session, as "a fatal error occurred while reading the input stream" does in SQL Server.
fn broken(error: wire::Error) -> Stop {
    match error {
        wire::Error::Malformed(_) => Stop::Malformed(4014),
        _ => Stop::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_told_by_its_text_and_never_with_a_password() {
        let said = |sql: &str| {
            let payload = SqlBatch { sql: sql.to_owned() }.encode(TdsVersion::V7_4);
            said(&Message { kind: PacketType::SQL_BATCH, status: 1, payload }, TdsVersion::V7_4)
        };
        assert_eq!(said("SELECT 1"), "SELECT 1");
        for sql in ["ALTER LOGIN x WITH PassWord = 'hunter2'", "EXEC sp_addlogin 'x', 'hunter2'"] {
            assert_eq!(said(sql), "(a statement that may hold a password)", "{sql}");
        }
    }
}
