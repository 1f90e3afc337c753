//! A part's process, from the conductor's side: who it is, that it ends, and how it ended.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::process::Child;

/// How a part ended; prints as `exited with code 3` or `was killed by signal 9 (SIGKILL)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End(ExitStatus);

impl End {
    /// Whether it ended by itself, with the code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0.success()
    }

    /// Its exit code; `None` when a signal ended it.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        self.0.code()
    }

    /// The signal that ended it.
    #[must_use]
    pub fn signal(self) -> Option<i32> {
        self.0.signal()
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => match signal_name(signal) {
                Some(name) => write!(f, "was killed by signal {signal} ({name})"),
                None => write!(f, "was killed by signal {signal}"),
            },
            (None, None) => write!(f, "ended in an unknown way ({:?})", self.0),
        }
    }
}

/// The signals that end a process in practice.
const fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGKILL => "SIGKILL; perhaps by the kernel, out of memory",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGTERM => "SIGTERM",
        libc::SIGSYS => "SIGSYS; a seccomp filter",
        _ => return None,
    })
}

/// A part's process. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    child: Child,
}

impl Process {
    /// Starts `command` as the part `name`; needs a running tokio runtime.
    pub(super) fn start(name: &str, command: Command) -> io::Result<Self> {
        // The runtime watches the child by a pidfd, which can never mean another process.
        let child = tokio::process::Command::from(command).spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { name: name.to_owned(), pid, child })
    }

    /// The part's name, as it was started.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Kills it, unless it has ended; [`Process::wait`] then tells its end.
    pub fn kill(&mut self) {
        // Refused only when it has ended, and a process of our own can always be killed.
        let _: io::Result<()> = self.child.start_kill();
    }

    /// Waits for its end. Cancel-safe, and may be called again.
    ///
    /// # Errors
    /// When the kernel cannot be asked, which would be a bug here.
    pub async fn wait(&mut self) -> io::Result<End> {
        self.child.wait().await.map(End)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An id says that it is not reaped yet.
        if self.child.id().is_none() {
            return;
        }
        self.kill();
        // After SIGKILL this takes as long as the kernel needs to close its descriptors. The runtime could only reap
        // it later, and a sandbox that is dropped next would not be gone.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let _: Result<_, rustix::io::Errno> = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid), ended));
        let _: io::Result<Option<ExitStatus>> = self.child.try_wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn start(program: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(program);
        command.args(arguments);
        Process::start(program, command).unwrap()
    }

    #[tokio::test]
    async fn the_end_is_told_with_its_reason() {
        for (script, told) in [
            ("exit 0", "exited with code 0"),
            ("exit 3", "exited with code 3"),
            ("kill -TERM $$", "was killed by signal 15 (SIGTERM)"),
        ] {
            let mut process = start("sh", &["-c", script]);
            let end = process.wait().await.unwrap();
            assert_eq!(end.to_string(), told);
            assert_eq!((end.is_success(), process.wait().await.unwrap()), (script == "exit 0", end));
        }
    }

    #[tokio::test]
    async fn a_cancelled_wait_can_be_repeated_after_the_kill() {
        let mut process = start("sleep", &["1000"]);
        assert!(tokio::time::timeout(Duration::from_millis(1), process.wait()).await.is_err());
        process.kill();
        assert_eq!(process.wait().await.unwrap().signal(), Some(libc::SIGKILL));
    }

    #[tokio::test]
    async fn a_dropped_process_is_gone() {
        let process = start("sleep", &["1000"]);
        let pid = process.pid;
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(process);
        assert_eq!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH));
    }
}
