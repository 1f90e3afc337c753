//! `drain`: read to the end of the stream, then close: the server has surely closed first, so TIME_WAIT is its own.

use tokio::net::TcpStream;

use crate::client::tcp;

/// Waits for the peer's FIN, then closes; a peer that fails or says too much is closed on as well.
pub(super) async fn close(mut stream: TcpStream) {
    let _ = tcp::read_to_end(&mut stream).await;
    drop(stream);
}
