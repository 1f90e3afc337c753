//! The handover: the first thing on a channel, the role as JSON with the extra descriptors beside it.
//!
//! Descriptors travel as `SCM_RIGHTS`. The choice not taken, clearing close-on-exec before the start, would also leak
//! them into every other process that is started at that moment.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::Serialize;

use super::Error;
use super::frame::{announced, encode};

/// The most extra descriptors that a part is given.
pub const MAX_DESCRIPTORS: usize = 64;

/// How long the other end may take over it: it is an exec, or a read by a process that does nothing else yet.
const WITHIN: Duration = Duration::from_secs(30);

/// Hands `role` and `extra` over.
pub(super) fn give<R: Serialize + ?Sized>(
    mut stream: &UnixStream,
    role: &R,
    extra: &[BorrowedFd<'_>],
) -> Result<(), Error> {
    let count = u8::try_from(extra.len()).ok().filter(|_| extra.len() <= MAX_DESCRIPTORS);
    let count = count.ok_or(Error::TooManyDescriptors(extra.len()))?;
    let role = encode(role)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !extra.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(extra)) {
        return Err(Error::TooManyDescriptors(extra.len()));
    }
    let mut give = || -> io::Result<()> {
        stream.set_write_timeout(Some(WITHIN))?;
        rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(stream, &[IoSlice::new(&[count])], &mut beside, SendFlags::NOSIGNAL)
        })?;
        stream.write_all(&role)
    };
    give().map_err(Error::channel("hand the role over to the part"))
}

/// Takes over what [`give`] sent: the role's JSON and the descriptors, in order.
pub(super) fn take(mut stream: &UnixStream) -> Result<(Vec<u8>, Vec<OwnedFd>), Error> {
    stream.set_read_timeout(Some(WITHIN)).map_err(Error::NoConductor)?;
    let (count, descriptors) = take_descriptors(stream)?;
    if descriptors.len() != usize::from(count) {
        return Err(Error::LostDescriptors { expected: usize::from(count), received: descriptors.len() });
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).map_err(Error::NoConductor)?;
    let mut role = vec![0; announced(head)?];
    stream.read_exact(&mut role).map_err(Error::NoConductor)?;
    Ok((role, descriptors))
}

fn take_descriptors(stream: &UnixStream) -> Result<(u8, Vec<OwnedFd>), Error> {
    let mut count = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut count)], &mut beside, RecvFlags::CMSG_CLOEXEC)
    })
    .map_err(|errno| Error::NoConductor(errno.into()))?;
    if received.bytes == 0 {
        return Err(Error::NoConductor(io::ErrorKind::UnexpectedEof.into()));
    }
    let rights = |message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None };
    Ok((count[0], beside.drain().filter_map(rights).flatten().collect()))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn inode(fd: impl AsFd) -> u64 {
        rustix::fs::fstat(fd).unwrap().st_ino
    }

    #[test]
    fn descriptors_arrive_in_order_with_the_role() {
        let (a, b) = UnixStream::pair().unwrap();
        let files: Vec<_> = (0..MAX_DESCRIPTORS).map(|_| UnixStream::pair().unwrap().0).collect();
        let extra: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        give(&a, "role", &extra).unwrap();
        let (role, taken) = take(&b).unwrap();
        assert_eq!(role, b"\"role\"");
        assert_eq!(taken.iter().map(inode).collect::<Vec<_>>(), files.iter().map(inode).collect::<Vec<_>>());
        assert!(taken.iter().all(|fd| rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC)));
    }

    #[test]
    fn too_many_descriptors_are_refused_before_anything_is_sent() {
        let (a, b) = UnixStream::pair().unwrap();
        let extra = vec![a.as_fd(); MAX_DESCRIPTORS + 1];
        assert!(matches!(give(&a, "role", &extra), Err(Error::TooManyDescriptors(65))));
        drop(a);
        assert!(matches!(take(&b), Err(Error::NoConductor(_))), "nothing came");
    }

    #[test]
    fn announced_descriptors_that_are_missing_are_told() {
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(&[2]).unwrap();
        assert!(matches!(take(&b), Err(Error::LostDescriptors { expected: 2, received: 0 })));
    }
}
