//! `abortive`: close with `SO_LINGER` 0. The kernel sends RST and forgets the connection: no TIME_WAIT on either side.

use std::time::Duration;

use tokio::net::TcpStream;

/// Resets the connection.
pub(super) fn close(stream: TcpStream) {
    // It fails on no socket that is open; and if it did, the close below would still be one.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}
