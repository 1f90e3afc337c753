//! A part of this program inside a host: started, spoken to in typed messages, dead with its parent.
//!
//! The conductor starts this program again with a hidden argument ([`Part::start`]); the new process asks [`inside`]
//! whether it is a part, and of what role. The role is any serde value: this room carries it and never names one.
//! Both ends then exchange frames of JSON over a Unix socket pair, which the part finds as its standard input.
//!
//! The choice not taken: threads that enter a namespace. A thread cannot enter a user namespace, has its process's
//! descriptor limit, and its work would be counted as the conductor's.

mod blocking;
mod channel;
mod crew;
mod error;
mod frame;
mod handover;
mod inside;
mod limits;
mod part;
mod play;
mod process;

pub use blocking::{BlockingChannel, Polled};
pub use channel::{Receiver, Sender};
pub use crew::{Crew, Heard};
pub use error::Error;
pub use frame::MAX_FRAME;
pub use handover::MAX_DESCRIPTORS;
pub use inside::{Inside, inside};
pub use limits::{cpu_time, limit_descriptors, raise_descriptor_limit};
pub use part::Part;
pub use play::{ended, in_runtime, part_in_runtime};
pub use process::{End, Process};
