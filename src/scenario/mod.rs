//! TOML to a checked [`Scenario`], made of the rooms' own configs.
//!
//! Three steps: typed text, a [`Spec`] with the place of every value, a [`Scenario`] that cannot be invalid. Whatever is
//! wrong is told at once, each with its line and a hint. The choice not taken: one `toml::from_str` into the final types,
//! which stops at the first error and cannot point at a contradiction between two settings. What is absent: any run.
//!
#![doc = include_str!("REFERENCE.md")]

mod explain;
mod file;
mod names;
mod nearest;
mod placed;
mod print;
mod problem;
mod read;
mod redact;
mod reference;
mod resolve;
mod rules;
mod schema;
mod setting;
mod shipped;
mod spec;
mod target;
#[cfg(test)]
mod tests;
mod value;

pub use file::{read, read_spec};
pub use placed::Placed;
pub use problem::{Errors, Problem};
pub use reference::reference;
pub use resolve::parse;
pub use schema::schema;
pub use setting::{Number, SandboxChoice, Time};
pub use shipped::{Shipped, find, shipped};
pub use spec::{ArmSpec, Settings, Spec};
pub use target::{PasswordSource, Target, TargetLogin, TargetSpec};
pub use value::{Arm, Scenario};
