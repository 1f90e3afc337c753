//! MS-TDS: bytes to messages and back, with no socket and no clock; a file per message and per token.
//!
//! Every decoder reads through one checked cursor and refuses what is left over; every encoder writes what its decoder
//! reads. The choice not taken: an existing TDS crate, each of which is a client's half of the protocol and hides the
//! bytes that faults are made of.
//!
#![doc = include_str!("COVERAGE.md")]

mod assembler;
mod batch;
#[cfg(test)]
mod captures;
#[cfg(test)]
mod coverage;
mod error;
mod feature;
mod legacy;
mod login7;
mod packet;
mod password;
mod prelogin;
mod reader;
mod rpc;
mod text;
mod token;
mod transaction;
mod version;

pub use assembler::{Assembler, Message};
pub use batch::SqlBatch;
pub use error::Error;
pub use feature::{Asked, Feature, FedAuth, FedAuthLibrary, Recovery};
pub use legacy::LegacyLogin;
pub use login7::Login7;
pub use packet::{HEADER_LEN, Header, MAX_PACKET, PacketType, packets};
pub use password::Password;
pub use prelogin::{Encryption, Prelogin, PreloginOption};
pub use rpc::{Call, Parameter, Procedure, Rpc, TypeInfo};
pub use token::{
    COLLATION, Change, Column, ColumnType, Done, EnvChange, LoginAck, ReturnValue, ServerMessage, Token, Value,
};
pub use transaction::TransactionRequest;
pub use version::TdsVersion;
