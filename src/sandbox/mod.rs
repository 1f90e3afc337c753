//! Hosts made of namespaces, gone when dropped: a client's host and a server's host on one machine.
//!
//! A [`Sandbox`] is two [`Host`]s. At its best level they are two network namespaces joined by a veth pair, with a port
//! range, TCP settings and (from Linux 6.1 on) a table of connections of their own, so that a run can exhaust every
//! port without touching this machine. Where namespaces are forbidden it falls back, level by level, and says so.
//! Nothing but file descriptors (and the processes inside) keeps the namespaces alive: there is no name under
//! `/run/netns` to clean up after `kill -9`.
//!
//! An [`Enclosure`] is for a command that is not ours: a PID and a mount namespace inside a host, from which no daemon
//! escapes and in which names resolve as the run says.
//!
//! The choice not taken: calling `ip` and `unshare`, which need not be installed and leave named namespaces behind. Nor
//! does this process enter a namespace itself: `unshare(CLONE_NEWUSER)` refuses a process with threads, so a forked
//! child, the *maker*, makes the namespaces and hands their descriptors back.

mod addresses;
mod build;
mod enclosure;
mod error;
mod host;
mod level;
mod links;
mod maker;
mod namespaces;
mod plan;
mod port_range;
mod report;
mod settings;
mod step;

pub use addresses::{add_address, add_route, is_reserved};
pub use build::Sandbox;
pub use enclosure::{
    Births, CommandEnd, Enclosed, Enclosure, EnclosureError, EnclosureStep, Errand, StartFault, enclose,
};
pub use error::Error;
pub use host::Host;
pub use level::{Level, Refusal};
pub use plan::Plan;
pub use settings::Settings;
pub use step::Step;

#[cfg(test)]
mod tests;
