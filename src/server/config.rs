//! What a server does; it is sent to the process that serves.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{End, FaultSpec};
use crate::record::named_enum;
use crate::units::Span;

named_enum! {
    /// How the server ends a connection when a login is over.
    pub enum CloseMode {
        /// Everything is read, then it closes: a FIN.
        Orderly = "orderly",
        /// It resets the connection (`SO_LINGER` 0): an RST.
        Abortive = "abortive",
        /// It closes its direction only and keeps the descriptor: a FIN_WAIT_2 that never expires.
        Shutdown = "shutdown",
        /// It never closes; only the client can end the connection.
        Hold = "hold",
        /// It closes with request bytes unread, for which the kernel sends an RST.
        Unread = "unread",
    }
}

named_enum! {
    /// What the server does about TLS, whatever the client asks for.
    pub enum TlsMode {
        /// None: a server that does not support it. A client that requires it gives up.
        Off = "off",
        /// As SQL Server before 2022, without Force Encryption: the login packet only, or the whole connection where the
        /// client asks for it; no TDS 8.0.
        Login = "login",
        /// As SQL Server with Force Encryption: the whole connection, by TDS 8.0 too, or no connection.
        On = "on",
        /// As SQL Server with Force Strict Encryption: TDS 8.0, TLS before everything else.
        Strict = "strict",
    }
}

/// What the server does about TLS. The default does whatever the client asks for, with a certificate made in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// What is spoken; none for whatever the client asks for.
    pub mode: Option<TlsMode>,
    /// The certificate chain, in PEM, and the file of its key; none for one that is made at the start.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Names and IP addresses that a certificate made at the start holds beside `localhost`, the machine's name, and the
    /// loopback addresses.
    pub names: Vec<String>,
}

impl CloseMode {
    /// How a server of this mode ends a connection whose fault wants it ended so; none leaves it to the mode.
    pub(super) const fn ending(self, end: Option<End>) -> Self {
        match (end, self) {
            (None, mode) => mode,
            // The client is sent the same FIN, and whoever listens behind it goes on to.
            (Some(End::Close), Self::Shutdown) => Self::Shutdown,
            (Some(End::Close), _) => Self::Orderly,
            (Some(End::Hold), _) => Self::Hold,
            (Some(End::Reset), _) => Self::Abortive,
        }
    }
}

/// The one login that is accepted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's name, compared without case.
    pub user: String,
    /// The password, compared with case.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where the error log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorLog {
    /// To stderr.
    Stderr,
    /// To the end of this file.
    File(PathBuf),
}

/// What a server does. The default is a good server that accepts everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What goes wrong; the first that has something to do at a stage of a connection does it. None is a good server.
    pub faults: Vec<FaultSpec>,
    /// How a connection ends after a refused login, unless the fault says it.
    pub close: CloseMode,
    /// The login that is accepted; any other gets 18456. Without one everybody is accepted.
    pub login: Option<Login>,
    /// What is encrypted, and by which certificate.
    pub tls: TlsConfig,
    /// SQL Server's error log, if it is wanted.
    pub error_log: Option<ErrorLog>,
    /// Whether the error log also has the Failure Audit line of the Windows event log.
    pub failure_audit: bool,
    /// The seed of the faults' chance.
    pub seed: u64,
    /// How many connections may wait to be accepted; the kernel's `somaxconn` bounds it.
    pub backlog: u32,
    /// How long a login may take before the server closes.
    pub login_timeout: Span,
    /// How long a connection that was accepted waits to be served: whoever watches the client's descriptors sees it open.
    pub serves_after: Span,
    /// How many connections, the newest, have their journal kept.
    pub journal: usize,
    /// Whether the secrets and the plaintext of TLS are kept, for whoever captures the packets: of tests and traces only.
    pub disclose: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            faults: Vec::new(),
            close: CloseMode::Orderly,
            login: None,
            tls: TlsConfig::default(),
            error_log: None,
            failure_audit: false,
            seed: 1,
            backlog: 4096,
            login_timeout: Span::from_secs(60),
            serves_after: Span::default(),
            journal: 0,
            disclose: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_crosses_a_process_border_whole_and_shows_no_password() {
        let config = Config {
            faults: vec!["login-18456:end=hold,p=0.5".parse().unwrap()],
            close: CloseMode::Unread,
            login: Some(Login { user: "sa".to_owned(), password: "hunter2".to_owned() }),
            error_log: Some(ErrorLog::File("errorlog".into())),
            ..Config::default()
        };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
        assert!(json.contains(r#""close":"unread""#) && !format!("{config:?}").contains("hunter2"));
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
        assert!(serde_json::from_str::<Config>(r#"{"fault":[]}"#).is_err());
    }
}
