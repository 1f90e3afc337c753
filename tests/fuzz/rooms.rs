//! The rooms under test, from the program's own source, and none of the others: a build in CI takes a third of the time.
#![allow(dead_code, reason = "other rooms use what these rooms keep to themselves")]

#[path = "../../src/record/mod.rs"]
pub mod record;
#[path = "../../src/tds/mod.rs"]
pub mod tds;
#[path = "../../src/units/mod.rs"]
pub mod units;
#[path = "../../src/wire/mod.rs"]
pub mod wire;
