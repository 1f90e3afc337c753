//! TLS under TDS, in all of its four modes [MS-TDS 2.2.6.5, 3.2.5.1; TDS 8.0].
//!
//! | mode | the handshake | after it | after the login packet |
//! |---|---|---|---|
//! | none | - | - | - |
//! | login packet only | in PRELOGIN packets | records | plain: [`Transport::leave_tls`] |
//! | whole connection | in PRELOGIN packets | records | records |
//! | strict | records, ALPN `tds/8.0` | records | records |
//!
//! A server reads a [`Hello`] on its plain [`Transport`] and accepts it, or does whatever a fault wants instead. Which mode
//! it is, and why, is decided elsewhere.

mod ahead;
mod authority;
mod config;
mod disclosure;
mod failure;
mod framing;
mod hello;
mod identity;
mod records;
mod transport;
mod tunnel;

#[cfg(test)]
pub(crate) mod tests;

pub use config::{ALPN, Tls};
pub use disclosure::Disclosure;
pub use failure::Failure;
pub use framing::Framing;
pub use hello::Hello;
pub use identity::{Credential, Identity, IdentityError};
pub use rustls::KeyLog;
pub use transport::Transport;
pub use tunnel::Tunnel;
