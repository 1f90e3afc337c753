//! Why a handshake came to nothing.

use std::io;

/// Why a handshake came to nothing; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The client refused, and said why: `UnknownCA`, `CertificateExpired`, `BadCertificate`, ...
    #[error("finish the TLS handshake: the client sent the alert {0}")]
    Refused(String),
    /// The client and the server share no version, cipher or protocol.
    #[error("agree on TLS with the client: {0}")]
    NothingInCommon(String),
    /// What came is no TLS, or not where TLS wants it.
    #[error("read a TLS handshake: {0}")]
    Malformed(String),
    /// The client has gone, with a FIN or an RST.
    #[error("finish the TLS handshake: the client has gone")]
    Gone,
    /// The transport failed.
    #[error("exchange a TLS handshake with the client")]
    Io(#[source] io::Error),
}

impl From<rustls::Error> for Failure {
    fn from(error: rustls::Error) -> Self {
        use rustls::Error;
        match error {
            Error::AlertReceived(alert) => Self::Refused(format!("{alert:?}")),
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol | Error::NoCertificatesPresented => {
                Self::NothingInCommon(error.to_string())
            }
            other => Self::Malformed(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Malformed(error.to_string()),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Gone,
            _ => Self::Io(error),
        }
    }
}
