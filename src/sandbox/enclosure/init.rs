//! Init: the clone of the calling process that is PID 1 of the command's namespace. It makes the mounts, starts the
//! command, reaps whatever ends, and stays until it is killed.
//!
//! PID 1 has no handler for SIGTERM, SIGINT and SIGHUP, and so the kernel drops them; only a SIGKILL from outside ends it.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::thread::UnshareFlags;

use super::births::{self, Teller};
use super::command::{self, Become, Start};
use super::report::{At, Failed, Told, tell};
use super::{CommandEnd, Enclosure, EnclosureStep, Errand, files, mounts};
use crate::units::Monotonic;

/// Process ids below this one are given out once only, at the beginning: they are passed over, so that a command may have
/// as many as there are above, no matter whether it begins or has gone on for long.
const RESERVED_PIDS: u32 = 300;

/// The first kernels with a `kernel.pid_max` of each PID namespace, and with a count of processes of each user namespace.
const PID_MAX_SINCE: (u32, u32) = (6, 14);
const NPROC_SINCE: (u32, u32) = (5, 14);

/// What init is to do; its caller's ids are those that a user namespace of our own maps to.
pub(super) struct Orders<'a> {
    pub(super) enclosure: &'a Enclosure,
    pub(super) errand: &'a Errand,
    pub(super) caller_uid: u32,
    pub(super) caller_gid: u32,
}

impl Orders<'_> {
    /// Init's life. It returns only when its caller is gone, or nothing was started.
    pub(super) fn live(&self, stdio: [OwnedFd; 3], caller: &OwnedFd, teller: OwnedFd) {
        let mut notices = Vec::new();
        let prepared = self.prepare(&stdio, caller, &teller, &mut notices);
        let mut teller = Teller::new(teller, self.errand.max_processes);
        let command = match prepared {
            Ok((start, bounded)) => command::start(self.errand, stdio, &start).map(|pid| (pid, bounded)),
            Err(failed) => Err(failed),
        };
        let told = match command {
            Ok((pid, bounded)) => tell(caller, &Told::Started { bounded, notices }, Some(pid)).map(|()| pid),
            Err(failed) => tell(caller, &Told::Failed(failed), None).and(Err(Errno::SRCH)),
        };
        if let Ok(command) = told {
            reap(command, caller, &mut teller);
            wait_for_the_end_of(caller);
        }
    }

    /// Makes the namespaces; how the command starts, and whether its processes are bounded.
    fn prepare(
        &self,
        stdio: &[OwnedFd; 3],
        caller: &OwnedFd,
        teller: &OwnedFd,
        notices: &mut Vec<String>,
    ) -> Result<(Start, bool), Failed> {
        keep_only(stdio, [caller, teller]).at(EnclosureStep::Fork)?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(EnclosureStep::DieWithCaller)?;
        // A caller that died before the call above sends no signal. It is outside of our PID namespace, so it has no
        // number that `getppid` could compare.
        if is_gone(caller) {
            return Err(Failed { step: EnclosureStep::DieWithCaller, errno: libc::ESRCH });
        }
        // Only a name in a list of processes.
        let _ = rustix::thread::set_name(c"closewait-init");
        default_child_signal();
        if self.enclosure.user_namespace {
            let maps = command::id_maps((0, self.caller_uid), (0, self.caller_gid));
            maps.iter().try_for_each(|(file, text)| command::write_file(file, text)).at(EnclosureStep::IdMap)?;
        }
        command::unshare(UnshareFlags::NEWNS).at(EnclosureStep::MountNamespace)?;
        mounts::keep_to_ourselves().at(EnclosureStep::Propagation)?;
        if let Some(hosts) = &self.enclosure.hosts {
            files::replace(hosts, self.enclosure.offline, notices)?;
        }
        if let Err(error) = mounts::proc() {
            notices.push(format!("the command sees this machine's /proc: one of its own was refused ({error})"));
        }
        let become_user = Become::choose(self.errand.uid, self.errand.gid);
        let by_limit = become_user == Become::Nested && kernel() >= NPROC_SINCE;
        let by_numbers = bound_processes(self.errand.max_processes);
        if !by_numbers && !by_limit {
            notices.push(format!(
                "the kernel does not bound the command's processes to {} (for root this needs Linux 6.14): more than that end the check",
                self.errand.max_processes
            ));
        }
        let start = Start { become_user, bounded: by_limit, dies_with_us: false };
        Ok((start, by_numbers || by_limit))
    }
}

/// Bounds the processes of this PID namespace by the numbers that there are for them; whether that is done. Where the first
/// numbers cannot be passed over (a kernel without checkpoints), as many more processes as those are may be had once.
///
/// The choice not taken: a cgroup's `pids.max`. Root alone may write one, its place differs between versions and
/// containers, and one that is left behind by a kill -9 stays.
fn bound_processes(most: u32) -> bool {
    const FILE: &str = "/proc/sys/kernel/pid_max";
    const LAST: &str = "/proc/sys/kernel/ns_last_pid";
    // Before, the file was this machine's own; and so it may be for a process that is not the first of a namespace.
    if kernel() < PID_MAX_SINCE || rustix::process::getpid() != Pid::INIT {
        return false;
    }
    let bound = most.saturating_add(RESERVED_PIDS);
    let current = std::fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse::<u32>().ok());
    // It can only be lowered.
    let bounded =
        current.is_some_and(|current| current <= bound || command::write_file(FILE, &bound.to_string()).is_ok());
    // Only ever this namespace's own; refused, the bound is loose and there nevertheless.
    let _ = command::write_file(LAST, &RESERVED_PIDS.to_string());
    bounded
}

/// The kernel's version; zeros when it has a form that is not known.
pub(super) fn kernel() -> (u32, u32) {
    version(&rustix::system::uname().release().to_string_lossy())
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|word| word.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Reaps until no process is left, tells the end of `command`, and meanwhile how many were born. Without a child no process
/// of the namespace can be left, because each of them that is orphaned becomes ours.
fn reap(command: Pid, caller: &OwnedFd, teller: &mut Teller) {
    hold_back_child_signal();
    let mut due = Monotonic::now().after(births::EVERY);
    loop {
        if due.remaining().is_zero() {
            teller.tell();
            due = Monotonic::now().after(births::EVERY);
        }
        match rustix::io::retry_on_intr(|| rustix::process::wait(WaitOptions::NOHANG)) {
            Ok(Some((pid, status))) if pid == command => {
                let end = CommandEnd {
                    code: status.exit_status(),
                    signal: status.terminating_signal(),
                    at: Monotonic::now(),
                };
                teller.tell();
                // A caller that cannot hear is dead, and we are about to be.
                let _ = tell(caller, &Told::Ended(end), None);
            }
            Ok(Some(_)) => {}
            Ok(None) => wait_for_child_signal(due.remaining()),
            Err(_) => return,
        }
    }
}

/// Waits until the caller kills us, or has died.
fn wait_for_the_end_of(caller: &OwnedFd) {
    let mut watched = [PollFd::new(caller, PollFlags::empty())];
    while rustix::event::poll(&mut watched, None) == Err(Errno::INTR) {}
}

fn is_gone(caller: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(caller, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut watched, Some(&now)).is_ok_and(|ready| ready > 0)
}

/// Closes every descriptor but these, so that what our caller holds open ends with it; our own standard streams become
/// `/dev/null`.
fn keep_only(stdio: &[OwnedFd; 3], sockets: [&OwnedFd; 2]) -> io::Result<()> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    drop(null);
    let mut kept: Vec<RawFd> = stdio.iter().chain(sockets).map(AsRawFd::as_raw_fd).collect();
    kept.sort_unstable();
    let mut first: RawFd = 3;
    for fd in kept {
        close_range(first, fd - 1);
        first = fd + 1;
    }
    close_range(first, RawFd::MAX);
    Ok(())
}

#[expect(unsafe_code, reason = "rustix has no close_range")]
fn close_range(first: RawFd, last: RawFd) {
    if first <= last {
        // SAFETY: init has nothing of its caller's in use but the descriptors that are kept, and it leaves by `_exit`,
        // so that no owner of a closed descriptor is ever dropped. A kernel before 5.9 refuses, and they stay open.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// A caller that ignores SIGCHLD would leave us without the ends of processes.
#[expect(unsafe_code, reason = "rustix has no signal handlers")]
fn default_child_signal() {
    // SAFETY: the default handler runs no code of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

fn only_child_signal() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    #[expect(unsafe_code, reason = "rustix has no signal sets")]
    // SAFETY: the set is written by the first call, and the second is given it with a signal that there is.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        set.assume_init()
    }
}

/// Held back, SIGCHLD can be waited for; it is called when the command has been started, which would inherit it.
fn hold_back_child_signal() {
    let set = only_child_signal();
    #[expect(unsafe_code, reason = "rustix has no signal masks")]
    // SAFETY: the set is whole, and the old one is not asked for.
    unsafe {
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Waits for a child's end, for less than a second.
fn wait_for_child_signal(time: Duration) {
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    let set = only_child_signal();
    #[expect(unsafe_code, reason = "rustix has no sigtimedwait")]
    // SAFETY: both are whole, and what is known of the signal is not asked for.
    unsafe {
        libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const timeout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_two_numbers() {
        assert_eq!(version("6.18.44-fc-v657"), (6, 18));
        assert_eq!(version("5.4"), (5, 4));
        assert!(version("unknown") < NPROC_SINCE && version("6.8.0-45-generic") < PID_MAX_SINCE);
    }
}
