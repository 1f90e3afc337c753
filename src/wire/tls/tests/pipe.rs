//! A pipe that passes a few bytes at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// One end of a pipe of which no read and no write takes more than so many bytes.
#[derive(Debug)]
pub(super) struct Narrow(DuplexStream, usize);

/// A pipe of this width. It holds a little more than nothing: a client that has a record of six bytes to write and a
/// server that has a flight to write wait for each other for ever in a pipe that holds neither, as on a socket.
pub(super) fn pipe(width: usize) -> (Narrow, Narrow) {
    let (near, far) = duplex(width.max(16));
    (Narrow(near, width), Narrow(far, width))
}

impl AsyncRead for Narrow {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut part = out.take(self.1);
        ready!(Pin::new(&mut self.0).poll_read(context, &mut part))?;
        let bytes = part.filled().to_vec();
        out.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let most = bytes.len().min(self.1);
        Pin::new(&mut self.0).poll_write(context, &bytes[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
