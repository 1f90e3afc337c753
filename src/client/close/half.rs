//! `half`: `shutdown(SHUT_WR)` only. After the server's FIN the connection is over and its port is free, but the
//! descriptor leaks all the same.

use std::net::Shutdown;
use std::os::fd::OwnedFd;

use tokio::net::TcpStream;

/// Shuts the sending side down and keeps the descriptor.
pub(super) fn close(stream: TcpStream) -> Option<OwnedFd> {
    let socket = super::leaky::close(stream)?;
    // A peer that has reset the connection leaves nothing to shut down: the descriptor stays, as it does in real code.
    let _ = socket2::SockRef::from(&socket).shutdown(Shutdown::Write);
    Some(socket)
}
