//! COLMETADATA: the columns of a result [MS-TDS 2.2.7.4], in the three types that this server sends.

use super::super::reader::Reader;
use super::super::text::put_b_varchar;
use super::super::{Error, TdsVersion};

/// A column's type [MS-TDS 2.2.5.4].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// INTN of two bytes.
    SmallInt,
    /// INTN of four bytes.
    Int,
    /// NVARCHAR of so many bytes at the most.
    NVarChar(u16),
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; empty for an expression.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// INTNTYPE and NVARCHARTYPE [MS-TDS 2.2.5.4.2, 2.2.5.4.3].
const INTN: u8 = 0x26;
const NVARCHAR: u8 = 0xE7;
/// fNullable: every column of ours may be NULL, since INTN is the nullable form.
const NULLABLE: u16 = 0x01;

pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Vec<Column>, Error> {
    let count = reader.u16()?;
    // 0xFFFF is "no metadata"; no column at all is never sent.
    if count == u16::MAX {
        return Err(Error::Unknown { what: "COLMETADATA count", value: u32::from(count) });
    }
    let mut columns = Vec::new();
    for _ in 0..count {
        reader.bytes(if version.has_wide_tokens() { 4 } else { 2 })?;
        let _flags = reader.u16()?;
        let kind = match reader.u8()? {
            INTN => match reader.u8()? {
                2 => ColumnType::SmallInt,
                4 => ColumnType::Int,
                other => return Err(Error::Unknown { what: "INTN width", value: u32::from(other) }),
            },
            NVARCHAR => {
                let max = reader.u16()?;
                reader.bytes(if version.has_collations() { 5 } else { 0 })?;
                ColumnType::NVarChar(max)
            }
            other => return Err(Error::Unknown { what: "column type", value: u32::from(other) }),
        };
        columns.push(Column { name: reader.b_varchar()?, kind });
    }
    Ok(columns)
}

pub(super) fn encode(columns: &[Column], out: &mut Vec<u8>, version: TdsVersion) {
    out.extend_from_slice(&u16::try_from(columns.len()).unwrap_or(u16::MAX).to_le_bytes());
    for column in columns {
        out.extend_from_slice(if version.has_wide_tokens() { &[0; 4] } else { &[0; 2] });
        out.extend_from_slice(&NULLABLE.to_le_bytes());
        match column.kind {
            ColumnType::SmallInt => out.extend_from_slice(&[INTN, 2]),
            ColumnType::Int => out.extend_from_slice(&[INTN, 4]),
            ColumnType::NVarChar(max) => {
                out.push(NVARCHAR);
                out.extend_from_slice(&max.to_le_bytes());
                if version.has_collations() {
                    out.extend_from_slice(&super::COLLATION);
                }
            }
        }
        put_b_varchar(out, &column.name);
    }
}
