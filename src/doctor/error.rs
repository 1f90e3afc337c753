//! Why nothing can be said.

use rustix::io::Errno;

use crate::sample;
use crate::units::HostPort;

/// Why a machine could not be examined; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel's socket table cannot be read.
    #[error("read this machine's sockets")]
    Sockets(#[source] sample::Error),
    /// The range of local ports cannot be read.
    #[error("read the range of local ports (/proc/sys/net/ipv4/ip_local_port_range): {0}")]
    Range(String),
    /// The process that was asked for is not there.
    #[error("find process {0}")]
    NoProcess(u32),
    /// The process that was asked for may not be looked into: it is another user's, or has a namespace of its own.
    #[error("read the {what} of process {pid}: {errno}")]
    Closed {
        /// The process.
        pid: u32,
        /// What of it.
        what: &'static str,
        /// Why.
        errno: Errno,
    },
    /// The name that was asked for leads nowhere.
    #[error("resolve {target}")]
    NoName {
        /// As it was asked for.
        target: HostPort,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A thread of its own, which enters another namespace, could not be started.
    #[error("start a thread that enters a network namespace")]
    Thread(#[source] std::io::Error),
}

impl Error {
    /// Whether the command line is wrong (exit code 2) and not this machine (exit code 3).
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::NoProcess(_) | Self::NoName { .. })
    }

    /// What a person could change or type.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoProcess(_) => Some("`pgrep -f NAME` or `ps` tells a process's id".to_owned()),
            // Root of a container has no right that only its absence would tell of.
            Self::Closed { .. } if rustix::process::geteuid().is_root() => Some(
                "nothing is said of a process that cannot be read; this root lacks CAP_SYS_PTRACE (docker run \
                 --cap-add SYS_PTRACE)"
                    .to_owned(),
            ),
            Self::Closed { pid, .. } => Some(format!(
                "nothing is said of a process that cannot be read; root may: sudo closewait doctor --pid {pid}"
            )),
            Self::NoName { target, .. } => {
                Some(format!("`getent hosts {}` shows what a name leads to; an address does as well", target.host))
            }
            Self::Range(_) => Some("/proc must be mounted: mount -t proc proc /proc".to_owned()),
            Self::Sockets(_) | Self::Thread(_) => None,
        }
    }
}
