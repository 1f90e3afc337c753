//! How many processes and threads were born in a PID namespace, told by its init: whoever looks at them a hundred times a
//! second knows by that whether one came and went between two looks.
//!
//! The kernel gives process numbers out in order, so the last one tells how many there were. It tells a process of the
//! namespace alone. The choice not taken: events of the proc connector, which only root of the whole machine hears.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use crate::units::Monotonic;

/// How often they are told.
pub(super) const EVERY: Duration = Duration::from_millis(100);

/// With fewer numbers than these they could begin anew between two words, and nobody would know.
const ROOM: u32 = 4096;

/// How many were born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Births {
    /// Processes and threads that the command had, with itself; those that were refused at birth count too.
    pub count: u32,
    /// All that were born until then are counted.
    pub at: Monotonic,
}

/// Where they come in.
#[derive(Debug)]
pub(super) struct Register(OwnedFd);

/// Where init tells them.
#[derive(Debug)]
pub(super) struct Teller {
    to: OwnedFd,
    /// The last number before the command's first; none while nothing can be told.
    base: Option<u32>,
    last: u32,
}

/// A register, and what init takes along.
pub(super) fn pair() -> Result<(Register, OwnedFd), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    Ok((Register(ours), theirs))
}

impl Register {
    /// The newest word since it was last asked.
    pub(super) fn newest(&self) -> Option<Births> {
        let mut newest = None;
        let mut bytes = [0; 128];
        while let Ok((count @ 1.., _)) = rustix::net::recv(&self.0, &mut bytes[..], RecvFlags::DONTWAIT) {
            newest = bytes.get(..count).and_then(|bytes| serde_json::from_slice(bytes).ok()).or(newest);
        }
        newest
    }
}

impl Teller {
    /// Made by init when the command is about to start; `most` processes have numbers of their own.
    pub(super) fn new(to: OwnedFd, most: u32) -> Self {
        let base = if most < ROOM { None } else { last_number() };
        Self { to, base, last: base.unwrap_or(0) }
    }

    /// Tells how many were born until now.
    pub(super) fn tell(&mut self) {
        let at = Monotonic::now();
        let (Some(base), Some(last)) = (self.base, last_number()) else { return };
        if last < self.last {
            // They begin anew: how many there were is not known any more.
            self.base = None;
            return;
        }
        self.last = last;
        if let Ok(bytes) = serde_json::to_vec(&Births { count: last - base, at }) {
            // Nobody may listen just now: then the next word tells it.
            let _ = rustix::net::send(self.to.as_fd(), &bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
    }
}

/// The last process number that was given out in the namespace of this process: the end of `/proc/loadavg`, whosever
/// `/proc` that is.
fn last_number() -> Option<u32> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().last()?.parse().ok()
}
