//! What one login attempt is made of, as a value that a load worker is sent.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Close;
use crate::record::{Outcome, named_enum};
use crate::units::{PortRange, Span};

named_enum! {
    /// What speaks to the server.
    pub enum Driver {
        /// The real driver, over our own stream: PRELOGIN, LOGIN7, and whatever the server answers.
        Tiberius = "tiberius",
        /// TCP alone: connect, wait until the server closes, then close or do not: the seed article's own demo.
        Tcp = "tcp",
    }
}

named_enum! {
    /// Who searches a free local port.
    pub enum PortSearch {
        /// The kernel, through the host's own range: as an application meets it, with its latency cliff at one half.
        Kernel = "kernel",
        /// The kernel, within a range set on each socket (`IP_LOCAL_PORT_RANGE`): no cliff.
        PerSocket = "per-socket",
    }
}

named_enum! {
    /// What the driver asks to be encrypted.
    pub enum Encryption {
        /// Nothing.
        Off = "off",
        /// The login packet alone.
        Login = "login",
        /// The whole connection.
        On = "on",
        /// The whole connection from its first byte on: TDS 8.0.
        Strict = "strict",
    }
}

/// Everything that one attempt needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Where the server is.
    pub target: SocketAddr,
    /// The name that the driver knows the server by.
    pub server_name: String,
    /// What speaks to it.
    pub driver: Driver,
    /// What happens to the connection after a failed login (or, for the `tcp` driver, in any case).
    pub close: Close,
    /// What happens to it after a good login.
    pub close_logged_in: Close,
    /// How long an attempt may take from its connect on; a close that waits has what is left of it.
    pub timeout: Span,
    /// The credentials.
    pub login: Login,
    /// The local address to bind; none lets the kernel choose.
    pub source: Option<Ipv4Addr>,
    /// The range to set on each socket; none leaves the host's own.
    pub per_socket_ports: Option<PortRange>,
    /// What the driver asks to be encrypted. The times of an attempt's phases are those of a plain login.
    pub encryption: Encryption,
    /// The authority that the server's certificate must come from, in PEM; none trusts this machine's own authorities.
    pub authority: Option<String>,
}

impl Config {
    /// What happens to a connection whose attempt ended so.
    pub(super) fn close_after(&self, outcome: Outcome) -> Close {
        if outcome == Outcome::LoggedIn { self.close_logged_in } else { self.close }
    }
}

/// Credentials; never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// The database that the login asks for; none takes the login's default.
    pub database: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).field("database", &self.database).finish_non_exhaustive()
    }
}
