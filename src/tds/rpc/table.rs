//! Table-valued parameters [MS-TDS 2.2.5.5.5]: passed over correctly, since nothing here has a use for one.

use super::super::reader::Reader;
use super::super::{Error, TdsVersion};
use super::type_info::Form;
use super::{TypeInfo, value};

/// A table without columns (TVP_NULL_TOKEN), and the ends of its metadata and rows.
pub(super) const NULL: &[u8] = &[0xFF, 0xFF, 0x00, 0x00];

const NO_COLUMNS: u16 = 0xFFFF;
/// The most columns of a table in SQL Server.
const MAX_COLUMNS: u16 = 1024;
/// fDefault: the column is in no row.
const DEFAULT: u16 = 0x0200;
const END: u8 = 0x00;
const ROW: u8 = 0x01;
const ORDER_UNIQUE: u8 = 0x10;
const COLUMN_ORDERING: u8 = 0x11;

/// The bytes of a table, from its columns to its last row.
pub(super) fn span(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Vec<u8>, Error> {
    reader.span(|reader| {
        let columns = columns(reader, version)?;
        // What is known of the rows' order: counts, and so many entries of three or two bytes.
        loop {
            let entry = match reader.u8()? {
                END => break,
                ORDER_UNIQUE => 3,
                COLUMN_ORDERING => 2,
                other => return Err(Error::Unknown { what: "table token", value: u32::from(other) }),
            };
            let count = usize::from(reader.u16()?);
            reader.bytes(count * entry)?;
        }
        loop {
            match reader.u8()? {
                END => return Ok(()),
                // Without columns rows would be single bytes, and nothing to count them by.
                ROW if !columns.is_empty() => {
                    for column in &columns {
                        value::decode(reader, column, version)?;
                    }
                }
                other => return Err(Error::Unknown { what: "table token", value: u32::from(other) }),
            }
        }
    })
}

/// The types of the columns that rows have.
fn columns(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Vec<TypeInfo>, Error> {
    let mut columns = Vec::new();
    let count = match reader.u16()? {
        NO_COLUMNS => 0,
        many if many > MAX_COLUMNS => {
            return Err(Error::TooMany { what: "columns of a table", most: usize::from(MAX_COLUMNS) });
        }
        count => count,
    };
    for _ in 0..count {
        let _user_type = reader.u32()?;
        let flags = reader.u16()?;
        let kind = TypeInfo::decode(reader, version)?;
        if kind.form == Form::Table {
            return Err(Error::Outside("table in a table"));
        }
        reader.b_varchar()?;
        if flags & DEFAULT == 0 {
            columns.push(kind);
        }
    }
    Ok(columns)
}
