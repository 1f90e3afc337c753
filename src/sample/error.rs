//! What can go wrong while the kernel is asked.

use std::io;

use crate::record::{Named, Side};

/// Why the kernel's tables could not be read; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The namespace's descriptor is not one, or this process may not enter it.
    #[error("enter the network namespace of the side under watch")]
    Enter(#[source] io::Error),
    /// No thread could be started to enter the namespace with.
    #[error("start a thread that enters the network namespace")]
    Thread(#[source] io::Error),
    /// A file below `/proc` could not be opened.
    #[error("open /proc/thread-self/net/{file}")]
    Open {
        /// The file's name.
        file: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An open file below `/proc` could not be read.
    #[error("read /proc/thread-self/net/{file}")]
    Read {
        /// The file's name.
        file: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The range of local ports could not be read.
    #[error("read net.ipv4.ip_local_port_range")]
    PortRange(#[source] io::Error),
    /// Netlink is not to be had here: an old kernel, a seccomp filter, another system below.
    #[error("open a sock_diag netlink socket")]
    Netlink(#[source] io::Error),
    /// The request could not be sent, or its answer not received.
    #[error("ask the kernel for its socket table")]
    Ask(#[source] io::Error),
    /// The kernel answered with an error.
    #[error("get the socket table: the kernel refuses")]
    Refused(#[source] io::Error),
    /// The table changed under the read, or answers were lost: what was given so far must be dropped.
    #[error("read one consistent socket table")]
    Torn,
    /// The kernel said what it cannot say.
    #[error("understand the kernel's answer: {0}")]
    Malformed(&'static str),
    /// A side was given the configuration of the other one.
    #[error("watch the {} side: its configuration is that of the other one", .0.name())]
    OtherSide(Side),
}
