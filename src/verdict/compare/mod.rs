//! Arms held against each other, and a result against an older one.
//!
//! Whoever compares two numbers that were measured once compares two moods of a machine. So arms are played in turns and
//! several times, and what is told is an interval; all intervals of a run hold together with 95 % confidence, so that of
//! runs with equal arms at most one in twenty tells any difference. The choice not taken: a test on the latencies
//! themselves, which are not independent within one run, and of which there are so many that any difference is certain.

mod arms;
mod merge;
mod metric;
mod outcomes;
mod results;
mod settings;

pub(super) use arms::comparisons;
pub use merge::{MergeError, merge};
pub use metric::FLOORS;
pub use results::compare;
