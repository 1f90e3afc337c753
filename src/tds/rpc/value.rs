//! TYPE_VARBYTE: a value behind the length that its type has [MS-TDS 2.2.5.2.3].

use super::super::reader::Reader;
use super::super::{Error, TdsVersion};
use super::type_info::Form;
use super::{TypeInfo, table};

const SHORT_NULL: u16 = 0xFFFF;
const LONG_NULL: u32 = 0xFFFF_FFFF;
/// PLP_NULL and UNKNOWN_PLP_LEN: a value in chunks that is NULL, and one whose length is not said beforehand.
const CHUNKS_NULL: u64 = u64::MAX;
const CHUNKS_UNKNOWN: u64 = u64::MAX - 1;

/// The value's bytes; none is NULL. They are all in the message, so that a length that lies finds its end.
pub(super) fn decode(reader: &mut Reader<'_>, kind: &TypeInfo, version: TdsVersion) -> Result<Option<Vec<u8>>, Error> {
    let length = match kind.form {
        Form::Fixed(0) => None,
        Form::Fixed(length) => Some(usize::from(length)),
        Form::Byte => Some(reader.u8()?).filter(|length| *length != 0).map(usize::from),
        Form::Short => Some(reader.u16()?).filter(|length| *length != SHORT_NULL).map(usize::from),
        Form::Long => wide(Some(reader.u32()?).filter(|length| *length != LONG_NULL)),
        Form::Variant => wide(Some(reader.u32()?).filter(|length| *length != 0)),
        Form::Chunks => return chunks(reader),
        Form::Table => return table::span(reader, version).map(Some),
    };
    length.map(|length| reader.bytes(length).map(<[u8]>::to_vec)).transpose()
}

fn wide(length: Option<u32>) -> Option<usize> {
    length.map(|length| usize::try_from(length).unwrap_or(usize::MAX))
}

fn chunks(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Error> {
    let length = reader.u64()?;
    if length == CHUNKS_NULL {
        return Ok(None);
    }
    let mut value = Vec::new();
    loop {
        match reader.u32()? {
            0 => break,
            chunk => value.extend_from_slice(reader.bytes(usize::try_from(chunk).unwrap_or(usize::MAX))?),
        }
    }
    if length == CHUNKS_UNKNOWN || u64::try_from(value.len()) == Ok(length) {
        return Ok(Some(value));
    }
    Err(Error::Outside("value in chunks"))
}

/// Appends a value; one that is longer than its type's lengths can say is cut.
pub(super) fn encode(out: &mut Vec<u8>, kind: &TypeInfo, value: Option<&[u8]>) {
    let cut = |value: &[u8], most: usize| value[..value.len().min(most)].to_vec();
    match (kind.form, value) {
        (Form::Fixed(length), value) => {
            let mut fixed = value.unwrap_or_default().to_vec();
            fixed.resize(usize::from(length), 0);
            out.extend_from_slice(&fixed);
        }
        (Form::Byte, value) => {
            let value = cut(value.unwrap_or_default(), usize::from(u8::MAX));
            out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(&value);
        }
        (Form::Short, Some(value)) => {
            let value = cut(value, usize::from(SHORT_NULL - 1));
            out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(SHORT_NULL).to_le_bytes());
            out.extend_from_slice(&value);
        }
        (Form::Short, None) => out.extend_from_slice(&SHORT_NULL.to_le_bytes()),
        (Form::Long | Form::Variant, Some(value)) => {
            out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(LONG_NULL).to_le_bytes());
            out.extend_from_slice(value);
        }
        (Form::Long, None) => out.extend_from_slice(&LONG_NULL.to_le_bytes()),
        (Form::Variant, None) => out.extend_from_slice(&[0; 4]),
        (Form::Chunks, None) => out.extend_from_slice(&CHUNKS_NULL.to_le_bytes()),
        (Form::Chunks, Some(value)) => {
            out.extend_from_slice(&u64::try_from(value.len()).unwrap_or(CHUNKS_UNKNOWN).to_le_bytes());
            if !value.is_empty() {
                out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(LONG_NULL).to_le_bytes());
                out.extend_from_slice(value);
            }
            out.extend_from_slice(&[0; 4]);
        }
        (Form::Table, value) => out.extend_from_slice(value.unwrap_or(table::NULL)),
    }
}
