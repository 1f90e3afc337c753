//! What an attempt came to, before its close.

use std::io;

use crate::record::Outcome;

/// What an attempt came to, before its close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// The ERROR token's number, when the server refused the login with one.
    pub(super) server_error: Option<u32>,
}

impl Verdict {
    /// The server refused the login with this error.
    pub(super) const fn refused(number: u32) -> Self {
        Self { outcome: Outcome::LoginRejected, server_error: Some(number) }
    }

    /// An outcome that no error of the server's explains.
    pub(super) const fn of(outcome: Outcome) -> Self {
        Self { outcome, server_error: None }
    }

    /// What an error of a socket means.
    pub(super) fn of_error(error: &io::Error) -> Self {
        Self::of(outcome_of(error))
    }
}

/// Which outcome an error of a socket is: told by its number, never by its text.
fn outcome_of(error: &io::Error) -> Outcome {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE) => Outcome::PortsExhausted,
        Some(libc::EMFILE | libc::ENFILE) => Outcome::DescriptorsExhausted,
        Some(libc::ECONNREFUSED) => Outcome::Refused,
        Some(libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED) => Outcome::Reset,
        Some(libc::ETIMEDOUT) => Outcome::TimedOut,
        Some(_) => Outcome::Other,
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof => Outcome::ClosedEarly,
            io::ErrorKind::TimedOut => Outcome::TimedOut,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Outcome::Reset,
            _ => Outcome::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_number() {
        for (number, outcome) in [
            (libc::EADDRNOTAVAIL, Outcome::PortsExhausted),
            (libc::EMFILE, Outcome::DescriptorsExhausted),
            (libc::ENFILE, Outcome::DescriptorsExhausted),
            (libc::ECONNREFUSED, Outcome::Refused),
            (libc::ECONNRESET, Outcome::Reset),
            (libc::EPIPE, Outcome::Reset),
            (libc::EHOSTUNREACH, Outcome::Other),
        ] {
            assert_eq!(outcome_of(&io::Error::from_raw_os_error(number)), outcome);
        }
        assert_eq!(outcome_of(&io::ErrorKind::UnexpectedEof.into()), Outcome::ClosedEarly);
    }
}
