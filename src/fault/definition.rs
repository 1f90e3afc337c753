//! What a fault is: its name, what it does, and what a reader should know of it, in one value.

use super::parameters::{Key, Parameters, Take};
use super::{Action, ListenerFault, Stage};
use crate::record::named_enum;

named_enum! {
    /// Where in a login's course a fault strikes.
    pub enum Phase {
        /// Nowhere, or everywhere.
        Any = "any",
        /// The TCP connection.
        Connect = "connect",
        /// The first exchange.
        Prelogin = "prelogin",
        /// A TLS handshake in PRELOGIN packets.
        Tls = "tls",
        /// A TLS handshake before any TDS (TDS 8.0).
        Strict = "strict",
        /// The answer to LOGIN7.
        Login = "login",
        /// After a good login.
        Session = "session",
    }
}

/// What a fault is.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its name.
    pub(super) name: &'static str,
    /// Where it strikes.
    pub(super) phase: Phase,
    /// What happens on the wire.
    pub(super) wire: &'static str,
    /// Which real incident it stands for.
    pub(super) incident: &'static str,
    /// How a correct client ends.
    pub(super) client: &'static str,
    /// The parameters of its own, beside those of its scope.
    pub(super) own: &'static [Take],
    /// What it strikes.
    pub(super) scope: Scope,
    /// Whether the login is never over: only the client can end the wait.
    pub(super) never_over: bool,
    /// Whether its answer to a login, if it gives one, has its end: a client can know that nothing more will come.
    pub(super) whole: bool,
    /// What the server is to do at a stage.
    pub(super) act: fn(&Parameters, &Stage<'_>) -> Action,
}

impl Definition {
    /// What the faults of a phase have in common: a fault says what it has of its own.
    pub(super) const fn template(phase: Phase, client: &'static str) -> Self {
        Self {
            name: "",
            phase,
            wire: "",
            incident: "",
            client,
            own: ENDS,
            scope: Scope::Connection,
            never_over: false,
            whole: true,
            act: |_, _| Action::Proceed,
        }
    }
}

/// What a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing: a good server.
    Nothing,
    /// The whole listener, whoever connects.
    Listener(ListenerFault),
    /// Connections, each for itself.
    Connection,
}

impl Scope {
    /// The parameters of every fault of this scope.
    pub(super) const fn takes(self) -> &'static [Take] {
        match self {
            Self::Nothing => &[],
            Self::Listener(_) => LISTENER,
            Self::Connection => SCHEDULE,
        }
    }
}

const LISTENER: &[Take] = &[plain(Key::During)];
const SCHEDULE: &[Take] = &[plain(Key::Probability), plain(Key::After), plain(Key::First), plain(Key::During)];

/// A parameter without a default of its own.
pub(super) const fn plain(key: Key) -> Take {
    Take { key, default: None }
}

/// A parameter with its default.
pub(super) const fn or(key: Key, default: &'static str) -> Take {
    Take { key, default: Some(default) }
}

/// How the connection ends.
pub(super) const ENDS: &[Take] = &[plain(Key::End)];

/// How long nothing is said, and how the connection ends then.
pub(super) const STALLS: &[Take] = &[plain(Key::For), plain(Key::End)];
