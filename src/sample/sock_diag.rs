//! The socket table by netlink: `NETLINK_SOCK_DIAG`, filtered in the kernel.
//!
//! The choice not taken: `AF_UNSPEC` through the older `TCPDIAG_GETSOCK`, which walks the table once for both address
//! families but is not promised to stay.

use std::io;
use std::time::Duration;

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6};
use netlink_sys::Socket as Netlink;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, recv};

use super::diag::{ALL_STATES, Answers, Dump, LISTENERS, MEMORY, Message, Particulars, destroy, request};
use super::{Entry, Error, Filter, Socket, Source};
use crate::record::Side;

/// The kernel never fills a datagram of a dump beyond 32 KiB (`netlink_dump`), however large the reader's buffer is.
const BUFFER: usize = 64 * 1024;
/// A dump's next datagram is made while it is received, so that waiting for one means that something is broken.
const PATIENCE: Duration = Duration::from_secs(2);
/// Datagrams that are thrown away at the most when a broken-off dump has to be emptied: 230 sockets each.
const DRAIN: u32 = 20_000;

/// The kernel's socket table through sock_diag.
pub struct SockDiag {
    socket: Netlink,
    request: Vec<u8>,
    buffer: Box<[u8]>,
    sequence: u32,
    /// A dump was begun and its end not seen: until it is, the kernel refuses another (`EBUSY`).
    unfinished: bool,
}

impl SockDiag {
    /// Opens it in the calling thread's network namespace, to which it stays bound, and asks once, so that a refusal
    /// shows here.
    ///
    /// # Errors
    /// When netlink is refused, or the kernel has no sock_diag for TCP.
    pub fn open() -> Result<Self, Error> {
        let socket = Netlink::new(NETLINK_SOCK_DIAG).map_err(Error::Netlink)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).map_err(|errno| Error::Netlink(errno.into()))?;
        let mut this = Self {
            socket,
            request: Vec::new(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            sequence: 0,
            unfinished: false,
        };
        let nobody = [Filter::new(Side::Server, ([127, 0, 0, 1], 1).into())];
        let dump = Dump { filters: &nobody, family: AF_INET, states: LISTENERS, extensions: MEMORY };
        this.dump(&dump, &mut |_, _| ())?;
        Ok(this)
    }

    /// Asks the kernel to end a socket. Its owner keeps a descriptor that no connection belongs to any more.
    ///
    /// # Errors
    /// `EPERM` in [`Error::Refused`] without CAP_NET_ADMIN, `EOPNOTSUPP` on a kernel without `CONFIG_INET_DIAG_DESTROY`,
    /// `ENOENT` when it has gone meanwhile.
    pub fn destroy(&mut self, socket: &Entry) -> Result<(), Error> {
        self.begin(|buffer, sequence| destroy(buffer, socket, sequence))?;
        self.answers(&mut |_, _| ())
    }

    /// Gives every socket of the dump to `each`.
    pub(super) fn dump(&mut self, dump: &Dump<'_>, each: &mut dyn FnMut(Socket, Particulars)) -> Result<(), Error> {
        self.begin(|buffer, sequence| request(buffer, dump, sequence))?;
        self.answers(each)
    }

    fn begin(&mut self, request: impl FnOnce(&mut Vec<u8>, u32)) -> Result<(), Error> {
        if self.unfinished {
            self.drain()?;
        }
        self.sequence = self.sequence.wrapping_add(1);
        request(&mut self.request, self.sequence);
        self.socket.send(&self.request, 0).map_err(Error::Ask)?;
        self.unfinished = true;
        Ok(())
    }

    fn answers(&mut self, each: &mut dyn FnMut(Socket, Particulars)) -> Result<(), Error> {
        let mut torn = false;
        loop {
            let length = self.receive()?;
            for answer in Answers(&self.buffer[..length]) {
                let answer = answer?;
                if answer.sequence != self.sequence {
                    continue;
                }
                torn |= answer.torn;
                match answer.message {
                    Message::Socket(socket, particulars) => each(socket, particulars),
                    Message::Other => (),
                    Message::Done(errno) | Message::Refused(errno) => {
                        self.unfinished = false;
                        return ended(errno, torn);
                    }
                }
            }
        }
    }

    /// Begins a dump and walks away, as an error in its middle does.
    #[cfg(test)]
    pub(super) fn break_off(&mut self, filter: &Filter) {
        let filters = std::slice::from_ref(filter);
        let dump = Dump { filters, family: AF_INET, states: ALL_STATES, extensions: MEMORY };
        request(&mut self.request, &dump, self.sequence);
        self.socket.send(&self.request, 0).expect("the kernel takes a good request");
        self.unfinished = true;
    }

    /// Receives one datagram whole.
    fn receive(&mut self) -> Result<usize, Error> {
        loop {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::TRUNC) {
                Ok((_, 0)) => return Err(Error::Malformed("an empty datagram")),
                Ok((_, whole)) if whole > self.buffer.len() => return Err(Error::Malformed("an oversized datagram")),
                Ok((length, _)) => return Ok(length),
                Err(Errno::INTR) => (),
                // The socket's queue overflowed: answers are lost, but the dump goes on and must be emptied.
                Err(Errno::NOBUFS) => return Err(Error::Torn),
                Err(errno) => return Err(Error::Ask(errno.into())),
            }
        }
    }

    /// Throws away what is left of a dump that was broken off.
    fn drain(&mut self) -> Result<(), Error> {
        for _ in 0..DRAIN {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok(_) | Err(Errno::INTR | Errno::NOBUFS) => (),
                Err(Errno::AGAIN) => {
                    self.unfinished = false;
                    return Ok(());
                }
                Err(errno) => return Err(Error::Ask(errno.into())),
            }
        }
        Err(Error::Torn)
    }
}

/// What a dump came to that ended with this error number.
fn ended(errno: i32, torn: bool) -> Result<(), Error> {
    match errno {
        0 if torn => Err(Error::Torn),
        0 => Ok(()),
        errno => Err(Error::Refused(io::Error::from_raw_os_error(errno))),
    }
}

impl Source for SockDiag {
    fn sockets(&mut self, filter: &Filter, each: &mut dyn FnMut(Socket)) -> Result<(), Error> {
        let filters = std::slice::from_ref(filter);
        let dump = |family| Dump { filters, family, states: ALL_STATES, extensions: MEMORY };
        let mut each = |socket, _| each(socket);
        if filter.spans_ipv4() {
            self.dump(&dump(AF_INET), &mut each)?;
        }
        match self.dump(&dump(AF_INET6), &mut each) {
            // A kernel without IPv6 has no table for it.
            Err(Error::Refused(error)) if filter.spans_ipv4() && error.kind() == io::ErrorKind::NotFound => Ok(()),
            ended => ended,
        }
    }

    fn name(&self) -> &'static str {
        "sock_diag"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_an_error_when_the_kernel_says_so() {
        assert!(ended(0, false).is_ok());
        assert!(matches!(ended(0, true), Err(Error::Torn)));
        assert!(matches!(ended(2, false), Err(Error::Refused(error)) if error.kind() == io::ErrorKind::NotFound));
    }
}
