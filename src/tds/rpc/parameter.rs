//! One parameter of a call: name, flags, type, value, and how it is encrypted.

use super::super::reader::{Reader, utf16};
use super::super::text::{put_b_varchar, put_utf16};
use super::super::{COLLATION, Error, TdsVersion};
use super::{TypeInfo, value};

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name with its at sign; empty when it goes by its place.
    pub name: String,
    /// Status flags, such as [`Parameter::OUTPUT`].
    pub flags: u8,
    /// Its type.
    pub kind: TypeInfo,
    /// Its value's bytes, without the length; none is NULL.
    pub value: Option<Vec<u8>>,
    /// How the value is encrypted (ParamCipherInfo), as it came.
    pub cipher: Vec<u8>,
}

impl Parameter {
    /// fByRefValue: the caller wants it back.
    pub const OUTPUT: u8 = 0x01;
    /// fEncrypted: the value is a cipher text, and ParamCipherInfo follows it.
    const ENCRYPTED: u8 = 0x08;

    /// A parameter without a name, of INTN.
    #[must_use]
    pub fn int(value: Option<i32>) -> Self {
        let value = value.map(|value| value.to_le_bytes().to_vec());
        Self { name: String::new(), flags: 0, kind: TypeInfo::int(), value, cipher: Vec::new() }
    }

    /// A parameter without a name, of NVARCHAR(4000); a longer text is cut.
    #[must_use]
    pub fn text(text: &str, version: TdsVersion) -> Self {
        let mut value = Vec::with_capacity(text.len() * 2);
        put_utf16(&mut value, text);
        value.truncate(8000);
        let collation = version.has_collations().then_some(COLLATION);
        let kind = TypeInfo::nvarchar(8000, collation);
        Self { name: String::new(), flags: 0, kind, value: Some(value), cipher: Vec::new() }
    }

    /// Its value as a number, when it is of a type of whole numbers and not NULL.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        let bytes = self.value.as_deref().filter(|_| self.kind.is_integer())?;
        match *bytes {
            [byte] => Some(i64::from(byte)),
            [a, b] => Some(i64::from(i16::from_le_bytes([a, b]))),
            [a, b, c, d] => Some(i64::from(i32::from_le_bytes([a, b, c, d]))),
            _ => bytes.try_into().ok().map(i64::from_le_bytes),
        }
    }

    /// Its value as text, when it is of a character type and not NULL. Characters of one byte are taken for Latin-1.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        let bytes = self.value.as_deref()?;
        match self.kind.text_width()? {
            2 => Some(utf16(bytes)),
            _ => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, Error> {
        let (name, flags) = (reader.b_varchar()?, reader.u8()?);
        let kind = TypeInfo::decode(reader, version)?;
        let value = value::decode(reader, &kind, version)?;
        let cipher = if flags & Self::ENCRYPTED == 0 { Vec::new() } else { cipher(reader, version)? };
        Ok(Self { name, flags, kind, value, cipher })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_b_varchar(out, &self.name);
        out.push(self.flags);
        self.kind.encode(out);
        value::encode(out, &self.kind, self.value.as_deref());
        out.extend_from_slice(&self.cipher);
    }
}

/// ParamCipherInfo: the clear type, the algorithm (with a name if it is custom), the kind, the key, the normal form.
fn cipher(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Vec<u8>, Error> {
    reader.span(|reader| {
        TypeInfo::decode(reader, version)?;
        if reader.u8()? == 0 {
            reader.b_varchar()?;
        }
        let _kind = reader.u8()?;
        let _key: [u8; 4 + 4 + 4 + 8] = reader.array()?;
        let _normal_form = reader.u8()?;
        Ok(())
    })
}
