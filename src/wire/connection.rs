//! Messages over a byte stream.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::Error;
use super::journal::{Deed, Party, Scribe};
use crate::tds::{Assembler, Message, PacketType, packets};

/// What one read takes at the most.
const READ: usize = 4096;

/// A TDS connection. Between two messages it holds no buffer: bytes are read into the stack and joined as they come.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    assembler: Assembler,
    packet_size: usize,
    spid: u16,
    scribe: Scribe,
}

impl<S> Connection<S> {
    /// A connection at its start, of which no journal is kept; what it sends carries `spid`.
    pub const fn new(stream: S, spid: u16) -> Self {
        Self { stream, assembler: Assembler::new(), packet_size: 4096, spid, scribe: Scribe::idle() }
    }

    /// The same connection with a journal, in which this side is the server.
    #[must_use]
    pub fn with_scribe(self, scribe: Scribe) -> Self {
        Self { scribe, ..self }
    }

    /// The stream under it.
    pub const fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream under it, to be written to or closed.
    pub const fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream under it, for whoever goes on with it in another way; what was read and not taken is lost.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// Who keeps its journal.
    pub const fn scribe(&self) -> &Scribe {
        &self.scribe
    }

    /// Gives the bytes that were read and are not yet a message back to the stream, by `unread`: something else than
    /// messages comes next.
    pub fn give_back(&mut self, unread: impl FnOnce(&mut S, &[u8])) {
        let pending = std::mem::take(&mut self.assembler).into_pending();
        unread(&mut self.stream, &pending);
    }

    /// The packet size in use.
    pub const fn packet_size(&self) -> usize {
        self.packet_size
    }

    /// The packet size from here on, as negotiated.
    pub const fn set_packet_size(&mut self, packet_size: usize) {
        self.packet_size = packet_size;
    }

    /// The server's process id of the session.
    pub const fn spid(&self) -> u16 {
        self.spid
    }

    /// The type that an unfinished message claims to have.
    pub fn claims(&self) -> Option<PacketType> {
        self.assembler.claims()
    }
}

impl<S: AsyncRead + Unpin> Connection<S> {
    /// The next message, of at most `limit` bytes; none when the peer has closed between two messages.
    ///
    /// # Errors
    /// When the peer sends what is no TDS or more than `limit`, closes inside of a message, or the transport fails.
    pub async fn read_message(&mut self, limit: usize) -> Result<Option<Message>, Error> {
        self.read_message_of(limit, |_| true).await
    }

    /// Like [`Connection::read_message`], but judges the first byte as soon as it has come: whoever sends what
    /// `accepts` refuses is not waited for.
    ///
    /// # Errors
    /// As [`Connection::read_message`], and when `accepts` refuses the message's type.
    pub async fn read_message_of(
        &mut self,
        limit: usize,
        accepts: impl Fn(PacketType) -> bool,
    ) -> Result<Option<Message>, Error> {
        loop {
            if let Some(kind) = self.claims().filter(|kind| !accepts(*kind)) {
                return Err(crate::tds::Error::Unknown { what: "packet type", value: u32::from(kind.0) }.into());
            }
            if let Some(message) = self.assembler.next(limit)? {
                let length = message.payload.len();
                self.scribe.note(Party::Client, || Deed::message(message.kind, length));
                return Ok(Some(message));
            }
            if self.read_more().await? == 0 {
                return if self.assembler.is_inside() { Err(Error::CutShort) } else { Ok(None) };
            }
        }
    }

    /// The type that the next message claims to have, as soon as its first byte has come; none when the peer has closed.
    ///
    /// # Errors
    /// When the transport fails.
    pub async fn next_claims(&mut self) -> Result<Option<PacketType>, Error> {
        while self.claims().is_none() {
            if self.read_more().await? == 0 {
                return Ok(None);
            }
        }
        Ok(self.claims())
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        let read = self.read_some().await;
        match read {
            Ok(0) => self.scribe.note(Party::Client, || Deed::Fin),
            Ok(_) => {}
            Err(_) => self.scribe.note(Party::Client, || Deed::Rst),
        }
        read
    }

    async fn read_some(&mut self) -> io::Result<usize> {
        let Self { stream, assembler, .. } = self;
        poll_fn(|context| {
            let mut room = [const { MaybeUninit::uninit() }; READ];
            let mut buffer = ReadBuf::uninit(&mut room);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
            assembler.push(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
        .await
    }

    /// Reads and forgets what the peer sends, until it closes or the transport fails. A request that begins it is noted:
    /// whoever sends one here has not understood that nobody listens.
    pub async fn discard(&mut self) {
        self.assembler = Assembler::new();
        let Self { stream, scribe, .. } = self;
        let mut first = true;
        let end = poll_fn(|context| {
            loop {
                let read = ready!(poll_discard(stream, context, &mut |bytes| {
                    if std::mem::take(&mut first)
                        && let Some(kind) = bytes.first().map(|byte| PacketType(*byte)).filter(|kind| kind.is_request())
                    {
                        scribe.note(Party::Client, || Deed::message(kind, bytes.len()));
                    }
                }));
                if let Some(end) = read {
                    return Poll::Ready(end);
                }
            }
        });
        let end = end.await;
        self.scribe.note(Party::Client, || end);
    }

    /// Reads and forgets what has come already, at most 64 KiB, so that a close finds nothing unread and sends a FIN
    /// and no RST. Whether the peer had ended the connection before.
    pub async fn drain(&mut self) -> bool {
        let mut reads = 16;
        let end = poll_fn(|context| {
            while reads > 0 {
                match poll_discard(&mut self.stream, context, &mut |_| ()) {
                    Poll::Ready(None) => reads -= 1,
                    Poll::Ready(end) => return Poll::Ready(end),
                    Poll::Pending => break,
                }
            }
            Poll::Ready(None)
        });
        let end = end.await;
        let ended = end.is_some();
        if let Some(end) = end {
            self.scribe.note(Party::Client, || end);
        }
        ended
    }
}

/// One read into nowhere: how the peer has ended the connection, or none while there may be more.
fn poll_discard<S: AsyncRead + Unpin>(
    stream: &mut S,
    context: &mut std::task::Context<'_>,
    seen: &mut dyn FnMut(&[u8]),
) -> Poll<Option<Deed>> {
    let mut room = [const { MaybeUninit::uninit() }; READ];
    let mut buffer = ReadBuf::uninit(&mut room);
    Poll::Ready(match ready!(Pin::new(stream).poll_read(context, &mut buffer)) {
        Ok(()) if buffer.filled().is_empty() => Some(Deed::Fin),
        Ok(()) => {
            seen(buffer.filled());
            None
        }
        Err(_) => Some(Deed::Rst),
    })
}

impl<S: AsyncWrite + Unpin> Connection<S> {
    /// Sends a message in packets of the negotiated size, in one write where the transport takes it.
    ///
    /// # Errors
    /// When the transport fails.
    pub async fn write_message(&mut self, kind: PacketType, payload: &[u8]) -> Result<(), Error> {
        let bytes = packets(kind, self.spid, self.packet_size, payload);
        self.put(&bytes).await?;
        self.scribe.note(Party::Server, || Deed::message(kind, payload.len()));
        Ok(())
    }

    /// Sends bytes as they are, whatever they are.
    ///
    /// # Errors
    /// When the transport fails.
    pub async fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put(bytes).await?;
        self.scribe.note(Party::Server, || Deed::Bytes { length: bytes.len() });
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = self.stream.write_all(bytes).await;
        if sent.is_ok() {
            // Costs nothing on a socket; TLS may keep what it has sealed until then.
            sent = self.stream.flush().await;
        }
        if sent.is_err() {
            self.scribe.note(Party::Client, || Deed::Rst);
        }
        sent
    }

    /// Closes this side's direction and keeps the other open.
    ///
    /// # Errors
    /// When the transport fails.
    pub async fn half_close(&mut self) -> Result<(), Error> {
        self.stream.shutdown().await?;
        self.scribe.note(Party::Server, || Deed::Fin);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    #[tokio::test]
    async fn messages_cross_a_narrow_pipe() {
        let (near, far) = duplex(7);
        let (mut client, mut server) = (Connection::new(near, 0), Connection::new(far, 51));
        client.set_packet_size(512);
        let payload = vec![42; 2000];
        let (sent, received) =
            tokio::join!(client.write_message(PacketType::LOGIN7, &payload), server.read_message(4096));
        sent.unwrap();
        let message = received.unwrap().unwrap();
        assert_eq!((message.kind, message.payload), (PacketType::LOGIN7, payload));
        client.half_close().await.unwrap();
        assert!(server.read_message(4096).await.unwrap().is_none(), "a close between messages is no error");
    }

    #[tokio::test]
    async fn a_close_inside_of_a_message_is_told() {
        let (mut near, far) = duplex(64);
        near.write_all(&[0x12, 1, 0, 20, 0, 0]).await.unwrap();
        drop(near);
        assert!(matches!(Connection::new(far, 51).read_message(4096).await, Err(Error::CutShort)));
    }

    #[tokio::test]
    async fn a_wrong_first_byte_is_not_waited_for() {
        let (mut near, far) = duplex(64);
        near.write_all(b"G").await.unwrap();
        let result = Connection::new(far, 51).read_message_of(4096, |kind| kind == PacketType::PRELOGIN).await;
        assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    }

    #[tokio::test]
    async fn drain_takes_what_has_come_and_waits_for_nothing() {
        let (mut near, far) = duplex(64);
        near.write_all(b"rest").await.unwrap();
        let mut server = Connection::new(far, 51);
        server.drain().await;
        near.write_all(b"more").await.unwrap();
        let mut read = [0; 4];
        server.stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"more");
    }
}
