//! What a process holds: its descriptor table as values.
//!
//! The kinds come from the links below `/proc/PID/fd`, which cost one system call each and leave the process alone. The
//! choice not taken: `pidfd_getfd`, which could ask every socket anything, but needs the right to trace the process and
//! keeps alive what the process has just closed.

use std::os::fd::AsFd;

use rustix::fs::{getxattr, readlinkat_raw};
use rustix::io::Errno;
use rustix::path::DecInt;

use super::proc_dir::{list, number, numbers};

/// An open descriptor of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number, as the process uses it.
    pub number: u32,
    /// What it refers to.
    pub kind: DescriptorKind,
}

/// What a descriptor refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DescriptorKind {
    /// A socket of any family.
    Socket {
        /// Its number in the kernel's sockfs, by which the socket tables name it too.
        inode: u64,
    },
    /// Anything else: `file` for every path, what stands before the colon for what has a number (`pipe`), and the
    /// kernel's own name for the rest (`anon_inode:[eventfd]`).
    Other(String),
}

/// Whether the descriptor is a TCP socket, even one that a reset left in no state and in no table.
///
/// The kernel keeps the protocol's name with the socket's inode (the attribute `system.sockprotoname`) as long as a
/// descriptor is open. None when the descriptor is gone, is no socket, or may not be asked.
#[must_use]
pub fn is_tcp(pid: u32, descriptor: u32) -> Option<bool> {
    let mut name = [0; 64];
    let length = getxattr(format!("/proc/{pid}/fd/{descriptor}"), c"system.sockprotoname", &mut name[..]).ok()?;
    // The terminating zero belongs to the value.
    let name = name[..length].split(|byte| *byte == 0).next()?;
    Some(matches!(name, b"TCP" | b"TCPv6"))
}

/// The descriptors of the process whose directory this is, ascending; none of one that may not be looked into.
///
/// # Errors
/// `NOENT` or `SRCH` when the process is gone.
pub(super) fn descriptors(process: impl AsFd) -> Result<Vec<Descriptor>, Errno> {
    let directory = match list(process, "fd") {
        Ok(directory) => directory,
        Err(errno @ (Errno::NOENT | Errno::SRCH)) => return Err(errno),
        Err(_) => return Ok(Vec::new()),
    };
    let numbers = numbers(&directory);
    let mut found = Vec::with_capacity(numbers.len());
    // A longer link is a path, whose beginning tells enough.
    let mut link = [0; 128];
    for number in numbers {
        // One that cannot be read was closed since the directory was.
        if let Ok(length) = readlinkat_raw(&directory, DecInt::new(number), &mut link[..]) {
            found.push(Descriptor { number, kind: kind(&link[..length]) });
        }
    }
    Ok(found)
}

/// The kind by the link's text.
fn kind(link: &[u8]) -> DescriptorKind {
    let numbered = link.strip_suffix(b"]").and_then(|rest| {
        let bracket = rest.iter().position(|byte| *byte == b'[')?;
        Some((rest[..bracket].strip_suffix(b":")?, number(&rest[bracket + 1..])?))
    });
    match numbered {
        Some((b"socket", inode)) => DescriptorKind::Socket { inode },
        Some((name, _)) if !name.contains(&b'/') => DescriptorKind::Other(String::from_utf8_lossy(name).into_owned()),
        None if link.starts_with(b"anon_inode:") => DescriptorKind::Other(String::from_utf8_lossy(link).into_owned()),
        _ => DescriptorKind::Other("file".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fs::{CWD, fstat};

    use super::super::proc_dir::hold;
    use super::*;

    fn number_of(descriptor: &impl AsRawFd) -> u32 {
        u32::try_from(descriptor.as_raw_fd()).unwrap()
    }

    fn own(descriptor: &impl AsRawFd) -> DescriptorKind {
        let number = number_of(descriptor);
        let all = descriptors(hold(CWD, "/proc/self").unwrap()).unwrap();
        all.into_iter().find(|descriptor| descriptor.number == number).unwrap().kind
    }

    fn other(name: &str) -> DescriptorKind {
        DescriptorKind::Other(name.to_owned())
    }

    #[test]
    fn links_become_kinds() {
        assert_eq!(kind(b"socket:[4294967296]"), DescriptorKind::Socket { inode: 1 << 32 });
        assert_eq!(kind(b"pipe:[7]"), other("pipe"));
        assert_eq!(kind(b"net:[4026531840]"), other("net"));
        assert_eq!(kind(b"anon_inode:[eventpoll]"), other("anon_inode:[eventpoll]"));
        assert_eq!(kind(b"anon_inode:inotify"), other("anon_inode:inotify"));
        for path in [&b"/dev/null"[..], b"/tmp/socket:[7]", b"/memfd:x (deleted)", b"", b"socket:[x]", b"\xff:[", b"]["]
        {
            assert_eq!(kind(path), other("file"));
        }
    }

    #[test]
    fn a_sockets_inode_is_the_one_of_fstat() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(own(&socket), DescriptorKind::Socket { inode: fstat(&socket).unwrap().st_ino });
        assert_eq!(own(&File::open("/dev/null").unwrap()), other("file"));
    }

    #[test]
    fn twenty_eventfds_are_seen() {
        let events: Vec<_> = (0..20).map(|_| eventfd(0, EventfdFlags::CLOEXEC).unwrap()).collect();
        for event in &events {
            assert_eq!(own(event), other("anon_inode:[eventfd]"));
        }
    }

    #[test]
    fn a_tcp_socket_that_was_reset_is_still_told_from_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        socket2::SockRef::from(&accepted).set_linger(Some(Duration::ZERO)).unwrap();
        drop(accepted);
        assert!(client.read(&mut [0]).is_err(), "the reset has arrived");
        let (unix, _peer) = UnixStream::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        let pid = std::process::id();
        let Some(tcp) = is_tcp(pid, number_of(&client)) else {
            return crate::skipped("a_tcp_socket_that_was_reset_is_still_told_from_others", "no sockprotoname here");
        };
        assert!(tcp);
        assert_eq!(is_tcp(pid, number_of(&unix)), Some(false));
        assert_eq!(is_tcp(pid, number_of(&file)), None, "no socket");
        assert_eq!(is_tcp(pid, u32::MAX), None, "not open");
        assert_eq!(is_tcp(u32::MAX, 0), None, "no process");
        if let Ok(six) = TcpListener::bind("[::1]:0") {
            assert_eq!(is_tcp(pid, number_of(&six)), Some(true));
        }
    }
}
