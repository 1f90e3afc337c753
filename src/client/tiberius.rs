//! The real driver: tiberius, over our own stream.

use std::io;

use tiberius::error::Error;
use tiberius::{AuthMethod, EncryptionLevel};

use super::tap::{End, Tap};
use super::verdict::Verdict;
use super::{Config, Encryption};
use crate::record::Outcome;

/// The driver's settings, made once and cloned for each attempt.
///
/// Its own time-out is off: the attempt's bounds it together with the connect.
pub(super) fn settings(config: &Config) -> tiberius::Config {
    let mut settings = tiberius::Config::new();
    settings.host(&config.server_name);
    settings.port(config.target.port());
    settings.application_name("closewait");
    settings.encryption(match config.encryption {
        Encryption::Off => EncryptionLevel::NotSupported,
        Encryption::Login => EncryptionLevel::Off,
        Encryption::On => EncryptionLevel::Required,
        Encryption::Strict => EncryptionLevel::Strict,
    });
    if let Some(authority) = &config.authority {
        settings.trust_cert_ca_bundle(authority.as_bytes());
    }
    settings.authentication(AuthMethod::sql_server(&config.login.user, &config.login.password));
    if let Some(database) = &config.login.database {
        settings.database(database);
    }
    settings.handshake_timeout(None);
    settings
}

/// Logs in, and drops the driver; the socket stays with the attempt.
pub(super) async fn login(settings: tiberius::Config, stream: Tap) -> Result<(), Error> {
    tiberius::Client::connect(settings, stream).await.map(drop)
}

/// What a driver's error means. The stream knows better than the driver's text how the connection ended.
pub(super) fn verdict(error: &Error, end: Option<End>) -> Verdict {
    match (error, end) {
        (Error::Server(token), _) => Verdict::refused(token.code()),
        (_, Some(End::Errno(number))) => Verdict::of_error(&io::Error::from_raw_os_error(number)),
        (Error::Tls(_), _) => Verdict::of(Outcome::TlsFailed),
        (_, Some(End::Eof)) => Verdict::of(Outcome::ClosedEarly),
        (Error::Io { kind, .. }, None) => Verdict::of_error(&(*kind).into()),
        (Error::Routing { .. }, None) => Verdict::of(Outcome::Other),
        _ => Verdict::of(Outcome::ProtocolError),
    }
}
