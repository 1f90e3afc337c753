//! What init tells its caller: a message per packet of a socket that keeps borders.
//!
//! The command's process id travels beside the first one as credentials, because the kernel then translates it between
//! the two PID namespaces. The choice not taken: looking for it under `/proc`, which races with the command's end.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, UCred,
};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::{CommandEnd, EnclosureStep};

/// More than any message is long.
const SIZE: usize = 16 * 1024;

/// A step that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failed {
    pub(super) step: EnclosureStep,
    pub(super) errno: i32,
}

/// Names the step of an error.
pub(super) trait At<T> {
    fn at(self, step: EnclosureStep) -> Result<T, Failed>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: EnclosureStep) -> Result<T, Failed> {
        self.map_err(|errno| Failed { step, errno: errno.raw_os_error() })
    }
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, step: EnclosureStep) -> Result<T, Failed> {
        self.map_err(|error| Failed { step, errno: error.raw_os_error().unwrap_or(libc::EIO) })
    }
}

/// A message of init.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    /// The command runs; its process id is beside this.
    Started { bounded: bool, notices: Vec<String> },
    /// It does not run.
    Failed(Failed),
    /// It has ended.
    Ended(CommandEnd),
}

/// Sends a message, with the process id of the command beside it when there is one.
pub(super) fn tell(to: impl AsFd, told: &Told, command: Option<Pid>) -> Result<(), Errno> {
    let bytes = serde_json::to_vec(told).map_err(|_| Errno::INVAL)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if let Some(pid) = command {
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        if !beside.push(SendAncillaryMessage::ScmCredentials(UCred { pid, uid, gid })) {
            return Err(Errno::NOBUFS);
        }
    }
    rustix::net::sendmsg(to, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for the first message and the process id beside it; no message when init has died. The socket must have been
/// told to pass credentials.
pub(super) fn hear_first(from: impl AsFd) -> Result<Option<(Told, Option<Pid>)>, Errno> {
    let mut bytes = vec![0; SIZE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(&from, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)
    })?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let pid = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(credentials) => Some(credentials.pid),
        _ => None,
    });
    let told = serde_json::from_slice(bytes.get(..received.bytes).unwrap_or_default()).map_err(|_| Errno::PROTO)?;
    Ok(Some((told, pid)))
}

/// What has become of the command.
pub(super) enum Word {
    /// Nothing is told yet.
    None,
    /// Its end.
    End(CommandEnd),
    /// Init died before it told.
    Silence,
}

/// Looks for the end without taking it, so that the socket stays readable.
pub(super) fn peek_end(from: impl AsFd) -> Word {
    let mut bytes = [0; 1024];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match rustix::io::retry_on_intr(|| rustix::net::recv(&from, &mut bytes[..], flags)) {
        Ok((0, _)) => Word::Silence,
        Ok((count, _)) => match serde_json::from_slice(bytes.get(..count).unwrap_or_default()) {
            Ok(Told::Ended(end)) => Word::End(end),
            _ => Word::Silence,
        },
        Err(Errno::AGAIN) => Word::None,
        Err(_) => Word::Silence,
    }
}
