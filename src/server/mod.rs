//! The embedded SQL Server stand-in: it accepts, refuses or serves logins over real TCP, as its [`Config`] says.
//!
//! One task a connection, no buffer while it is idle, and nothing logged on the way of a refused login unless an error
//! log was asked for. The choice not taken: blocking threads, of which ten thousand idle connections would need as
//! many.

mod admission;
mod answers;
mod config;
mod conversation;
mod counts;
mod ending;
mod fault_server;
mod features;
#[cfg(test)]
mod grid;
mod journals;
mod listener;
mod logbook;
mod metrics;
mod opening;
mod performance;
mod reports;
mod requests;
mod rpc;
mod session;

pub use config::{CloseMode, Config, ErrorLog, Login, TlsConfig, TlsMode};
pub use counts::{Counts, Observer, Ready, Served, schema};
pub use fault_server::{Builder, FaultServer};
pub use listener::Server;
pub use metrics::Metrics;

/// Why the server cannot serve; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A fault is unknown, or makes no sense beside the others.
    #[error("read a fault")]
    Fault(#[from] crate::fault::Error),
    /// The certificate is of no use.
    #[error("have a certificate")]
    Certificate(#[from] crate::wire::tls::IdentityError),
    /// The server's thread cannot be started.
    #[error("start a thread to serve on")]
    Thread {
        /// Why not.
        source: std::io::Error,
    },
    /// The error log cannot be opened.
    #[error("open the error log {}", path.display())]
    ErrorLog {
        /// Which file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
