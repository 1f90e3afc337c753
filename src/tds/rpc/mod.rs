//! Remote procedure calls [MS-TDS 2.2.6.6]: what drivers send for every statement with parameters.
//!
//! Values are kept as bytes with their type, and read as a number or a text where a procedure wants one. The choice not
//! taken: a Rust value for every SQL type, of which this server would use two.

mod parameter;
mod procedure;
mod table;
mod type_info;
mod value;

pub use parameter::Parameter;
pub use procedure::Procedure;
pub use type_info::TypeInfo;

use super::batch::{after_headers, put_headers};
use super::{Error, TdsVersion};

/// One call of a procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which procedure.
    pub procedure: Procedure,
    /// Option flags: recompile 1, no metadata 2, reuse metadata 4.
    pub options: u16,
    /// The parameters in their order.
    pub parameters: Vec<Parameter>,
}

/// A message with one call or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// The calls in their order; at least one.
    pub calls: Vec<Call>,
}

impl Rpc {
    /// The most calls in one message that are taken, so that an answer stays bounded.
    pub const MAX_CALLS: usize = 1024;
    /// The most parameters that SQL Server takes in one call.
    pub const MAX_PARAMETERS: usize = 2100;
    /// The most parameters of all calls in one message: a parameter of three bytes on the wire has a hundred here.
    pub const MAX_ALL_PARAMETERS: usize = 32 * 1024;

    /// BatchFlag between two calls; another value since TDS 7.2, when NoExecFlag came too.
    const SEPARATOR_OLD: u8 = 0x80;
    const SEPARATOR: u8 = 0xFF;
    const NO_EXEC: u8 = 0xFE;

    /// Reads a message.
    ///
    /// # Errors
    /// When it ends too soon, has a data type that SQL Server 2022 does not know, or more calls or parameters than are
    /// taken.
    pub fn decode(payload: &[u8], version: TdsVersion) -> Result<Self, Error> {
        let mut reader = after_headers(payload, version, "remote procedure call")?;
        let separates = |byte| match version.has_wide_tokens() {
            true => byte == Self::SEPARATOR || byte == Self::NO_EXEC,
            false => byte == Self::SEPARATOR_OLD,
        };
        let mut calls = Vec::new();
        let mut all = 0;
        loop {
            if calls.len() == Self::MAX_CALLS {
                return Err(Error::TooMany { what: "calls in a message", most: Self::MAX_CALLS });
            }
            let procedure = Procedure::decode(&mut reader)?;
            let options = reader.u16()?;
            let mut parameters = Vec::new();
            while reader.peek().is_some_and(|byte| !separates(byte)) {
                if parameters.len() == Self::MAX_PARAMETERS {
                    return Err(Error::TooMany { what: "parameters of a call", most: Self::MAX_PARAMETERS });
                }
                if all == Self::MAX_ALL_PARAMETERS {
                    return Err(Error::TooMany { what: "parameters in a message", most: Self::MAX_ALL_PARAMETERS });
                }
                all += 1;
                parameters.push(Parameter::decode(&mut reader, version)?);
            }
            calls.push(Call { procedure, options, parameters });
            // A separator, behind which some drivers send nothing more.
            if reader.is_empty() || (reader.u8().is_ok() && reader.is_empty()) {
                return Ok(Self { calls });
            }
        }
    }

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self, version: TdsVersion) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_headers(&mut out, version);
        for (at, call) in self.calls.iter().enumerate() {
            if at > 0 {
                out.push(if version.has_wide_tokens() { Self::SEPARATOR } else { Self::SEPARATOR_OLD });
            }
            call.procedure.encode(&mut out);
            out.extend_from_slice(&call.options.to_le_bytes());
            call.parameters.iter().for_each(|parameter| parameter.encode(&mut out));
        }
        out
    }
}

#[cfg(test)]
mod tests;
