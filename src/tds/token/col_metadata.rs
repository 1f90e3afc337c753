//! COLMETADATA: the columns of a result [MS-TDS 2.2.7.4], in the few types that this server sends.

use super::super::reader::Reader;
use super::super::text::put_b_varchar;
use super::super::{Error, TdsVersion};

/// A column's type [MS-TDS 2.2.5.4].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// INTN of one byte.
    TinyInt,
    /// INTN of two bytes.
    SmallInt,
    /// INTN of four bytes.
    Int,
    /// NUMERICN(38, 0), of which only NULL is ever sent.
    Numeric,
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

/// INTNTYPE, NUMERICNTYPE and NVARCHARTYPE [MS-TDS 2.2.5.4.2, 2.2.5.4.3].
const INTN: u8 = 0x26;
const NUMERICN: u8 = 0x6C;
const NVARCHAR: u8 = 0xE7;
/// The length, precision and scale of NUMERIC(38, 0).
const NUMERIC_38: [u8; 3] = [17, 38, 0];
/// fNullable: every column of ours may be NULL, since INTN is the nullable form.
pub(super) const NULLABLE: u16 = 0x01;

impl ColumnType {
    pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, Error> {
        match reader.u8()? {
            INTN => match reader.u8()? {
                1 => Ok(Self::TinyInt),
                2 => Ok(Self::SmallInt),
                4 => Ok(Self::Int),
                other => Err(Error::Unknown { what: "INTN width", value: u32::from(other) }),
            },
            NUMERICN if reader.array()? == NUMERIC_38 => Ok(Self::Numeric),
            NVARCHAR => {
                let max = reader.u16()?;
                reader.bytes(if version.has_collations() { 5 } else { 0 })?;
                Ok(Self::NVarChar(max))
            }
            other => Err(Error::Unknown { what: "column type", value: u32::from(other) }),
        }
    }

    pub(super) fn encode(self, out: &mut Vec<u8>, version: TdsVersion) {
        match self {
            Self::TinyInt => out.extend_from_slice(&[INTN, 1]),
            Self::SmallInt => out.extend_from_slice(&[INTN, 2]),
            Self::Int => out.extend_from_slice(&[INTN, 4]),
            Self::Numeric => {
                out.push(NUMERICN);
                out.extend_from_slice(&NUMERIC_38);
            }
            Self::NVarChar(max) => {
                out.push(NVARCHAR);
                out.extend_from_slice(&max.to_le_bytes());
                if version.has_collations() {
                    out.extend_from_slice(&super::COLLATION);
                }
            }
        }
    }
}

pub(super) fn user_type(reader: &mut Reader<'_>, version: TdsVersion) -> Result<(), Error> {
    reader.bytes(if version.has_wide_tokens() { 4 } else { 2 }).map(drop)
}

pub(super) fn put_user_type(out: &mut Vec<u8>, version: TdsVersion) {
    out.extend_from_slice(if version.has_wide_tokens() { &[0; 4] } else { &[0; 2] });
}

pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Vec<Column>, Error> {
    let count = reader.u16()?;
    // 0xFFFF is "no metadata"; no column at all is never sent.
    if count == u16::MAX {
        return Err(Error::Unknown { what: "COLMETADATA count", value: u32::from(count) });
    }
    let mut columns = Vec::new();
    for _ in 0..count {
        user_type(reader, version)?;
        let _flags = reader.u16()?;
        let kind = ColumnType::decode(reader, version)?;
        columns.push(Column { name: reader.b_varchar()?, kind });
    }
    Ok(columns)
}

/// `keyed` is whether the connection has column encryption: then a table of keys stands before the columns, an empty
/// one, since no column of ours is encrypted.
pub(super) fn encode(columns: &[Column], keyed: bool, out: &mut Vec<u8>, version: TdsVersion) {
    out.extend_from_slice(&u16::try_from(columns.len()).unwrap_or(u16::MAX).to_le_bytes());
    if keyed {
        out.extend_from_slice(&[0; 2]);
    }
    for column in columns {
        put_user_type(out, version);
        out.extend_from_slice(&NULLABLE.to_le_bytes());
        column.kind.encode(out, version);
        put_b_varchar(out, &column.name);
    }
}
