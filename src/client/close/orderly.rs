//! `orderly`: close at once. The kernel sends FIN; what the server has not read yet is still delivered.

use tokio::net::TcpStream;

/// Closes the socket.
pub(super) fn close(stream: TcpStream) {
    drop(stream);
}
