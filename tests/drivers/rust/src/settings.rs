//! What the runner asks of a client, from the environment.

use std::env::var;
use std::time::Duration;

/// The login and query timeouts of every client.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    /// The driver's own word.
    pub(crate) encrypt: String,
    /// The server's certificates, to be verified; without them any is trusted.
    pub(crate) certificates: Option<Vec<u8>>,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, String> {
        let need = |name: &str| var(name).map_err(|_| format!("{name} is not set"));
        let certificates = match var("CLOSEWAIT_CERTIFICATE") {
            Ok(path) => Some(std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?),
            Err(_) => None,
        };
        Ok(Self {
            host: need("CLOSEWAIT_HOST")?,
            port: need("CLOSEWAIT_PORT")?.parse().map_err(|_| "CLOSEWAIT_PORT is no port".to_owned())?,
            user: need("CLOSEWAIT_USER")?,
            password: need("CLOSEWAIT_PASSWORD")?,
            database: need("CLOSEWAIT_DATABASE")?,
            encrypt: need("CLOSEWAIT_ENCRYPT")?,
            certificates,
        })
    }
}
