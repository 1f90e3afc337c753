//! A command that was started, from its caller's side.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::births::{Births, Register};
use super::report::{Word, peek_end};
use super::{CommandEnd, start, tree};
use crate::units::Monotonic;

/// How long the weak way tries: a process that the kernel holds in a driver or a dead file system cannot be killed.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// Somebody else's command, running. Dropped, it is killed with everything below it.
#[derive(Debug)]
pub struct Enclosed {
    way: Way,
    command: Pid,
    /// None where the command had ended before one could be had.
    pidfd: Option<OwnedFd>,
    end: Option<CommandEnd>,
    notices: Vec<String>,
}

/// How the command is held.
#[derive(Debug)]
pub(super) enum Way {
    /// By an init of its own, which tells its end.
    Init { init: Pid, reports: OwnedFd, register: Register, bounded: bool, reaped: bool },
    /// By this process, to which its orphans fall.
    Subreaper,
}

impl Enclosed {
    pub(super) fn new(way: Way, command: Pid, pidfd: Option<OwnedFd>, notices: Vec<String>) -> Self {
        Self { way, command, pidfd, end: None, notices }
    }

    /// The root of the command's process tree, in the caller's PID namespace: with namespaces our own init (PID 1
    /// inside; not part of the command), without them the calling process itself.
    #[must_use]
    pub fn root(&self) -> u32 {
        self.root_pid().as_raw_pid().cast_unsigned()
    }

    fn root_pid(&self) -> Pid {
        match &self.way {
            Way::Init { init, .. } => *init,
            Way::Subreaper => rustix::process::getpid(),
        }
    }

    /// The command's own process id in the caller's PID namespace.
    #[must_use]
    pub fn command(&self) -> u32 {
        self.command.as_raw_pid().cast_unsigned()
    }

    /// Readable once the command has ended, and from then on.
    ///
    /// # Panics
    /// Never: without namespaces there is always a descriptor of the command.
    #[must_use]
    pub fn ended_fd(&self) -> BorrowedFd<'_> {
        match (&self.way, &self.pidfd) {
            (Way::Init { reports, .. }, _) => reports.as_fd(),
            (Way::Subreaper, pidfd) => pidfd.as_ref().expect("the weak way starts with a pidfd or fails").as_fd(),
        }
    }

    /// How the command ended, once it has; it does not wait.
    pub fn ended(&mut self) -> Option<CommandEnd> {
        if self.end.is_none() {
            self.end = match (&self.way, &self.pidfd) {
                (Way::Init { reports, .. }, _) => match peek_end(reports) {
                    Word::None => None,
                    Word::End(end) => Some(end),
                    // Nothing but a SIGKILL ends init, and it takes the command with it.
                    Word::Silence => Some(killed()),
                },
                (Way::Subreaper, Some(pidfd)) => look(pidfd),
                (Way::Subreaper, None) => None,
            };
        }
        self.end
    }

    /// Whether the kernel itself lets the command have no more than its number of processes and threads.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        matches!(self.way, Way::Init { bounded: true, .. })
    }

    /// How many process numbers the command's tree uses: processes, dead ones that nobody has waited for, threads, and groups
    /// and sessions whose first process is gone. Not more than `most` are told apart cheaply, by what this whole
    /// machine has: then it is 0.
    #[must_use]
    pub fn crowd(&self, most: u32) -> u32 {
        if tree::tasks_of_this_machine().is_some_and(|tasks| tasks < most) { 0 } else { tree::crowd(self.root_pid()) }
    }

    /// How many processes and threads the command has had, where that was told since it was last asked for: about ten
    /// times a second, and at the command's end; never without namespaces.
    #[must_use]
    pub fn births(&self) -> Option<Births> {
        match &self.way {
            Way::Init { register, .. } => register.newest(),
            Way::Subreaper => None,
        }
    }

    /// Sends a signal to the command, and with `whole` to every process of the tree. A number that is no named signal
    /// is not sent.
    pub fn signal(&self, signal: i32, whole: bool) {
        let Some(signal) = Signal::from_named_raw(signal) else { return };
        // Whoever has ended meanwhile needs no signal.
        if whole {
            for pid in tree::descendants(self.root_pid()) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        } else if let Some(pidfd) = self.pidfd.as_ref() {
            // By its descriptor, because its number may be another's by now.
            let _ = rustix::process::pidfd_send_signal(pidfd, signal);
        }
    }

    /// Kills everything that is left and waits for it; nothing of the tree lives afterwards. Without namespaces that is
    /// everything below this process, whoever started it, and what cannot be killed within 10 s is left.
    pub fn kill(&mut self) {
        self.ended();
        let init = match &mut self.way {
            Way::Init { reaped: true, .. } => return,
            Way::Init { init, reaped, .. } => {
                *reaped = true;
                Some(*init)
            }
            Way::Subreaper => None,
        };
        match init {
            // The kernel lets init go only after every other process of its namespace.
            Some(init) => {
                start::end(init);
            }
            None => self.kill_below_us(),
        }
        self.ended();
    }

    fn kill_below_us(&mut self) {
        let deadline = Monotonic::now().after(KILLED_WITHIN);
        // The command is left to its descriptor, which tells how it ended.
        let spared = self.pidfd.is_some().then_some(self.command);
        while tree::kill_below_us(spared) > 0 && Monotonic::now() < deadline {
            self.ended();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What could not be had, in plain sentences.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }
}

impl Drop for Enclosed {
    fn drop(&mut self) {
        self.kill();
    }
}

fn killed() -> CommandEnd {
    CommandEnd { code: None, signal: Some(Signal::KILL.as_raw()), at: Monotonic::now() }
}

/// Reaps the command if it has ended.
fn look(pidfd: &OwnedFd) -> Option<CommandEnd> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), options)) {
        Ok(status) => status.map(|status| CommandEnd {
            code: status.exit_status(),
            signal: status.terminating_signal(),
            at: Monotonic::now(),
        }),
        // Somebody else reaped it, and how it ended is lost.
        Err(Errno::CHILD) => Some(CommandEnd { code: None, signal: None, at: Monotonic::now() }),
        Err(_) => None,
    }
}
