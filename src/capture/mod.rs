//! Packets to frames, and the ledger of opens and closes: what a client did with its connections, told by its packets.
//!
//! A [`Tap`] gives the segments that open or close a TCP connection, with the kernel's own times; a [`Ledger`] folds
//! them into one [`Entry`] a connection, a [`FoldedLedger`] into numbers as connections end. The choice not taken: asking
//! the socket table often, which misses whatever opens and closes between two looks, and cannot tell a reset from an
//! orderly close.
//!
//! A trace wants more: a [`FrameTap`] gives the whole frames of one server's connections, [`Frame`] reads them, and
//! [`pcapng`] writes them down for Wireshark.
//!
//! Nothing here starts a thread, waits for a packet, or knows whether a close came in time; a ledger keeps no payload.

mod error;
mod filter;
mod folded;
mod frame;
mod frames;
mod ledger;
mod pcapng;
mod ring;
mod segment;
mod stamp;
mod steps;
mod tap;

pub use error::Error;
pub use folded::{FinWait, FoldedLedger};
pub use frame::{Captured, Frame, TcpFlags};
pub use frames::{FrameTap, SNAP_LENGTH};
pub use ledger::{Entry, Ledger};
pub use pcapng::{Capture, Interface, Packet, pcapng};
pub use segment::{Flags, Segment};
pub use tap::Tap;
