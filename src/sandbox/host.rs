//! One end's host: where it is, what its TCP settings are, and how a command gets inside.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::units::PortRange;

use super::Settings;

/// The host of a client or of a server: a network namespace, or this machine.
#[derive(Debug)]
pub struct Host {
    pub(super) address: Ipv4Addr,
    pub(super) source: Option<Ipv4Addr>,
    pub(super) per_socket_ports: Option<PortRange>,
    pub(super) user: Option<Arc<OwnedFd>>,
    pub(super) net: Option<Arc<OwnedFd>>,
    pub(super) settings: Settings,
}

impl Host {
    /// Its address: where a server here listens, where a client here connects from.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The source address that a client must bind; only at the level `port-range`.
    #[must_use]
    pub fn source(&self) -> Option<Ipv4Addr> {
        self.source
    }

    /// The range that every client socket must be given by `IP_LOCAL_PORT_RANGE`; only at the level `port-range`, and at
    /// `none` where that is to use fewer ports than this machine has.
    #[must_use]
    pub fn per_socket_ports(&self) -> Option<PortRange> {
        self.per_socket_ports
    }

    /// Its network namespace; `None` where it is this machine.
    #[must_use]
    pub fn net_ns(&self) -> Option<BorrowedFd<'_>> {
        self.net.as_ref().map(|net| net.as_fd())
    }

    /// Its TCP settings, as they were read there.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Makes `command` start inside this host, and die with the *thread* that starts it: that is what the kernel's
    /// parent death signal goes by, so start it from a thread that lives as long as it should.
    ///
    /// Inside a user namespace the command runs as uid 0 there, which is this user outside. The command keeps the
    /// namespaces alive until it is dropped.
    #[expect(unsafe_code, reason = "setns and prctl belong between fork and exec")]
    pub fn enter(&self, command: &mut Command) {
        let (user, net, parent) = (self.user.clone(), self.net.clone(), getpid());
        let inside = move || -> io::Result<()> {
            // The user namespace first: it holds the capability that the network namespace asks for.
            if let Some(user) = &user {
                move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
            }
            if let Some(net) = &net {
                move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
            }
            // After the namespaces: a change of credentials clears the signal.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // A parent that died before the call above sends no signal.
            if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
        };
        // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(inside) };
    }
}
