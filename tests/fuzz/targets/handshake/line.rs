//! A connection in memory, whose server's end is read in pieces of any size.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is under way.
#[derive(Default)]
struct Way {
    to_server: Vec<u8>,
    read: usize,
    to_client: Vec<u8>,
    closed: bool,
    sizes: [u8; 2],
}

/// The client's end.
pub struct Line(Rc<RefCell<Way>>);

/// The server's.
pub struct Far(Rc<RefCell<Way>>);

impl Line {
    pub fn new(sizes: [u8; 2]) -> Self {
        Self(Rc::new(RefCell::new(Way { sizes, ..Way::default() })))
    }

    pub fn far(&self) -> Far {
        Far(self.0.clone())
    }

    /// All that the server has said since it was asked last.
    pub fn heard(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().to_client)
    }

    /// Says more; who says nothing closes.
    pub fn say(&mut self, bytes: &[u8]) {
        let mut way = self.0.borrow_mut();
        way.to_server.extend_from_slice(bytes);
        way.closed |= bytes.is_empty();
    }

    /// Lets the server go on until it waits for the client; what it has come to in the end.
    pub fn advance<T>(&self, server: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match server.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => {
                let way = self.0.borrow();
                assert!(way.read == way.to_server.len(), "it waits although there is something to read");
                assert!(!way.closed, "it waits for a client that has gone");
                None
            }
        }
    }
}

impl AsyncRead for Far {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let way = &mut *self.0.borrow_mut();
        let rest = &way.to_server[way.read..];
        if rest.is_empty() && !way.closed {
            return Poll::Pending;
        }
        way.sizes.rotate_left(1);
        let take = rest.len().min(usize::from(way.sizes[0]) * 8 + 1).min(buffer.remaining());
        buffer.put_slice(&rest[..take]);
        way.read += take;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Far {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().to_client.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
