//! Tokens: what a server's reply is made of [MS-TDS 2.2.7], a file each.

mod col_metadata;
mod done;
mod env_change;
mod error;
mod login_ack;
mod return_value;
mod row;

pub use col_metadata::{Column, ColumnType};
pub use done::Done;
pub use env_change::{Change, EnvChange};
pub use error::ServerMessage;
pub use login_ack::LoginAck;
pub use return_value::ReturnValue;
pub use row::Value;

use super::reader::Reader;
use super::{Error, Feature, TdsVersion};

/// SQL_Latin1_General_CP1_CI_AS, the collation of a US English server [MS-TDS 2.2.5.1.2].
pub const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// One token of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// ERROR (0xAA)
    Error(ServerMessage),
    /// INFO (0xAB)
    Info(ServerMessage),
    /// ENVCHANGE (0xE3)
    EnvChange(EnvChange),
    /// LOGINACK (0xAD)
    LoginAck(LoginAck),
    /// FEATUREEXTACK (0xAE)
    FeatureExtAck(Vec<Feature>),
    /// COLMETADATA (0x81)
    ColMetadata(Vec<Column>),
    /// COLMETADATA (0x81) as a connection with column encryption has it: with a table of keys, an empty one. Only
    /// the connection knows which form it has, so that this one is written and never read.
    KeyedColMetadata(Vec<Column>),
    /// ROW (0xD1), of the columns that came last.
    Row(Vec<Value>),
    /// RETURNSTATUS (0x79): what a procedure returned.
    ReturnStatus(i32),
    /// RETURNVALUE (0xAC)
    ReturnValue(ReturnValue),
    /// DONE (0xFD)
    Done(Done),
    /// DONEPROC (0xFE): a procedure is over.
    DoneProc(Done),
    /// DONEINPROC (0xFF): a statement of a procedure is over.
    DoneInProc(Done),
}

impl Token {
    /// Reads every token of a reply.
    ///
    /// # Errors
    /// When a token is unknown or ends too soon, or a row comes before its columns.
    pub fn decode_all(payload: &[u8], version: TdsVersion) -> Result<Vec<Self>, Error> {
        match Self::decode_some(payload, version) {
            (tokens, None) => Ok(tokens),
            (_, Some(error)) => Err(error),
        }
    }

    /// Reads the tokens of a reply up to the first that cannot be read, and says why that one cannot: of a reply that is
    /// cut off or spoilt, what is whole still tells something.
    #[must_use]
    pub fn decode_some(payload: &[u8], version: TdsVersion) -> (Vec<Self>, Option<Error>) {
        let mut reader = Reader::new(payload, "reply");
        let mut tokens = Vec::new();
        let mut columns = Vec::new();
        while !reader.is_empty() {
            match Self::decode(&mut reader, &mut columns, version) {
                Ok(token) => tokens.push(token),
                Err(error) => return (tokens, Some(error)),
            }
        }
        (tokens, None)
    }

    /// Reads one token; `columns` are those that came last.
    fn decode(reader: &mut Reader<'_>, columns: &mut Vec<Column>, version: TdsVersion) -> Result<Self, Error> {
        Ok(match reader.u8()? {
            0xAA => Self::Error(ServerMessage::decode(reader, version)?),
            0xAB => Self::Info(ServerMessage::decode(reader, version)?),
            0xE3 => Self::EnvChange(EnvChange::decode(reader)?),
            0xAD => Self::LoginAck(LoginAck::decode(reader)?),
            0xAE => Self::FeatureExtAck(Feature::decode_all(reader)?),
            0x81 => {
                *columns = col_metadata::decode(reader, version)?;
                Self::ColMetadata(columns.clone())
            }
            0xD1 if columns.is_empty() => return Err(Error::Outside("ROW before COLMETADATA")),
            0xD1 => Self::Row(row::decode(reader, columns)?),
            0x79 => Self::ReturnStatus(reader.i32()?),
            0xAC => Self::ReturnValue(ReturnValue::decode(reader, version)?),
            0xFD => Self::Done(Done::decode(reader, version)?),
            0xFE => Self::DoneProc(Done::decode(reader, version)?),
            0xFF => Self::DoneInProc(Done::decode(reader, version)?),
            other => return Err(Error::Unknown { what: "token", value: u32::from(other) }),
        })
    }

    /// The bytes of a reply; rows are written by the columns before them.
    #[must_use]
    pub fn encode_all(tokens: &[Self], version: TdsVersion) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let mut columns: &[Column] = &[];
        for token in tokens {
            match token {
                Self::Error(message) => put(&mut out, 0xAA, |out| message.encode(out, version)),
                Self::Info(message) => put(&mut out, 0xAB, |out| message.encode(out, version)),
                Self::EnvChange(change) => put(&mut out, 0xE3, |out| change.encode(out)),
                Self::LoginAck(ack) => put(&mut out, 0xAD, |out| ack.encode(out)),
                Self::FeatureExtAck(features) => put(&mut out, 0xAE, |out| Feature::encode_all(features, out)),
                Self::ColMetadata(described) | Self::KeyedColMetadata(described) => {
                    columns = described;
                    let keyed = matches!(token, Self::KeyedColMetadata(_));
                    put(&mut out, 0x81, |out| col_metadata::encode(described, keyed, out, version));
                }
                Self::Row(values) => put(&mut out, 0xD1, |out| row::encode(columns, values, out)),
                Self::ReturnStatus(status) => put(&mut out, 0x79, |out| out.extend_from_slice(&status.to_le_bytes())),
                Self::ReturnValue(value) => put(&mut out, 0xAC, |out| value.encode(out, version)),
                Self::Done(done) => put(&mut out, 0xFD, |out| done.encode(out, version)),
                Self::DoneProc(done) => put(&mut out, 0xFE, |out| done.encode(out, version)),
                Self::DoneInProc(done) => put(&mut out, 0xFF, |out| done.encode(out, version)),
            }
        }
        out
    }
}

fn put(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    body(out);
}

/// Appends what `body` writes behind its length in two bytes; bodies are bounded far below 64 KiB by their texts.
fn put_sized(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    body(out);
    let length = u16::try_from(out.len() - at - 2).unwrap_or(u16::MAX);
    out[at..at + 2].copy_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests;
