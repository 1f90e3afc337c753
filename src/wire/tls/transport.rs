//! The stream under a TDS connection, whichever way it is encrypted.
//!
//! The choice not taken: tokio-rustls' own stream, which owns the socket and keeps what it has read. Login-only TLS must
//! give both back in the middle of a connection, and a server that gives up a handshake must still end the socket as it
//! was told to; so the TLS connection stands beside the socket here and not around it.

use std::io::{self, Read as _, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::Disclosure;
use super::ahead::Ahead;
use super::records::Records;

/// The stream under a TDS connection: plain at first, TLS after [`super::Hello::accept`], plain again after
/// [`Transport::leave_tls`].
///
/// Under TLS a write may leave a part for [`flush`](tokio::io::AsyncWriteExt::flush), as with every TLS stream; reading sends it too. A peer
/// that closes without saying so in TLS has closed, and that is all: most clients of SQL Server never say it.
#[derive(Debug)]
pub struct Transport<S> {
    pub(super) stream: Ahead<S>,
    /// In a box: a plain connection pays a pointer for it.
    pub(super) session: Option<Box<Session>>,
    /// Whether TLS was left before the connection ended.
    left: bool,
    /// Whether the end of TLS is not the end of what is read.
    outlives: bool,
}

/// TLS that is spoken.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: ServerConnection,
    pub(super) records: Records,
    /// Who keeps what is hidden, if somebody does.
    pub(super) disclosure: Option<Arc<Disclosure>>,
}

impl<S> Transport<S> {
    /// A stream as it is.
    pub const fn plain(stream: S) -> Self {
        Self::over(Ahead::new(stream))
    }

    pub(super) const fn over(stream: Ahead<S>) -> Self {
        Self { stream, session: None, left: false, outlives: false }
    }

    /// The stream under it, for a socket's options.
    pub const fn socket(&self) -> &S {
        &self.stream.stream
    }

    /// The stream under it, and nothing of what was read too far.
    pub fn into_socket(self) -> S {
        self.stream.stream
    }

    /// Whether it is encrypted now.
    pub const fn is_tls(&self) -> bool {
        self.session.is_some()
    }

    /// Whether it was encrypted, and is no more.
    pub const fn has_left_tls(&self) -> bool {
        self.left
    }

    /// Puts bytes back that were read too far; they come before everything else, under TLS as bytes of it.
    pub fn unread(&mut self, bytes: &[u8]) {
        self.stream.unread(bytes);
    }

    /// Ends TLS on this side without a word, as after the login packet; plain bytes follow.
    ///
    /// Nothing that came behind the login is lost: what was decrypted with it is read first, and what was not yet looked
    /// at is read as it is.
    pub fn leave_tls(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        self.left = true;
        let mut rest = Vec::new();
        // It ends with "would block", after what there is.
        let _ = session.connection.reader().read_to_end(&mut rest);
        session.disclose(|disclosure| disclosure.has_received(&rest));
        self.stream.unread(&rest);
    }

    /// Takes the *socket's* end alone for the end, from here on: a peer's closing alert, or what is no TLS, ends TLS only,
    /// and may be followed by nothing for ever. What comes before that is still decrypted.
    pub const fn outlive_tls(&mut self) {
        self.outlives = true;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// Tells the peer that TLS ends, and sends no FIN. Nothing may be written after it. Plain, it does nothing.
    ///
    /// # Errors
    /// When the stream fails.
    pub async fn close_notify(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.connection.send_close_notify();
        }
        self.flush().await
    }
}

impl Session {
    fn disclose(&self, say: impl FnOnce(&Disclosure)) {
        if let Some(disclosure) = &self.disclosure {
            say(disclosure);
        }
    }

    /// Reads records, once; whether there was anything.
    pub(super) fn poll_take<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut Ahead<S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let Self { connection, records, .. } = self;
        poll_blocking(connection.read_tls(&mut Source { stream, records, context })).map_ok(|count| count > 0)
    }

    fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut Ahead<S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.connection.wants_write() {
            if ready!(poll_blocking(self.connection.write_tls(&mut Sink { stream, context })))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut Ahead<S>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What a write left behind, or TLS itself has to say. A failure shows in the read too.
        let _ = self.poll_send(stream, context);
        loop {
            match self.connection.reader().read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    let filled = buffer.filled();
                    self.disclose(|disclosure| disclosure.has_received(&filled[filled.len() - count..]));
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_take(stream, context))?;
            if let Err(error) = self.connection.process_new_packets() {
                let _ = self.poll_send(stream, context);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Transport<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(session) = &mut this.session {
            let (room, before) = (buffer.remaining(), buffer.filled().len());
            let read = ready!(session.poll_read(&mut this.stream, context, buffer));
            let over = match &read {
                Ok(()) => room > 0 && buffer.filled().len() == before,
                Err(error) => error.kind() == io::ErrorKind::InvalidData,
            };
            if !(over && this.outlives) {
                return Poll::Ready(read);
            }
            this.leave_tls();
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Transport<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, session, .. } = self.get_mut();
        let Some(session) = session else { return Pin::new(stream).poll_write(context, bytes) };
        // One write's worth is held at the most.
        ready!(session.poll_send(stream, context))?;
        let count = session.connection.writer().write(bytes)?;
        session.disclose(|disclosure| disclosure.has_sent(&bytes[..count]));
        match session.poll_send(stream, context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(count)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, session, .. } = self.get_mut();
        if let Some(session) = session {
            ready!(session.poll_send(stream, context))?;
        }
        Pin::new(stream).poll_flush(context)
    }

    /// Under TLS the FIN follows the closing alert.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, session, .. } = self.get_mut();
        if let Some(session) = session {
            // Only the first call says it.
            session.connection.send_close_notify();
            ready!(session.poll_send(stream, context))?;
        }
        Pin::new(stream).poll_shutdown(context)
    }
}

/// A stream's records, as the library reads them.
pub(super) struct Source<'a, 'b, S> {
    pub(super) stream: &'a mut Ahead<S>,
    pub(super) records: &'a mut Records,
    pub(super) context: &'a mut Context<'b>,
}

impl<S: AsyncRead + Unpin> io::Read for Source<'_, '_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        match self.records.poll_read(self.stream, self.context, &mut buffer) {
            Poll::Ready(result) => result.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// A stream, as the library writes to it.
struct Sink<'a, 'b, S> {
    stream: &'a mut Ahead<S>,
    context: &'a mut Context<'b>,
}

impl<S: AsyncWrite + Unpin> io::Write for Sink<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.stream).poll_write(self.context, bytes))
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.stream).poll_write_vectored(self.context, parts))
    }

    fn flush(&mut self) -> io::Result<()> {
        blocking(Pin::new(&mut *self.stream).poll_flush(self.context))
    }
}

fn blocking<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

pub(super) fn poll_blocking<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}
