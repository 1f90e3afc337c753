//! The channel for a part that runs without a runtime, such as a loop that looks, sleeps and looks again.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::units::Monotonic;

use super::Error;
use super::frame::{Inbox, READ, encode};

/// What a look at the channel found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled<M> {
    /// The next message.
    Message(M),
    /// No whole message has arrived in time.
    Nothing,
    /// The other end has closed; a part must end itself.
    Closed,
}

/// Both directions of the channel, blocking.
#[derive(Debug)]
pub struct BlockingChannel {
    stream: UnixStream,
    inbox: Inbox,
}

/// For a poll beside other descriptors; what has arrived in part, or before, is told by [`BlockingChannel::try_recv`].
impl AsFd for BlockingChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl BlockingChannel {
    pub(super) fn open(stream: UnixStream) -> Result<Self, Error> {
        let open = || {
            stream.set_read_timeout(None)?;
            stream.set_write_timeout(None)?;
            stream.set_nonblocking(false)
        };
        open().map_err(Error::channel("open the channel to the other end"))?;
        Ok(Self { stream, inbox: Inbox::default() })
    }

    /// Sends one message, waiting while the other end does not read.
    ///
    /// # Errors
    /// When the message is too large or no JSON, or when the other end is gone.
    pub fn send<M: Serialize + ?Sized>(&mut self, message: &M) -> Result<(), Error> {
        self.stream.write_all(&encode(message)?).map_err(Error::channel("send a message"))
    }

    /// The next message, if one has arrived already.
    ///
    /// # Errors
    /// When the other end sends what is no message of this type, or breaks off inside one.
    pub fn try_recv<M: DeserializeOwned>(&mut self) -> Result<Polled<M>, Error> {
        self.recv_before(Monotonic::from_nanos(0))
    }

    /// The next message, if it arrives before `deadline`: a sleep that a message ends early.
    ///
    /// # Errors
    /// When the other end sends what is no message of this type, or breaks off inside one.
    pub fn recv_before<M: DeserializeOwned>(&mut self, deadline: Monotonic) -> Result<Polled<M>, Error> {
        loop {
            if let Some(message) = self.inbox.next()? {
                return Ok(Polled::Message(message));
            }
            if !self.is_readable(deadline)? {
                return Ok(Polled::Nothing);
            }
            let buffer = self.inbox.buffer();
            let held = buffer.len();
            buffer.resize(held + READ, 0);
            let read = self.stream.read(buffer.get_mut(held..).unwrap_or_default());
            buffer.truncate(held + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => return self.inbox.at_end().map(|()| Polled::Closed),
                Ok(_) => {}
                // The other end was killed before it had read everything: what it sent has all been read.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return self.inbox.at_end().map(|()| Polled::Closed);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::channel("receive a message")(error)),
            }
        }
    }

    /// Waits until there is something to read, an end included, or until the deadline.
    fn is_readable(&self, deadline: Monotonic) -> Result<bool, Error> {
        loop {
            let remaining = deadline.remaining();
            // A wait beyond the range of the kernel's clock is as good as for ever.
            let timeout = Timespec::try_from(remaining).ok();
            match poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], timeout.as_ref()) {
                Ok(0) if remaining.is_zero() => return Ok(false),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(Error::channel("wait for a message")(errno.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pair() -> (BlockingChannel, UnixStream) {
        let (a, b) = UnixStream::pair().unwrap();
        (BlockingChannel::open(a).unwrap(), b)
    }

    fn soon() -> Monotonic {
        Monotonic::now().after(Duration::from_secs(20))
    }

    #[test]
    fn nothing_then_a_message_then_the_end() {
        let (mut ours, mut theirs) = pair();
        assert_eq!(ours.try_recv::<u8>().unwrap(), Polled::Nothing);
        let frame = encode(&7).unwrap();
        theirs.write_all(&frame[..3]).unwrap();
        assert_eq!(ours.try_recv::<u8>().unwrap(), Polled::Nothing, "only a part has come");
        theirs.write_all(&frame[3..]).unwrap();
        theirs.write_all(&encode(&8).unwrap()).unwrap();
        drop(theirs);
        assert_eq!(ours.recv_before::<u8>(soon()).unwrap(), Polled::Message(7));
        assert_eq!(ours.try_recv::<u8>().unwrap(), Polled::Message(8));
        assert_eq!(ours.try_recv::<u8>().unwrap(), Polled::Closed);
        assert!(ours.send(&1).is_err());
    }

    #[test]
    fn an_end_that_left_messages_unread_is_an_end() {
        let (mut ours, mut theirs) = pair();
        ours.send(&1).unwrap();
        theirs.write_all(&encode(&2).unwrap()).unwrap();
        drop(theirs);
        assert_eq!(ours.try_recv::<u8>().unwrap(), Polled::Message(2));
        assert_eq!(ours.try_recv::<u8>().unwrap(), Polled::Closed);
    }

    #[test]
    fn the_wait_ends_at_the_deadline() {
        let (mut ours, _theirs) = pair();
        let deadline = Monotonic::now().after(Duration::from_millis(30));
        assert_eq!(ours.recv_before::<u8>(deadline).unwrap(), Polled::Nothing);
        assert!(Monotonic::now() >= deadline);
    }

    #[test]
    fn a_message_larger_than_one_read_arrives_whole() {
        let (mut ours, theirs) = pair();
        let long = "y".repeat(5 * READ);
        let mut other = BlockingChannel::open(theirs).unwrap();
        let sent = long.clone();
        let sender = std::thread::spawn(move || other.send(&sent).map(|()| other));
        assert_eq!(ours.recv_before::<String>(soon()).unwrap(), Polled::Message(long));
        sender.join().unwrap().unwrap();
    }
}
