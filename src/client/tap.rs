//! The stream that a driver is given: our own socket, shared, with a clock at its side.
//!
//! A driver owns the stream that it is given and closes it when it is dropped. This one shares its socket with the
//! attempt, so that dropping the driver closes nothing and the close is the strategy's. What passes is not changed; the
//! first byte of each write tells the phase (MS-TDS 2.2.3.1.1: the packet type). The choice not taken: a patched driver.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::units::Monotonic;

const PRELOGIN: u8 = 0x12;

/// When each part of a login began, as the stream saw it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    pub(super) prelogin_sent: Option<Monotonic>,
    pub(super) prelogin_answered: Option<Monotonic>,
    pub(super) tls_started: Option<Monotonic>,
    pub(super) login_sent: Option<Monotonic>,
    /// The peer closed, or the socket failed: what a driver's own error no longer tells.
    pub(super) end: Option<End>,
}

/// How the stream ended under the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The peer's FIN was read.
    Eof,
    /// An error with this number.
    Errno(i32),
}

impl Marks {
    fn wrote(&mut self, first: u8) {
        let now = Monotonic::now;
        if self.prelogin_sent.is_none() {
            self.prelogin_sent = Some(now());
        } else if self.prelogin_answered.is_some() && self.login_sent.is_none() {
            // Until the handshake ends, its records travel inside PRELOGIN packets; whatever is not one is the login.
            if first == PRELOGIN {
                self.tls_started.get_or_insert_with(now);
            } else {
                self.login_sent = Some(now());
            }
        }
    }

    fn read(&mut self) {
        if self.prelogin_sent.is_some() {
            self.prelogin_answered.get_or_insert_with(Monotonic::now);
        }
    }
}

/// One end of the shared socket; the driver's.
#[derive(Debug)]
pub(super) struct Tap(Arc<Shared>);

/// The other end; the attempt's.
#[derive(Debug)]
pub(super) struct Grip(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    socket: TcpStream,
    marks: Mutex<Marks>,
}

impl Shared {
    fn mark(&self, change: impl FnOnce(&mut Marks)) {
        change(&mut self.marks.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Shares a socket between a driver and its attempt.
pub(super) fn share(socket: TcpStream) -> (Tap, Grip) {
    let shared = Arc::new(Shared { socket, marks: Mutex::default() });
    (Tap(Arc::clone(&shared)), Grip(shared))
}

impl Grip {
    /// Takes the socket back once the driver is dropped.
    ///
    /// # Panics
    /// When the driver still lives: that would be a bug here.
    pub(super) fn release(self) -> (TcpStream, Marks) {
        let shared = Arc::into_inner(self.0).expect("the driver was dropped before its socket is taken back");
        (shared.socket, shared.marks.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tap {
    fn failed(&self, error: io::Error) -> io::Error {
        if let Some(number) = error.raw_os_error() {
            self.0.mark(|marks| marks.end = Some(End::Errno(number)));
        }
        error
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.socket.poll_read_ready(cx)).map_err(|error| self.failed(error))?;
            match self.0.socket.try_read(buffer) {
                Ok(n) => {
                    let eof = n == 0 && !buffer.is_empty();
                    self.0.mark(|marks| if eof { marks.end = Some(End::Eof) } else { marks.read() });
                    return Poll::Ready(Ok(n));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(self.failed(error))),
            }
        }
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(&first) = bytes.first() {
            self.0.mark(|marks| marks.wrote(first));
        }
        loop {
            ready!(self.0.socket.poll_write_ready(cx)).map_err(|error| self.failed(error))?;
            match self.0.socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result.map_err(|error| self.failed(error))),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// A driver that closes its stream on its own must not close ours: that is the strategy's to do.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
