//! The program as its users meet it: real processes, real sockets, in namespaces that the test makes itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod check;
mod check_bad;
mod check_bounds;
mod check_missed;
mod check_reach;
mod doctor;
mod findings;
mod garbage;
mod harness;
mod holds;
mod kill;
mod ledger;
mod limits;
mod operate;
mod peer;
mod repeat;
mod run;
mod serve;
mod server;
mod symptoms;
mod tidy;
mod trace;
mod watch;
