//! A socket with everything that a look at the whole machine wants of it: whose it is, and since when.
//!
//! The kernel does not say how long a socket has been in its state. It says when the peer's last segment came
//! (`tcpi_last_ack_recv`), and three states begin with a segment of the peer: a socket in one of them has been there at
//! least since then. The choice not taken: `tcpi_last_data_recv`, which a FIN without data does not touch, so that it
//! counts the time before the FIN as well.

use std::net::SocketAddr;
use std::time::Duration;

use super::u32_at;
use crate::record::TcpState;
use crate::sample::Socket;

/// `TCP_TIMEWAIT_LEN`: no setting changes it.
const TIME_WAIT: Duration = Duration::from_secs(60);
/// `idiag_timer` of a mini-socket: its `idiag_expires` says when it goes.
const TIMER_OF_A_MINI_SOCKET: u8 = 3;

/// One TCP socket of the whole table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// This end, as on the wire: an IPv4-mapped IPv6 address is given as IPv4.
    pub local: SocketAddr,
    /// The other end; port 0 for a listener.
    pub remote: SocketAddr,
    /// Its state.
    pub state: TcpState,
    /// As [`Socket::inode`]; 0 when no descriptor can lead to it.
    pub inode: u64,
    /// The user that made it; 0 for a mini-socket too.
    pub uid: u32,
    /// Bytes that wait to be read, a FIN counts as one; for a listener, connections that wait to be accepted.
    pub unread: u32,
    /// Bytes that wait to be sent or acknowledged; for a listener, how many connections may wait.
    pub unsent: u32,
    /// How long it has been in its state at least; none where nothing tells.
    pub quiet: Option<Duration>,
    /// What the kernel knows it by.
    pub handle: Handle,
}

/// What the kernel knows a socket by, beside its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle {
    /// Never given twice while the machine runs. A TIME_WAIT or orphaned FIN_WAIT_2 has another than the socket that it
    /// was.
    pub cookie: u64,
    /// The interface that it is bound to, or 0.
    pub interface: u32,
    /// `AF_INET` or `AF_INET6`, which may speak IPv4.
    pub family: u8,
}

/// What a socket's message says beside [`Socket`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sample) struct Particulars {
    uid: u32,
    unread: u32,
    unsent: u32,
    quiet: Option<Duration>,
    handle: Handle,
}

impl Particulars {
    /// Of the 72 bytes of `inet_diag_msg`.
    pub(super) fn read(fixed: &[u8], state: TcpState, last_ack: Option<Duration>) -> Self {
        let word = |at| u32_at(fixed, at).unwrap_or_default();
        let begun_by_the_peer = matches!(state, TcpState::Established | TcpState::CloseWait | TcpState::FinWait2);
        let quiet = match state {
            TcpState::TimeWait if fixed[2] == TIMER_OF_A_MINI_SOCKET => {
                Some(TIME_WAIT.saturating_sub(Duration::from_millis(u64::from(word(52)))))
            }
            _ => last_ack.filter(|_| begun_by_the_peer),
        };
        let cookie = u64::from(word(44)) | u64::from(word(48)) << 32;
        Self {
            uid: word(64),
            unread: word(56),
            unsent: word(60),
            quiet,
            handle: Handle { cookie, interface: word(40), family: fixed[0] },
        }
    }
}

impl Entry {
    pub(in crate::sample) const fn new(socket: Socket, particulars: Particulars) -> Self {
        let Particulars { uid, unread, unsent, quiet, handle } = particulars;
        let Socket { local, remote, state, inode, .. } = socket;
        Self { local, remote, state, inode, uid, unread, unsent, quiet, handle }
    }
}
