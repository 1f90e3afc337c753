//! A session: requests and their answers, until the client closes or a fault ends it.

use super::answers::SERVER;
use super::conversation::{Stop, Talk, Wire};
use super::session::{self, Session};
use crate::fault::{Dialect, Stage};
use crate::tds::{PacketType, TdsVersion, Token};
use crate::wire;

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
