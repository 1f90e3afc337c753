//! LOGINACK: the login is accepted [MS-TDS 2.2.7.14].

use super::super::reader::Reader;
use super::super::text::put_b_varchar;
use super::super::{Error, TdsVersion};
use super::put_sized;

/// The body of a LOGINACK token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginAck {
    /// The TDS version from here on.
    pub tds_version: TdsVersion,
    /// The server's product; some drivers fail on anything but "Microsoft SQL Server".
    pub program: String,
    /// Major, minor, and two bytes of build.
    pub program_version: [u8; 4],
}

impl LoginAck {
    /// SQL_TSQL: the only interface there is.
    const INTERFACE: u8 = 1;

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let length = reader.u16()?;
        let mut body = reader.part(usize::from(length), "LOGINACK")?;
        let _interface = body.u8()?;
        let asked = body.u32_be()?;
        let tds_version =
            TdsVersion::from_login_ack(asked).ok_or(Error::Unknown { what: "LOGINACK version", value: asked })?;
        let ack = Self { tds_version, program: body.b_varchar()?, program_version: body.array()? };
        body.end()?;
        Ok(ack)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_sized(out, |out| {
            out.push(Self::INTERFACE);
            out.extend_from_slice(&self.tds_version.login_ack().to_be_bytes());
            put_b_varchar(out, &self.program);
            out.extend_from_slice(&self.program_version);
        });
    }
}
