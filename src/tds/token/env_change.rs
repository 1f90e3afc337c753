//! ENVCHANGE: what changed for the session [MS-TDS 2.2.7.9].

use super::super::Error;
use super::super::reader::Reader;
use super::super::text::{put_b_varchar, put_us_varchar};
use super::put_sized;

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvChange {
    /// The database, by text.
    Database(Change),
    /// The language, by text.
    Language(Change),
    /// The character set, by its name; TDS 7.0 and before.
    CharacterSet(Change),
    /// The packet size, as decimal text.
    PacketSize(Change),
    /// The collation, of five bytes.
    Collation([u8; 5]),
    /// A transaction began; its descriptor.
    TransactionBegun([u8; 8]),
    /// A transaction was committed; its descriptor.
    TransactionCommitted([u8; 8]),
    /// A transaction was rolled back; its descriptor.
    TransactionRolledBack([u8; 8]),
    /// The session was reset as its request asked.
    Reset,
    /// Another server is to be asked instead, over TCP.
    Routing {
        /// Its name or address, at most 1,024 characters.
        server: String,
        /// Its port.
        port: u16,
    },
}

/// A text value, new and old; each at most 255 code units.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The value from now on.
    pub new: String,
    /// The value until now.
    pub old: String,
}

impl EnvChange {
    /// Whether it carries a transaction's descriptor, which came with TDS 7.2.
    #[must_use]
    pub const fn is_of_a_transaction(&self) -> bool {
        matches!(self, Self::TransactionBegun(_) | Self::TransactionCommitted(_) | Self::TransactionRolledBack(_))
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let length = reader.u16()?;
        let mut body = reader.part(usize::from(length), "ENVCHANGE")?;
        let change = match body.u8()? {
            1 => Self::Database(Change::decode(&mut body)?),
            2 => Self::Language(Change::decode(&mut body)?),
            3 => Self::CharacterSet(Change::decode(&mut body)?),
            4 => Self::PacketSize(Change::decode(&mut body)?),
            7 => Self::Collation(binary(&mut body, true)?),
            8 => Self::TransactionBegun(binary(&mut body, true)?),
            9 => Self::TransactionCommitted(binary(&mut body, false)?),
            10 => Self::TransactionRolledBack(binary(&mut body, false)?),
            18 => {
                body.array::<2>()?;
                Self::Reset
            }
            20 => Self::routing(&mut body)?,
            other => return Err(Error::Unknown { what: "ENVCHANGE", value: u32::from(other) }),
        };
        body.end()?;
        Ok(change)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_sized(out, |out| match self {
            Self::Database(change) => change.encode(out, 1),
            Self::Language(change) => change.encode(out, 2),
            Self::CharacterSet(change) => change.encode(out, 3),
            Self::PacketSize(change) => change.encode(out, 4),
            Self::Collation(value) => put_binary(out, 7, value, &[]),
            Self::TransactionBegun(value) => put_binary(out, 8, value, &[]),
            Self::TransactionCommitted(value) => put_binary(out, 9, &[], value),
            Self::TransactionRolledBack(value) => put_binary(out, 10, &[], value),
            Self::Reset => put_binary(out, 18, &[], &[]),
            Self::Routing { server, port } => {
                out.push(20);
                // The value has a length of its own, of two bytes, and so has the old one, which is empty.
                put_sized(out, |out| {
                    out.push(TCP);
                    out.extend_from_slice(&port.to_le_bytes());
                    put_us_varchar(out, server, 1024);
                });
                out.extend_from_slice(&[0; 2]);
            }
        });
    }

    fn routing(body: &mut Reader<'_>) -> Result<Self, Error> {
        let length = body.u16()?;
        let mut value = body.part(usize::from(length), "routing")?;
        match value.u8()? {
            TCP => {}
            other => return Err(Error::Unknown { what: "routing protocol", value: u32::from(other) }),
        }
        let (port, server) = (value.u16()?, value.us_varchar()?);
        value.end()?;
        match body.u16()? {
            0 => Ok(Self::Routing { server, port }),
            _ => Err(Error::Outside("routing")),
        }
    }
}

/// The only protocol of a routing.
const TCP: u8 = 0;

impl Change {
    fn decode(body: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { new: body.b_varchar()?, old: body.b_varchar()? })
    }

    fn encode(&self, out: &mut Vec<u8>, kind: u8) {
        out.push(kind);
        put_b_varchar(out, &self.new);
        put_b_varchar(out, &self.old);
    }
}

/// The new and the old value as B_VARBYTE; the other of the two is passed over.
fn binary<const N: usize>(body: &mut Reader<'_>, is_new: bool) -> Result<[u8; N], Error> {
    let length = body.u8()?;
    let new = body.bytes(usize::from(length))?;
    let length = body.u8()?;
    let old = body.bytes(usize::from(length))?;
    let value = if is_new { new } else { old };
    value.try_into().map_err(|_| Error::Outside("ENVCHANGE value"))
}

/// Both values have at most eight bytes here.
fn put_binary(out: &mut Vec<u8>, kind: u8, new: &[u8], old: &[u8]) {
    out.push(kind);
    for value in [new, old] {
        out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(value);
    }
}
