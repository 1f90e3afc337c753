//! A TDS connection over a byte stream, and the lines that SQL Server writes about it.
//!
//! The stream is any `AsyncRead + AsyncWrite`: a socket, TLS over one, or a pipe in a test. The choice not taken:
//! tokio's codec framework, whose buffers of 8 KiB would be what an idle connection costs.

mod connection;
mod errorlog;
mod journal;
pub mod tls;

pub use connection::Connection;
pub use errorlog::{Audience, LoginFailure, Stamp, network_failure, reason};
pub use journal::{Deed, Entry, Journal, LogEntry, LoginEnd, MessageKind, Party, Scribe};

/// Why a connection is of no more use; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent what is no TDS.
    #[error("read a TDS message")]
    Malformed(#[from] crate::tds::Error),
    /// The peer closed inside of a message.
    #[error("read a TDS message: the peer closed inside of it")]
    CutShort,
    /// The transport failed.
    #[error("exchange bytes with the peer")]
    Io(#[from] std::io::Error),
}
