//! TYPE_INFO: a data type, and how long its values say they are [MS-TDS 2.2.5.4, 2.2.5.6].

use super::super::reader::Reader;
use super::super::{Error, TdsVersion};

/// A data type. What follows its number on the wire (length, precision, scale, collation, names) is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeInfo {
    /// Its number, such as 0x26 for INTN.
    pub id: u8,
    pub(super) form: Form,
    detail: Vec<u8>,
}

/// What stands before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing: every value has this length.
    Fixed(u8),
    /// A byte of length; 0 is NULL.
    Byte,
    /// Two bytes of length; 0xFFFF is NULL.
    Short,
    /// Four bytes of length; 0xFFFFFFFF is NULL.
    Long,
    /// Four bytes of length; 0 is NULL.
    Variant,
    /// Eight bytes of length, and chunks.
    Chunks,
    /// A table of its own.
    Table,
}

/// The length of a value that goes in chunks: (max).
const MAX: u16 = 0xFFFF;

impl TypeInfo {
    /// INTN of four bytes.
    #[must_use]
    pub fn int() -> Self {
        Self { id: 0x26, form: Form::Byte, detail: vec![4] }
    }

    /// NVARCHAR of so many bytes at the most; 0xFFFF is NVARCHAR(max). There is a collation since TDS 7.1.
    #[must_use]
    pub fn nvarchar(bytes: u16, collation: Option<[u8; 5]>) -> Self {
        let mut detail = bytes.to_le_bytes().to_vec();
        detail.extend(collation.into_iter().flatten());
        Self { id: 0xE7, form: if bytes == MAX { Form::Chunks } else { Form::Short }, detail }
    }

    pub(super) const fn is_integer(&self) -> bool {
        matches!(self.id, 0x26 | 0x30 | 0x34 | 0x38 | 0x7F)
    }

    /// The bytes of a character, if it is a character type.
    pub(super) const fn text_width(&self) -> Option<u8> {
        match self.id {
            0xE7 | 0xEF | 0x63 => Some(2),
            0xA7 | 0xAF | 0x23 | 0x27 | 0x2F => Some(1),
            _ => None,
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, Error> {
        let id = reader.u8()?;
        let mut form = Form::Byte;
        let detail = reader.span(|reader| {
            form = form_of(id, reader, version)?;
            Ok(())
        })?;
        Ok(Self { id, form, detail })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.id);
        out.extend_from_slice(&self.detail);
    }
}

/// Passes over what follows a type's number, and says how its values go.
fn form_of(id: u8, reader: &mut Reader<'_>, version: TdsVersion) -> Result<Form, Error> {
    let collation = if version.has_collations() { 5 } else { 0 };
    let short_or_max = |max| if max == MAX { Form::Chunks } else { Form::Short };
    Ok(match id {
        // NULL; one, two, four and eight bytes: integers, bit, dates, floats, money.
        0x1F => Form::Fixed(0),
        0x30 | 0x32 => Form::Fixed(1),
        0x34 => Form::Fixed(2),
        0x38 | 0x3A | 0x3B | 0x7A => Form::Fixed(4),
        0x3C | 0x3D | 0x3E | 0x7F => Form::Fixed(8),
        // GUID, INTN, BITN, FLTN, MONEYN, DATETIMN, and the short CHAR, VARCHAR, BINARY, VARBINARY: a length; TIMEN,
        // DATETIME2N, DATETIMEOFFSETN: a scale.
        0x24 | 0x26 | 0x68 | 0x6D | 0x6E | 0x6F | 0x2F | 0x27 | 0x2D | 0x25 | 0x29 | 0x2A | 0x2B => {
            reader.u8()?;
            Form::Byte
        }
        // DECIMAL, NUMERIC and their nullable forms: length, precision, scale.
        0x37 | 0x3F | 0x6A | 0x6C => {
            reader.array::<3>()?;
            Form::Byte
        }
        // DATEN
        0x28 => Form::Byte,
        // BIGBINARY; BIGVARBINARY
        0xAD => {
            reader.u16()?;
            Form::Short
        }
        0xA5 => short_or_max(reader.u16()?),
        // BIGCHAR, NCHAR; BIGVARCHAR, NVARCHAR
        0xAF | 0xEF => {
            reader.u16()?;
            reader.bytes(collation)?;
            Form::Short
        }
        0xA7 | 0xE7 => {
            let max = reader.u16()?;
            reader.bytes(collation)?;
            short_or_max(max)
        }
        // IMAGE; TEXT, NTEXT; SSVARIANT
        0x22 => {
            reader.u32()?;
            Form::Long
        }
        0x23 | 0x63 => {
            reader.u32()?;
            reader.bytes(collation)?;
            Form::Long
        }
        0x62 => {
            reader.u32()?;
            Form::Variant
        }
        // XML: the name of its schema, if it has one.
        0xF1 => {
            if reader.u8()? != 0 {
                reader.b_varchar()?;
                reader.b_varchar()?;
                reader.us_varchar()?;
            }
            Form::Chunks
        }
        // UDT and table: a name of three parts.
        0xF0 | 0xF3 => {
            for _ in 0..3 {
                reader.b_varchar()?;
            }
            if id == 0xF0 { Form::Chunks } else { Form::Table }
        }
        // JSON (0xF4) and VECTOR (0xF5) came after SQL Server 2022.
        other => return Err(Error::Unknown { what: "data type", value: u32::from(other) }),
    })
}
