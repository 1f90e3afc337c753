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
    columns
        .iter()
        .map(|column| match column.kind {
            ColumnType::SmallInt | ColumnType::Int => match reader.u8()? {
                0 => Ok(Value::Null),
                2 => reader.array().map(|bytes| Value::SmallInt(i16::from_le_bytes(bytes))),
                4 => reader.i32().map(Value::Int),
                other => Err(Error::Unknown { what: "INTN length", value: u32::from(other) }),
            },
            ColumnType::NVarChar(_) => match reader.u16()? {
                TEXT_NULL => Ok(Value::Null),
                length if length % 2 == 0 => reader.utf16(usize::from(length / 2)).map(Value::Text),
                _ => Err(Error::Outside("NVARCHAR")),
            },
        })
        .collect()
}

/// Each value goes by its column's type; a value of another type is sent as NULL.
pub(super) fn encode(columns: &[Column], values: &[Value], out: &mut Vec<u8>) {
    for (at, column) in columns.iter().enumerate() {
        match (column.kind, values.get(at)) {
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
            (ColumnType::SmallInt | ColumnType::Int, _) => out.push(0),
        }
    }
}
