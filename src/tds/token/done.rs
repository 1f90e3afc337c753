//! DONE: a statement, or the whole request, is over [MS-TDS 2.2.7.6].

use super::super::reader::Reader;
use super::super::{Error, TdsVersion};

/// The body of a DONE token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Status bits, such as [`Done::ERROR`].
    pub status: u16,
    /// The statement's kind; [`Done::SELECT`] for a query.
    pub command: u16,
    /// How many rows, if `status` has [`Done::COUNT`]; four bytes before TDS 7.2.
    pub rows: u64,
}

impl Done {
    /// Nothing more follows, and nothing went wrong.
    pub const FINAL: u16 = 0x00;
    /// The request has more results.
    pub const MORE: u16 = 0x01;
    /// The request failed.
    pub const ERROR: u16 = 0x02;
    /// `rows` counts.
    pub const COUNT: u16 = 0x10;
    /// The answer to an attention.
    pub const ATTENTION: u16 = 0x20;
    /// The command of a SELECT.
    pub const SELECT: u16 = 0xC1;

    /// A DONE of `status` alone.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        Self { status, command: 0, rows: 0 }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, Error> {
        let (status, command) = (reader.u16()?, reader.u16()?);
        let rows = if version.has_wide_tokens() { reader.u64()? } else { u64::from(reader.u32()?) };
        Ok(Self { status, command, rows })
    }

    pub(super) fn encode(self, out: &mut Vec<u8>, version: TdsVersion) {
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&self.command.to_le_bytes());
        if version.has_wide_tokens() {
            out.extend_from_slice(&self.rows.to_le_bytes());
        } else {
            out.extend_from_slice(&u32::try_from(self.rows).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
}
