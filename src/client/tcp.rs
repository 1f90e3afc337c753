//! TCP alone, as in the seed article's own demo: connect, and wait until the server closes.

use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::verdict::Verdict;
use crate::record::Outcome;

/// How much a server may say before its close; more is not the demo.
const MOST_BYTES: usize = 64 * 1024;

/// Reads until the server closes.
pub(super) async fn wait_for_close(stream: &mut TcpStream) -> Verdict {
    match read_to_end(stream).await {
        Ok(true) => Verdict::of(Outcome::ClosedEarly),
        Ok(false) => Verdict::of(Outcome::ProtocolError),
        Err(error) => Verdict::of_error(&error),
    }
}

/// Reads and forgets up to the peer's FIN; false when the peer says too much.
pub(super) async fn read_to_end(stream: &mut TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 512];
    let mut left = MOST_BYTES;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(true),
            n if n > left => return Ok(false),
            n => left -= n,
        }
    }
}
