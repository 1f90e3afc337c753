//! When attempts start: the schedule, the retries, and the worker that plays them.
//!
//! The schedule is arithmetic over a seed; constant, Poisson, ramp and burst arrivals differ nowhere else, and one worker
//! loop serves all. Open loop: a slow server never slows the arrivals down. What is absent: any socket.

mod attempts;
mod backoff;
mod config;
mod pool;
mod schedule;
mod tally;
mod timer;
mod worker;

pub use config::{Arrivals, Config, Retry};
pub use schedule::{Schedule, Share};
pub use worker::{Report, Worker};
