//! Namespaces as descriptors: forks the maker, takes what it hands over, and sees it gone.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, socketpair,
};
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::thread::CapabilitySet;

use super::maker::{MOST_DESCRIPTORS, Script};
use super::report::{Report, SIZE, settings};
use super::{Error, Plan, Settings};

/// How long the maker may take: a machine that destroys thousands of namespaces meanwhile is slow to make one.
const MADE_WITHIN: Duration = Duration::from_secs(60);

/// The namespaces of a sandbox; they live as long as these descriptors and the processes inside.
pub(super) struct Namespaces {
    /// The user namespace; none when this process is privileged enough without.
    pub(super) user: Option<OwnedFd>,
    /// The server's host and its settings; also the client's when there is no other.
    pub(super) server: (OwnedFd, Settings),
    /// The client's host and its settings.
    pub(super) client: Option<(OwnedFd, Settings)>,
}

impl Namespaces {
    /// Makes the namespaces of one host or two.
    pub(super) fn make(plan: &Plan, two_hosts: bool) -> Result<Self, Error> {
        let user_namespace = !may_make_network_namespaces()?;
        let mut script = Script::new(plan, two_hosts, user_namespace)?;
        let (ours, makers) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(Error::system("make a socket pair"))?;
        set_socket_timeout(&ours, Timeout::Recv, Some(MADE_WITHIN)).map_err(Error::system("set a time limit"))?;
        let maker = fork_maker(&mut script, makers.as_fd())
            .map_err(|source| Error::System { what: "fork the process that makes the namespaces", source })?;
        // Only the maker's own copy may stay open, so that its death is an end of file here.
        drop(makers);
        let heard = hear(&ours);
        let ended = reap(maker, heard.is_err());
        let (report, namespaces) = heard.map_err(|errno| silence(errno, ended))?;
        Self::from_report(report, namespaces, script.descriptors(), user_namespace, ended)
    }

    fn from_report(
        report: Option<Report>,
        namespaces: Vec<OwnedFd>,
        expected: usize,
        user_namespace: bool,
        ended: Option<i32>,
    ) -> Result<Self, Error> {
        match report {
            None => Err(silence(Errno::PROTO, ended)),
            Some(Report::Failed { step, errno }) => {
                Err(Error::Step { step, source: io::Error::from_raw_os_error(errno) })
            }
            Some(Report::Done { .. }) if namespaces.len() != expected => Err(Error::Maker(format!(
                "it handed over {} of {expected} descriptors; this process may have too many open",
                namespaces.len()
            ))),
            Some(Report::Done { client, server }) => {
                // The maker sends the server's, the client's, the user namespace; those that there are.
                let mut namespaces = namespaces.into_iter();
                let short = || Error::Maker("it handed over no network namespace".to_owned());
                let server = (namespaces.next().ok_or_else(short)?, settings(&server)?);
                let second = if expected > 1 + usize::from(user_namespace) { namespaces.next() } else { None };
                let client = second.map(|fd| settings(&client).map(|settings| (fd, settings))).transpose()?;
                Ok(Self { user: namespaces.next(), server, client })
            }
        }
    }
}

/// Whether a network namespace can be made and set up without a user namespace around it.
fn may_make_network_namespaces() -> Result<bool, Error> {
    let held = rustix::thread::capabilities(None).map_err(Error::system("read this process's capabilities"))?;
    Ok(held.effective.contains(CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN))
}

/// Forks the maker, which plays the script and ends.
#[expect(unsafe_code, reason = "the standard library has no fork")]
fn fork_maker(script: &mut Script, report: BorrowedFd<'_>) -> io::Result<Pid> {
    // SAFETY: the child makes system calls only (see `maker`) and leaves by `_exit`, so it never touches a lock that
    // another thread of the parent held at the fork, and never returns into the parent's code.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let leave = Leave;
        let _: Result<(), Errno> = script.play(report);
        drop(leave);
    }
    Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(io::Error::last_os_error)
}

/// Ends the maker when dropped, were it by a panic: unwinding must not run the parent's code a second time.
struct Leave;

impl Drop for Leave {
    #[expect(unsafe_code, reason = "the standard library's exit runs the parent's exit handlers")]
    fn drop(&mut self) {
        // SAFETY: always sound; it ends the process.
        unsafe { libc::_exit(0) }
    }
}

/// Waits for the report and the descriptors beside it.
fn hear(from: &OwnedFd) -> Result<(Option<Report>, Vec<OwnedFd>), Errno> {
    let mut bytes = [0; SIZE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(from, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)
    })?;
    let namespaces = beside
        .drain()
        .filter_map(|message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None })
        .flatten()
        .collect();
    Ok((bytes.get(..received.bytes).and_then(Report::decode), namespaces))
}

/// Waits for the maker's end, after killing it when nothing was heard of it; the signal that ended it, if one did.
fn reap(maker: Pid, kill: bool) -> Option<i32> {
    if kill {
        // It can only have ended by itself meanwhile, and is not reaped yet, so the id is still its own.
        let _: Result<(), Errno> = rustix::process::kill_process(maker, Signal::KILL);
    }
    let ended = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(maker), WaitOptions::empty()));
    ended.ok().flatten().and_then(|(_, status)| status.terminating_signal())
}

/// The error for a maker that said nothing that can be understood.
fn silence(errno: Errno, ended: Option<i32>) -> Error {
    Error::Maker(match ended {
        _ if errno == Errno::AGAIN => format!("it took longer than {} s", MADE_WITHIN.as_secs()),
        Some(signal) => format!("it was killed by signal {signal}; a seccomp filter may forbid namespaces"),
        None => format!("it ended without a report ({errno})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Step;

    #[test]
    fn a_failed_step_keeps_its_number() {
        let report = Report::Failed { step: Step::UserNamespace, errno: 28 };
        let error = Namespaces::from_report(Some(report), Vec::new(), 3, true, None).err().unwrap();
        assert!(
            matches!(&error, Error::Step { step: Step::UserNamespace, source } if source.raw_os_error() == Some(28))
        );
        assert!(error.hint().unwrap().contains("max_user_namespaces"));
    }

    #[test]
    fn a_maker_that_dies_silently_is_told_by_its_signal() {
        let error = Namespaces::from_report(None, Vec::new(), 3, true, Some(31)).err().unwrap().to_string();
        assert!(error.contains("signal 31"), "{error}");
    }

    #[test]
    fn too_few_descriptors_are_an_error_and_not_a_sandbox() {
        let texts = super::super::report::Texts::default();
        let report = Report::Done { client: texts, server: texts };
        let error = Namespaces::from_report(Some(report), Vec::new(), 2, false, None).err().unwrap().to_string();
        assert!(error.contains("0 of 2 descriptors"), "{error}");
    }
}
