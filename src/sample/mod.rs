//! The kernel's socket table and counters, and what a command's processes hold, as values, read so seldom or so cheaply
//! that the reading does not disturb what is read.
//!
//! Two implementations of [`Source`] give the table, socket by socket: sock_diag, filtered in the kernel, and
//! `/proc/net/tcp` where netlink is refused. [`Sampler`] reads the O(1) counters at 50 Hz and a full table whenever one
//! fits into 2 % of a core. The choice not taken: a full table at a fixed rate, which at 28,000 leaked pairs costs more
//! than the load that it looks at. [`Processes`] follows the tree of a command, descriptor by descriptor.
//!
//! Nothing here starts a thread that outlives a call, sleeps, or knows what a login is.

mod budget;
mod counters;
mod descriptors;
mod diag;
mod error;
mod filter;
mod holdings;
mod kin;
mod machine;
mod namespace;
mod owners;
#[cfg(test)]
mod parity;
mod ports;
mod proc_dir;
mod processes;
mod procfs;
mod sampler;
mod sock_diag;
mod source;
#[cfg(test)]
mod testbed;
mod watch;

pub use diag::{Entry, Handle};
pub use error::Error;
pub use filter::Filter;
pub use holdings::{Descriptor, DescriptorKind, is_tcp};
pub use machine::{Machine, namespace_of};
pub use owners::{Owner, Owners};
pub use processes::{ProcessLook, Processes, ThreadTime, lives};
pub use procfs::ProcFs;
pub use sampler::{Config, Sampler, SideConfig};
pub use sock_diag::SockDiag;
pub use source::{Socket, Source, SourceKind};
