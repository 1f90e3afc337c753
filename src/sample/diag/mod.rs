//! The bytes of sock_diag: a dump request with its filter, and the answers, sans-io.
//!
//! The choice not taken: `netlink-packet-sock-diag`'s messages. They allocate for every socket, cannot carry the
//! filter's bytecode, and at 50,000 sockets the parsing would cost as much as the kernel's own work; here a socket is
//! read out of the fixed 72 bytes of `inet_diag_msg` (`linux/inet_diag.h`). Constants come from that crate where it has
//! them. Numbers are in the machine's order except ports and addresses, which are in the network's.

mod answer;
mod entry;
mod request;

pub(super) use answer::{Answers, Message};
pub(super) use entry::Particulars;
pub use entry::{Entry, Handle};
pub(super) use request::{ALL_STATES, Dump, INFO, LISTENERS, MEMORY, destroy, request};

/// The length of `nlmsghdr`.
const HEADER: usize = 16;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_ne_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_ne_bytes(*chunk))
}
