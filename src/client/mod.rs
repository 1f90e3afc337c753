//! One login attempt: the drivers, over our own stream, and the close strategies.
//!
//! An attempt is one future that ends in exactly one outcome, its phases timed; then its socket is closed or held as its
//! strategy says. What is absent: when attempts start, and how many: that is `load`.

mod attempt;
mod close;
mod config;
mod dial;
mod held;
mod open;
mod tap;
mod tcp;
mod tiberius;
mod verdict;

pub use attempt::{Client, Ended, Timings};
pub use close::{Close, Late};
pub use config::{Config, Driver, Encryption, Login, PortSearch};
pub use held::Held;
pub use open::{Closed, Open};
