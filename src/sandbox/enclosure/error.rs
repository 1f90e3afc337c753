//! Why a command could not be enclosed, and what a person could change.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::Errand;
use super::report::Failed;

/// A step on the way to the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnclosureStep {
    /// The user namespace that the others need.
    UserNamespace,
    /// Who is who in a user namespace.
    IdMap,
    /// The PID namespace.
    PidNamespace,
    /// The mount namespace.
    MountNamespace,
    /// Keeping its mounts from this machine.
    Propagation,
    /// The tmpfs that holds the private files.
    Mount,
    /// A private file of `/etc`.
    PrivateFile,
    /// Dying with the caller.
    DieWithCaller,
    /// A new process for the command.
    Fork,
    /// The command's user and group.
    User,
    /// The command's bound of processes.
    Limit,
    /// The command's directory.
    Directory,
    /// The command's program.
    Program,
}

impl EnclosureStep {
    const fn text(self) -> &'static str {
        match self {
            Self::UserNamespace => "create a user namespace for the command",
            Self::IdMap => "map the command's user in a user namespace",
            Self::PidNamespace => "create a PID namespace for the command",
            Self::MountNamespace => "create a mount namespace for the command",
            Self::Propagation => "keep the command's mounts from this machine",
            Self::Mount => "mount a tmpfs for the command's private files",
            Self::PrivateFile => "replace a file of /etc for the command",
            Self::DieWithCaller => "let the command die with this process",
            Self::Fork => "make a process for the command",
            Self::User => "become the command's user",
            Self::Limit => "bound the command's processes",
            Self::Directory => "enter the command's directory",
            Self::Program => "start the command",
        }
    }
}

/// Why a program did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFault {
    /// There is no such file.
    NotFound,
    /// The file is there, and is not for us to execute.
    NotExecutable,
    /// The file is there, and what its first line or its ELF header names to run it is not.
    BadInterpreter,
    /// Anything else.
    Other,
}

/// Why a command could not be enclosed; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum EnclosureError {
    /// The kernel refused a step.
    #[error("{}", step.text())]
    Step {
        /// Which step.
        step: EnclosureStep,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The command's directory cannot be entered.
    #[error("enter the directory {}", directory.display())]
    Directory {
        /// Which directory.
        directory: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The command's program cannot be executed.
    #[error("start {}{}", program.display(), if *fault == StartFault::BadInterpreter { ": its interpreter is missing" } else { "" })]
    Start {
        /// Which program.
        program: PathBuf,
        /// What is wrong with it.
        fault: StartFault,
        /// The kernel's reason: its kind is `NotFound` when the program or its interpreter is not there, and
        /// `PermissionDenied` when it may not be executed.
        source: io::Error,
    },
    /// Init ended without a word.
    #[error("hear from the process that starts the command: {0}")]
    Init(String),
    /// A system call of this process.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl EnclosureError {
    pub(super) fn system(what: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::System { what, source: errno.into() }
    }

    /// The error of what failed on the command's side.
    pub(super) fn from_failed(failed: Failed, errand: &Errand) -> Self {
        let source = io::Error::from_raw_os_error(failed.errno);
        match failed.step {
            EnclosureStep::Directory => Self::Directory { directory: errand.directory.clone(), source },
            EnclosureStep::Program => {
                let fault = start_fault(&errand.directory.join(&errand.program), &source);
                Self::Start { program: errand.program.clone(), fault, source }
            }
            step => Self::Step { step, source },
        }
    }

    /// Whether this machine is at fault (exit code 3), and not the command as it was given.
    #[must_use]
    pub const fn is_of_this_machine(&self) -> bool {
        !matches!(self, Self::Directory { .. } | Self::Start { .. })
    }

    /// What a person could change or type, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Step { step, source } => {
                return step_hint(*step, source.raw_os_error()?, crate::sandbox::error::apparmor_restricts());
            }
            Self::Start { fault: StartFault::NotExecutable, program, .. } => {
                return Some(format!("make it executable with `chmod +x {}`", program.display()));
            }
            Self::Start { fault: StartFault::BadInterpreter, .. } => {
                "look at its first line (`#!`), which may end in a carriage return, or at `file` and `ldd` of a binary"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn start_fault(program: &Path, source: &io::Error) -> StartFault {
    match source.kind() {
        io::ErrorKind::NotFound if program.exists() => StartFault::BadInterpreter,
        io::ErrorKind::NotFound => StartFault::NotFound,
        io::ErrorKind::PermissionDenied => StartFault::NotExecutable,
        _ => StartFault::Other,
    }
}

/// What is known about a step that was refused with `errno`; `apparmor` tells whether AppArmor restricts user namespaces.
fn step_hint(step: EnclosureStep, errno: i32, apparmor: bool) -> Option<String> {
    use EnclosureStep as Step;
    let denied = errno == Errno::PERM.raw_os_error() || errno == Errno::ACCESS.raw_os_error();
    let full = errno == Errno::NOSPC.raw_os_error() || errno == Errno::USERS.raw_os_error();
    let making = matches!(
        step,
        Step::UserNamespace
            | Step::IdMap
            | Step::PidNamespace
            | Step::MountNamespace
            | Step::Propagation
            | Step::Mount
            | Step::PrivateFile
    );
    let hint = match step {
        // AppArmor lets the clone pass and takes the capabilities away, so that a later step is the one that fails.
        _ if making && denied && apparmor => {
            "AppArmor forbids user namespaces here; allow them with \
             `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run as root"
        }
        _ if making && denied => {
            "a container's seccomp profile or `kernel.unprivileged_userns_clone=0` forbids namespaces; in Docker add \
             `--privileged`, elsewhere `sudo sysctl kernel.unprivileged_userns_clone=1`"
        }
        Step::UserNamespace | Step::PidNamespace if full => {
            "a limit on namespaces is reached; raise it with \
             `sudo sysctl user.max_user_namespaces=10000 user.max_pid_namespaces=10000`"
        }
        Step::MountNamespace if full => {
            "the limit on mount namespaces is reached; raise it with `sudo sysctl user.max_mnt_namespaces=10000`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_of_this_machine_has_a_hint() {
        for (step, errno, apparmor, words) in [
            (EnclosureStep::UserNamespace, Errno::PERM, false, "seccomp"),
            (EnclosureStep::Mount, Errno::PERM, true, "AppArmor"),
            (EnclosureStep::UserNamespace, Errno::NOSPC, false, "max_pid_namespaces"),
            (EnclosureStep::MountNamespace, Errno::NOSPC, false, "max_mnt_namespaces"),
        ] {
            let hint = step_hint(step, errno.raw_os_error(), apparmor).unwrap_or_default();
            assert!(hint.contains(words), "{step:?} {errno}: {hint}");
        }
        assert_eq!(step_hint(EnclosureStep::Fork, Errno::AGAIN.raw_os_error(), false), None);
    }

    #[test]
    fn a_missing_interpreter_is_told_from_a_missing_file() {
        let missing = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(start_fault(Path::new("/no/such"), &missing), StartFault::NotFound);
        assert_eq!(start_fault(Path::new("/proc/self/exe"), &missing), StartFault::BadInterpreter);
    }
}
