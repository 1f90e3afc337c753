//! Where the socket table comes from: the trait that both implementations share.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use super::namespace::within;
use super::{Error, Filter, ProcFs, SockDiag};
use crate::record::TcpState;

/// One TCP socket of the kernel's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Socket {
    /// This end, as on the wire: an IPv4-mapped IPv6 address is given as IPv4.
    pub local: SocketAddr,
    /// The other end; port 0 for a listener.
    pub remote: SocketAddr,
    /// Its state.
    pub state: TcpState,
    /// The inode that `/proc/PID/fd/N` names as `socket:[INODE]`; 0 when no descriptor can lead to it: a TIME_WAIT or
    /// orphaned FIN_WAIT_2, a connection that nobody has accepted yet.
    pub inode: u64,
    /// Bytes that the kernel holds in its buffers and queues; absent where the source does not tell.
    pub memory: Option<u64>,
}

/// A reader of the kernel's socket table.
pub trait Source {
    /// Gives every socket that `filter` lets through to `each`, in no order. Sockets that move from one state to
    /// another meanwhile may be given twice, or not at all.
    ///
    /// # Errors
    /// When the table cannot be read, or not to its end: then what `each` was given must be dropped. After
    /// [`Error::Torn`] another try may succeed.
    fn sockets(&mut self, filter: &Filter, each: &mut dyn FnMut(Socket)) -> Result<(), Error>;

    /// What documents call it: `sock_diag` or `procfs`.
    fn name(&self) -> &'static str;
}

/// Which [`Source`] to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// sock_diag, or procfs where netlink is refused.
    #[default]
    Auto,
    /// sock_diag or an error.
    SockDiag,
    /// procfs or an error.
    ProcFs,
}

impl SourceKind {
    /// Opens the source in this network namespace, to which it stays bound.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or as [`SourceKind::open`].
    pub fn open_in(self, namespace: OwnedFd) -> Result<Box<dyn Source + Send>, Error> {
        within(Some(namespace), move || self.open())
    }

    /// Opens the source in the calling thread's network namespace, to which it stays bound.
    pub fn open(self) -> Result<Box<dyn Source + Send>, Error> {
        let sock_diag = || SockDiag::open().map(|source| Box::new(source) as Box<dyn Source + Send>);
        let procfs = || ProcFs::open().map(|source| Box::new(source) as Box<dyn Source + Send>);
        match self {
            Self::Auto => sock_diag().or_else(|refusal| {
                tracing::debug!(error = %refusal, "no sock_diag here, reading /proc/net/tcp");
                procfs()
            }),
            Self::SockDiag => sock_diag(),
            Self::ProcFs => procfs(),
        }
    }
}
