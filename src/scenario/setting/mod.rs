//! The settings whose types belong to no other room: bounded numbers and durations, and the choice of a sandbox.

mod number;
mod sandbox;
mod time;

pub use number::Number;
pub use sandbox::SandboxChoice;
pub use time::Time;
