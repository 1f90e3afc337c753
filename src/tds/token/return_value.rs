//! RETURNVALUE: what an output parameter has become [MS-TDS 2.2.7.18].

use super::super::reader::Reader;
use super::super::text::put_b_varchar;
use super::super::{Error, TdsVersion};
use super::col_metadata::{NULLABLE, put_user_type, user_type};
use super::{ColumnType, Value, row};

/// An output parameter after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnValue {
    /// Which parameter of the call, from 0.
    pub ordinal: u16,
    /// Its name, with its at sign; empty when the call named none.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Its value.
    pub value: Value,
}

impl ReturnValue {
    /// The status of a parameter; a function's own value would be 2.
    const PARAMETER: u8 = 1;

    pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, Error> {
        let (ordinal, name) = (reader.u16()?, reader.b_varchar()?);
        let _status = reader.u8()?;
        user_type(reader, version)?;
        let _flags = reader.u16()?;
        let kind = ColumnType::decode(reader, version)?;
        Ok(Self { ordinal, name, kind, value: row::value(reader, kind)? })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>, version: TdsVersion) {
        out.extend_from_slice(&self.ordinal.to_le_bytes());
        put_b_varchar(out, &self.name);
        out.push(Self::PARAMETER);
        put_user_type(out, version);
        out.extend_from_slice(&NULLABLE.to_le_bytes());
        self.kind.encode(out, version);
        row::put_value(out, self.kind, Some(&self.value));
    }
}
