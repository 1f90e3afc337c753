//! TLS in TDS as a stream: what stands between a TLS library and a socket.
//!
//! The server does without it, since it holds the library's connection itself; a client, a bench or a test that uses
//! somebody else's TLS stream needs it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Framing;
use super::ahead::Ahead;
use super::records::Records;
use super::transport::Transport;

/// Carries TLS over a stream, in PRELOGIN packets as long as the handshake lasts.
///
/// One write becomes one message: TLS libraries hand over a whole flight at once, in several slices, so a flight leaves as
/// one message, in one write where the stream takes it. It does not wait for a flush, since libraries send a last alert
/// without one. When the handshake is over, [`Tunnel::end_handshake`] lets records leave as they are. Reading needs no such
/// word: it sees where the peer leaves the packets.
#[derive(Debug)]
pub struct Tunnel<S> {
    stream: Ahead<S>,
    records: Records,
    framing: Framing,
    /// Packets that are on their way.
    leaving: Vec<u8>,
    left: usize,
}

impl<S> Tunnel<S> {
    /// A tunnel before the handshake.
    pub const fn new(stream: S, framing: Framing) -> Self {
        let records = Records::new(framing);
        Self { stream: Ahead::new(stream), records, framing, leaving: Vec::new(), left: 0 }
    }

    /// From here on, records are written as they are.
    pub const fn end_handshake(&mut self) {
        self.framing = Framing::Raw;
    }

    /// The stream under it.
    pub const fn socket(&self) -> &S {
        &self.stream.stream
    }

    /// The stream under it with all that was not yet read as records: what follows when TLS ends after a login packet.
    pub fn into_plain(self) -> Transport<S> {
        Transport::over(self.stream)
    }
}

impl<S: AsyncWrite + Unpin> Tunnel<S> {
    fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.left < self.leaving.len() {
            let rest = &self.leaving[self.left..];
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left += count;
        }
        (self.leaving, self.left) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tunnel<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.records.poll_read(&mut this.stream, context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tunnel<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // What was taken before goes first, so that one write's worth is held at the most.
        ready!(this.poll_leave(context))?;
        if this.framing == Framing::Raw {
            return Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        }
        let records: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        this.leaving = this.framing.wrap(&records);
        match this.poll_leave(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(records.len())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_leave(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_leave(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}
