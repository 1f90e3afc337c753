//! The embedded SQL Server stand-in: it accepts, refuses or serves logins over real TCP, as its [`Config`] says.
//!
//! One task a connection, no buffer while it is idle, and nothing logged on the way of a refused login unless an error
//! log was asked for. The choice not taken: blocking threads, of which ten thousand idle connections would need as
//! many.
//!
//! Thirteen real drivers (FreeTDS in six guises, python-tds, mssql-python with Microsoft's ODBC Driver 18, tedious,
//! tiberius, mssql-client, jTDS, go-mssqldb), in 98 configurations, were tried with good logins, with refusals and with every
//! fault: `tests/drivers/RESULTS.md` has what each made of it, and `tests/drivers/run.py` plays it again.
//!
//! # What a connection may cost
//!
//! | what | at most | where |
//! |---|---|---|
//! | an idle connection | 3 KB of user memory, 11 KB with TLS (measured: `cargo bench --bench login -- memory`) | |
//! | what a read takes | 4 KiB, on the stack | `wire::Connection` |
//! | PRELOGIN and LOGIN7 | 128 KiB less one byte; more is refused by its header (a login of TDS 4.2 or 5.0: 4 KiB) | [`Login7::MAX_LEN`](crate::tds::Login7::MAX_LEN) |
//! | a ClientHello | 64 KiB | `wire::tls::Hello` |
//! | the time from accept to login | 60 s, [`Config::login_timeout`] | |
//! | a request | 1 MiB; 256 statements, 1,024 calls, 32,768 parameters in it | `requests`, `answers`, `tds::Rpc` |
//! | prepared statements | 64, of 64 KiB in all; the oldest gives way | `session` |
//! | the journal, where it is kept | 256 entries of 500 characters | `wire::Journal` |

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
