//! A stream whose next bytes may have been read already.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream, and what of it was read too far. When that is nothing it holds no room and costs one comparison.
///
/// Nothing that stays is moved when a part is taken, since a peer decides how small the parts are.
#[derive(Debug)]
pub(super) struct Ahead<S> {
    pub(super) stream: S,
    bytes: Vec<u8>,
    /// So many of them were taken.
    taken: usize,
    /// How many bytes were ever put back or moved.
    #[cfg(test)]
    pub(super) moved: usize,
}

impl<S> Ahead<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            bytes: Vec::new(),
            taken: 0,
            #[cfg(test)]
            moved: 0,
        }
    }

    /// Whether the next read takes what was read too far.
    pub(super) const fn is_ahead(&self) -> bool {
        self.taken < self.bytes.len()
    }

    /// Puts bytes back that come before everything else.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        #[cfg(test)]
        {
            self.moved += bytes.len() + self.bytes.len() - self.taken;
        }
        // Into the room of what was taken.
        self.bytes.splice(..self.taken, bytes.iter().copied());
        self.taken = 0;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_ahead() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let rest = &this.bytes[this.taken..];
        let take = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..take]);
        this.taken += take;
        if !this.is_ahead() {
            (this.bytes, this.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_was_read_too_far_comes_first_and_leaves_no_room() {
        let (mut near, far) = duplex(64);
        near.write_all(b"ef").await.unwrap();
        let mut ahead = Ahead::new(far);
        ahead.unread(b"cd");
        ahead.unread(b"ab");
        ahead.unread(b"");
        let mut read = [0; 6];
        ahead.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"abcdef");
        assert_eq!(ahead.bytes.capacity(), 0);
    }
}
