//! Somebody else's command in namespaces of its own: a PID namespace that takes its daemons with it, and a mount
//! namespace in which `/etc/hosts` is private. The command runs as its own user, where it was, with what it had.
//!
//! A clone of the calling process becomes *init*, PID 1 of the new namespace. It makes the mounts, starts the command,
//! reaps, tells the command's end, and dies with its caller; and with it, by the kernel's hand, everything inside.
//! The private files lie on a tmpfs that only that mount namespace knows, so nothing is left on a disk.
//!
//! The choice not taken: `unshare(CLONE_NEWPID)` in the calling process. It could start no thread afterwards, and its
//! own view of `/etc` would change; so nothing but the clone ever enters a namespace. Nor a new session for the command:
//! a process group suffices to signal it, and a session would take the terminal from it.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::units::Monotonic;

mod births;
mod command;
mod enclosed;
mod error;
mod files;
mod init;
mod mounts;
mod os_path;
mod report;
mod start;
mod tree;

pub use births::Births;
pub use enclosed::Enclosed;
pub use error::{EnclosureError, EnclosureStep, StartFault};

/// Somebody else's command, as it would run outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Errand {
    /// The program: resolved, absolute or relative to `directory`; `PATH` is not searched.
    #[serde(with = "os_path")]
    pub program: PathBuf,
    /// Its arguments, without the name that it is called by.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it starts.
    #[serde(with = "os_path")]
    pub directory: PathBuf,
    /// The user, as numbered outside of any user namespace of ours.
    pub uid: u32,
    /// The group, as numbered outside of any user namespace of ours.
    pub gid: u32,
    /// How many processes and threads it may have at once, where the kernel can count them for it alone.
    pub max_processes: u32,
}

/// What is made around the command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enclosure {
    /// Whether namespaces are made: false is the weak way, in which this process only adopts what the command leaves
    /// behind, and a process may escape a kill by forking faster than it is looked for.
    pub namespaces: bool,
    /// Whether a user namespace must be made first (no sandbox gave this process one, and it is not root).
    pub user_namespace: bool,
    /// Lines of `/etc/hosts` beside localhost and this machine's own name; `None` leaves `/etc` as it is.
    pub hosts: Option<Vec<(IpAddr, String)>>,
    /// Whether names are looked up in `/etc/hosts` only: `nsswitch.conf` and `resolv.conf` are replaced too, and the
    /// sockets of nscd hidden. Of no effect without `hosts`.
    pub offline: bool,
}

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// Its exit code, when it exited.
    pub code: Option<i32>,
    /// The signal that killed it, when one did.
    pub signal: Option<i32>,
    /// When that was seen: at once by init; in the weak way when it was first asked for.
    pub at: Monotonic,
}

/// Starts `errand` inside `enclosure`; `stdio` are the command's standard input, output and error.
///
/// Call it from a process with a single thread: the clone that becomes init goes on in Rust code. The command dies with
/// the *thread* that calls this. This process stays in the namespaces that it is in; in the weak way it becomes a child
/// subreaper, for good.
///
/// # Errors
/// When a namespace or a private file cannot be had, or the command cannot be started; see [`EnclosureError`].
pub fn enclose(enclosure: &Enclosure, errand: &Errand, stdio: [OwnedFd; 3]) -> Result<Enclosed, EnclosureError> {
    if enclosure.namespaces {
        start::in_namespaces(enclosure, errand, stdio)
    } else {
        start::beside(enclosure, errand, stdio)
    }
}

#[cfg(test)]
mod tests;
