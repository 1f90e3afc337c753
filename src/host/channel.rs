//! The channel for a process with a tokio runtime.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream as StdStream;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::Error;
use super::frame::{Inbox, encode};

/// Sends messages to the other end; dropped, it tells the other end that no more will come.
#[derive(Debug)]
pub struct Sender {
    stream: OwnedWriteHalf,
    /// What a cancelled call left unsent of its frame.
    unsent: Vec<u8>,
}

/// Receives messages of the other end.
#[derive(Debug)]
pub struct Receiver {
    stream: OwnedReadHalf,
    inbox: Inbox,
}

/// Both directions of a stream; needs a running tokio runtime.
pub(super) fn open(stream: StdStream) -> Result<(Sender, Receiver), Error> {
    let open = || {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    };
    let (reader, writer) = open().map_err(Error::channel("open the channel to the other end"))?.into_split();
    Ok((Sender { stream: writer, unsent: Vec::new() }, Receiver { stream: reader, inbox: Inbox::default() }))
}

impl Sender {
    /// Sends one message. When the call is cancelled, the message is either not sent at all or completed by the next
    /// call.
    ///
    /// # Errors
    /// When the message is too large or no JSON, or when the other end is gone.
    pub async fn send<M: Serialize + ?Sized>(&mut self, message: &M) -> Result<(), Error> {
        let frame = encode(message)?;
        self.flush().await?;
        self.unsent = frame;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        while !self.unsent.is_empty() {
            let sent = self.stream.write(&self.unsent).await.map_err(Error::channel("send a message"))?;
            self.unsent.drain(..sent);
        }
        Ok(())
    }
}

impl Receiver {
    /// The next message; `None` when the other end has closed. Cancel-safe: what has arrived is kept for the next call.
    ///
    /// A part whose conductor has closed must end itself.
    ///
    /// # Errors
    /// When the other end sends what is no message of this type, or breaks off inside one.
    pub async fn recv<M: DeserializeOwned>(&mut self) -> Result<Option<M>, Error> {
        loop {
            if let Some(message) = self.inbox.next()? {
                return Ok(Some(message));
            }
            match self.stream.read_buf(self.inbox.buffer()).await {
                Ok(0) => return self.inbox.at_end().map(|()| None),
                Ok(_) => {}
                // The other end was killed before it had read everything: what it sent has all been read.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return self.inbox.at_end().map(|()| None),
                Err(error) => return Err(Error::channel("receive a message")(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pair() -> ((Sender, Receiver), (Sender, Receiver)) {
        let (a, b) = StdStream::pair().unwrap();
        (open(a).unwrap(), open(b).unwrap())
    }

    #[tokio::test]
    async fn messages_pass_in_order_and_the_end_is_seen() {
        let ((mut to, from), (_back, mut at)) = pair();
        to.send(&("one", 1)).await.unwrap();
        to.send(&("two", 2)).await.unwrap();
        drop((to, from));
        assert_eq!(at.recv::<(String, u8)>().await.unwrap(), Some(("one".into(), 1)));
        assert_eq!(at.recv::<(String, u8)>().await.unwrap(), Some(("two".into(), 2)));
        assert_eq!(at.recv::<(String, u8)>().await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_end_that_left_messages_unread_is_an_end() {
        let ((mut to, mut from), (mut other_to, other_from)) = pair();
        to.send("never read").await.unwrap();
        other_to.send("last words").await.unwrap();
        drop((other_to, other_from));
        assert_eq!(from.recv::<String>().await.unwrap().as_deref(), Some("last words"));
        assert_eq!(from.recv::<String>().await.unwrap(), None);
    }

    #[tokio::test]
    async fn cancelled_calls_lose_nothing() {
        let ((mut to, _from), (_back, mut at)) = pair();
        // Far more than a socket buffer holds, so that this call cannot complete and leaves its frame half-sent.
        let long = "x".repeat(4 << 20);
        tokio::select! { biased;
            sent = to.send(&long) => panic!("{sent:?} although nobody reads"),
            () = std::future::ready(()) => {}
        }
        assert!(!to.unsent.is_empty());
        let next = tokio::spawn(async move { to.send("short").await.map(|()| to) });
        let mut cancelled = 0;
        let first: String = loop {
            tokio::select! { biased;
                message = at.recv() => break message.unwrap().unwrap(),
                () = tokio::task::yield_now() => cancelled += 1,
            }
        };
        assert!(first == long && cancelled > 0);
        assert_eq!(at.recv::<String>().await.unwrap().as_deref(), Some("short"));
        next.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_breaks_off_or_announces_too_much_is_an_error() {
        for bytes in [&[0, 0, 0, 9, b'"'][..], &[0xFF, 0xFF, 0xFF, 0xFF]] {
            let (a, mut b) = StdStream::pair().unwrap();
            let (_to, mut at) = open(a).unwrap();
            std::io::Write::write_all(&mut b, bytes).unwrap();
            drop(b);
            let received = tokio::time::timeout(Duration::from_secs(20), at.recv::<String>()).await.unwrap();
            assert!(matches!(received, Err(Error::Cut | Error::TooLarge(_))), "{received:?}");
        }
    }

    #[tokio::test]
    async fn sending_to_nobody_is_an_error() {
        let ((mut to, _from), other) = pair();
        drop(other);
        assert!(matches!(to.send("x").await, Err(Error::Channel { .. })));
    }
}
