//! ERROR and INFO: what the server has to say, one form for both [MS-TDS 2.2.7.10, 2.2.7.13].

use super::super::reader::Reader;
use super::super::text::{put_b_varchar, put_us_varchar};
use super::super::{Error, TdsVersion};
use super::put_sized;

/// The body of an ERROR or INFO token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// The message's number, such as 18456.
    pub number: i32,
    /// The state; for 18456 always 1, the true one is in the error log.
    pub state: u8,
    /// The class (severity); above 10 it is an error, from 20 on it ends the connection.
    pub class: u8,
    /// The text.
    pub text: String,
    /// The server's name.
    pub server: String,
    /// The stored procedure, if any.
    pub procedure: String,
    /// The line in the batch; two bytes before TDS 7.2.
    pub line: u32,
}

impl ServerMessage {
    pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, Error> {
        let length = reader.u16()?;
        let mut body = reader.part(usize::from(length), "ERROR or INFO")?;
        let message = Self {
            number: body.i32()?,
            state: body.u8()?,
            class: body.u8()?,
            text: body.us_varchar()?,
            server: body.b_varchar()?,
            procedure: body.b_varchar()?,
            line: if version.has_wide_tokens() { body.u32()? } else { u32::from(body.u16()?) },
        };
        body.end()?;
        Ok(message)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>, version: TdsVersion) {
        put_sized(out, |out| {
            out.extend_from_slice(&self.number.to_le_bytes());
            out.extend_from_slice(&[self.state, self.class]);
            // A text has at most 2,047 characters in SQL Server, so that the whole fits into two bytes of length.
            put_us_varchar(out, &self.text, 2047);
            put_b_varchar(out, &self.server);
            put_b_varchar(out, &self.procedure);
            if version.has_wide_tokens() {
                out.extend_from_slice(&self.line.to_le_bytes());
            } else {
                out.extend_from_slice(&u16::try_from(self.line).unwrap_or(u16::MAX).to_le_bytes());
            }
        });
    }
}
