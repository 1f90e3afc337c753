//! The caller's side of a start: in namespaces, or beside this process.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

use super::births;
use super::command::{self, Become, Start};
use super::enclosed::Way;
use super::init::Orders;
use super::report::{Failed, Told, hear_first};
use super::{Enclosed, Enclosure, EnclosureError, EnclosureStep, Errand};

/// Starts the command below an init of its own.
pub(super) fn in_namespaces(
    enclosure: &Enclosure,
    errand: &Errand,
    stdio: [OwnedFd; 3],
) -> Result<Enclosed, EnclosureError> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair.map_err(EnclosureError::system("make a socket pair"))?;
    rustix::net::sockopt::set_socket_passcred(&ours, true)
        .map_err(EnclosureError::system("let process ids pass a socket"))?;
    let (register, teller) = births::pair().map_err(EnclosureError::system("make a socket pair"))?;
    let (theirs, teller) = (above_standard(theirs)?, above_standard(teller)?);
    let [input, output, error] = stdio;
    let stdio = [above_standard(input)?, above_standard(output)?, above_standard(error)?];
    let orders = Orders {
        enclosure,
        errand,
        caller_uid: rustix::process::geteuid().as_raw(),
        caller_gid: rustix::process::getegid().as_raw(),
    };
    let cloned = clone_init(enclosure.user_namespace).map_err(|source| {
        let step = if enclosure.user_namespace { EnclosureStep::UserNamespace } else { EnclosureStep::PidNamespace };
        EnclosureError::Step { step, source }
    })?;
    let Some(init) = cloned else {
        let leave = Leave;
        orders.live(stdio, &theirs, teller);
        drop(leave);
        unreachable!("init has left");
    };
    // Only init's own copies may stay open, so that its death is an end of file here.
    drop((theirs, teller, stdio));
    let heard = hear_first(&ours);
    match heard {
        Ok(Some((Told::Started { bounded, notices }, Some(command)))) => {
            // None where the command has ended already, or the kernel is older than 5.3.
            let pidfd = rustix::process::pidfd_open(command, PidfdFlags::empty()).ok();
            let way = Way::Init { init, reports: ours, register, bounded, reaped: false };
            Ok(Enclosed::new(way, command, pidfd, notices))
        }
        Ok(Some((Told::Failed(failed), _))) => {
            end(init);
            Err(EnclosureError::from_failed(failed, errand))
        }
        other => {
            let signal = end(init);
            let errno = other.err().map(|errno: Errno| format!(" ({errno})")).unwrap_or_default();
            Err(EnclosureError::Init(match signal {
                Some(signal) => format!("it was killed by signal {signal}{errno}"),
                None => format!("it ended without a report{errno}"),
            }))
        }
    }
}

/// Starts the command as a child of this process, which adopts whatever that leaves behind.
pub(super) fn beside(enclosure: &Enclosure, errand: &Errand, stdio: [OwnedFd; 3]) -> Result<Enclosed, EnclosureError> {
    let mut notices = vec![
        "without a PID namespace, a process of the command may outlive this one".to_owned(),
        format!(
            "the kernel does not bound the command's processes to {}: more than that end the check",
            errand.max_processes
        ),
    ];
    if enclosure.hosts.is_some() {
        notices.push("without a mount namespace, /etc/hosts is this machine's own".to_owned());
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(EnclosureError::system("adopt what the command leaves behind"))?;
    let start = Start { become_user: Become::choose(errand.uid, errand.gid), bounded: false, dies_with_us: true };
    let command =
        command::start(errand, stdio, &start).map_err(|failed: Failed| EnclosureError::from_failed(failed, errand))?;
    let way = Way::Subreaper;
    match rustix::process::pidfd_open(command, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Enclosed::new(way, command, Some(pidfd), notices)),
        Err(errno) => {
            // Dropped, it kills what was started.
            drop(Enclosed::new(way, command, None, notices));
            Err(EnclosureError::system("watch the command by a descriptor")(errno))
        }
    }
}

/// Init makes 0, 1 and 2 its own before anything else.
fn above_standard(fd: OwnedFd) -> Result<OwnedFd, EnclosureError> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    rustix::io::fcntl_dupfd_cloexec(fd.as_fd(), 3).map_err(EnclosureError::system("move a descriptor"))
}

/// Clones this process into a new PID namespace; `None` in the clone.
#[expect(unsafe_code, reason = "the standard library has no clone")]
fn clone_init(user_namespace: bool) -> io::Result<Option<Pid>> {
    let user = if user_namespace { libc::CLONE_NEWUSER } else { 0 };
    let flags = libc::c_long::from(libc::CLONE_NEWPID | user | libc::SIGCHLD);
    // SAFETY: without CLONE_VM this is a fork, and a null stack keeps the caller's in the copy. The calling process has
    // a single thread, so no lock is held by a thread that the copy lacks; the copy leaves by `_exit`. That libc does
    // not hear of this fork leaves a stale thread id in the copy, which nothing there reads before its next fork.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    match i32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Pid::from_raw(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends init when dropped, were it by a panic: unwinding must not run the caller's code a second time.
struct Leave;

impl Drop for Leave {
    #[expect(unsafe_code, reason = "the standard library's exit runs the caller's exit handlers")]
    fn drop(&mut self) {
        // SAFETY: always sound; it ends the process.
        unsafe { libc::_exit(0) }
    }
}

/// Kills init, which has not been reaped, and waits for it; the signal that ended it, if one did.
pub(super) fn end(init: Pid) -> Option<i32> {
    let _: Result<(), Errno> = rustix::process::kill_process(init, Signal::KILL);
    let ended = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(init), WaitOptions::empty()));
    ended.ok().flatten().and_then(|(_, status)| status.terminating_signal())
}
