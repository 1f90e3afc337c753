//! What can go wrong while packets are tapped.

use std::io;

/// Why packets could not be seen; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No packet socket: this process lacks `CAP_NET_RAW` in its network namespace, or a seccomp filter stands before it.
    #[error("open a packet socket, which needs CAP_NET_RAW")]
    Open(#[source] io::Error),
    /// The kernel has no socket filters, or refuses this one.
    #[error("attach the filter for opening and closing segments")]
    Filter(#[source] io::Error),
    /// The kernel has no ring for packets, or no memory for it.
    #[error("set up the ring of packets")]
    Ring(#[source] io::Error),
    /// The socket could not be tied to the interfaces.
    #[error("listen on every interface of the network namespace")]
    Bind(#[source] io::Error),
    /// The kernel does not say how much it dropped.
    #[error("read how many packets the kernel dropped")]
    Statistics(#[source] io::Error),
}
