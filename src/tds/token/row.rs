//! ROW: one row of a result [MS-TDS 2.2.7.19].

use super::super::Error;
use super::super::reader::Reader;
use super::super::text::put_utf16;
use super::{Column, ColumnType};

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// Of a [`ColumnType::TinyInt`].
    TinyInt(u8),
    /// Of a [`ColumnType::SmallInt`].
    SmallInt(i16),
    /// Of a [`ColumnType::Int`].
    Int(i32),
    /// Of a [`ColumnType::NVarChar`].
    Text(String),
}

/// CHARBIN_NULL: the length of an NVARCHAR that is NULL.
const TEXT_NULL: u16 = 0xFFFF;

pub(super) fn decode(reader: &mut Reader<'_>, columns: &[Column]) -> Result<Vec<Value>, Error> {
    columns.iter().map(|column| value(reader, column.kind)).collect()
}

/// One value of this type.
pub(super) fn value(reader: &mut Reader<'_>, kind: ColumnType) -> Result<Value, Error> {
    match kind {
        ColumnType::TinyInt | ColumnType::SmallInt | ColumnType::Int => match reader.u8()? {
            0 => Ok(Value::Null),
            1 => reader.u8().map(Value::TinyInt),
            2 => reader.array().map(|bytes| Value::SmallInt(i16::from_le_bytes(bytes))),
            4 => reader.i32().map(Value::Int),
            other => Err(Error::Unknown { what: "INTN length", value: u32::from(other) }),
        },
        ColumnType::Numeric => match reader.u8()? {
            0 => Ok(Value::Null),
            other => Err(Error::Unknown { what: "NUMERICN length", value: u32::from(other) }),
        },
        ColumnType::NVarChar(_) => match reader.u16()? {
            TEXT_NULL => Ok(Value::Null),
            length if length % 2 == 0 => reader.utf16(usize::from(length / 2)).map(Value::Text),
            _ => Err(Error::Outside("NVARCHAR")),
        },
    }
}

/// Each value goes by its column's type; a value of another type is sent as NULL.
pub(super) fn encode(columns: &[Column], values: &[Value], out: &mut Vec<u8>) {
    for (at, column) in columns.iter().enumerate() {
        put_value(out, column.kind, values.get(at));
    }
}

pub(super) fn put_value(out: &mut Vec<u8>, kind: ColumnType, value: Option<&Value>) {
    match (kind, value) {
        (ColumnType::TinyInt, Some(Value::TinyInt(value))) => out.extend_from_slice(&[1, *value]),
        (ColumnType::SmallInt, Some(Value::SmallInt(value))) => {
            out.push(2);
            out.extend_from_slice(&value.to_le_bytes());
        }
        (ColumnType::Int, Some(Value::Int(value))) => {
            out.push(4);
            out.extend_from_slice(&value.to_le_bytes());
        }
        (ColumnType::NVarChar(max), Some(Value::Text(text))) => {
            let at = out.len();
            out.extend_from_slice(&[0; 2]);
            put_utf16(out, text);
            out.truncate(at + 2 + usize::from(max & !1));
            let length = u16::try_from(out.len() - at - 2).unwrap_or(max);
            out[at..at + 2].copy_from_slice(&length.to_le_bytes());
        }
        (ColumnType::NVarChar(_), _) => out.extend_from_slice(&TEXT_NULL.to_le_bytes()),
        (ColumnType::TinyInt | ColumnType::SmallInt | ColumnType::Int | ColumnType::Numeric, _) => out.push(0),
    }
}
