//! How an attempt ended: exactly one of these, never told by an error's text.

use super::named_enum;

named_enum! {
    /// How an attempt ended.
    pub enum Outcome {
        /// The server accepted the login.
        LoggedIn = "logged_in",
        /// The server refused the login with an ERROR token.
        LoginRejected = "login_rejected",
        /// No local port was left: `EADDRNOTAVAIL` (99) at connect.
        PortsExhausted = "ports_exhausted",
        /// No descriptor was left: `EMFILE` or `ENFILE`.
        DescriptorsExhausted = "descriptors_exhausted",
        /// The connection was refused: `ECONNREFUSED`.
        Refused = "refused",
        /// The peer reset the connection: `ECONNRESET`, `EPIPE`.
        Reset = "reset",
        /// The peer closed before the login had an answer.
        ClosedEarly = "closed_early",
        /// The attempt's time was up.
        TimedOut = "timed_out",
        /// The TLS handshake failed.
        TlsFailed = "tls_failed",
        /// The peer did not speak TDS as it should.
        ProtocolError = "protocol_error",
        /// Not started: a cap on connections in flight or held was reached.
        Capped = "capped",
        /// Anything else.
        Other = "other",
    }
}

/// Errors that SqlClient's connect-retry takes for transient: it asks again, after a pause.
pub const TRANSIENT_ERRORS: [u32; 8] = [4060, 10928, 10929, 40197, 40501, 40613, 42108, 42109];
