//! What a connection's end leaves behind: counts, lines of the error log, and a word in the journal.

use std::net::IpAddr;
use std::time::SystemTime;

use super::answers::SERVER;
use super::conversation::{Stop, Talk, Wire};
use super::{CloseMode, Counts};
use crate::fault::{Refusal, server_error};
use crate::wire::{Audience, Deed, LoginEnd, LoginFailure, Party, Scribe, Stamp, network_failure};

impl Talk {
    pub(super) fn observe(&self, change: impl FnOnce(&mut Counts)) {
        self.shared.observer.update(change);
    }

    /// A login was refused with these errors, of which the last is what it came to.
    pub(super) fn refused(&self, scribe: &Scribe, refusals: &[Refusal]) {
        for refusal in refusals {
            let Refusal { number, state, .. } = *refusal;
            self.shared.observer.refused(number, state);
            scribe.change(|journal| journal.login = Some(LoginEnd::Refused { number, state }));
            tracing::debug!(number, state, "login refused");
            self.log_refusal(refusal, scribe);
        }
    }

    /// Says why a conversation stopped, and how the server is to end the connection; none when the client has.
    pub(super) fn stopped(&self, wire: &Wire, stop: Stop) -> Option<CloseMode> {
        match stop {
            Stop::Gone => {
                tracing::debug!("the client has gone");
                None
            }
            Stop::Silence => None,
            Stop::Over(mode) => Some(mode),
            Stop::Malformed(number) => {
                tracing::debug!(number, "what came is no login");
                self.observe(|counts| counts.malformed += 1);
                self.log_network_failure(number, wire.scribe());
                Some(CloseMode::Orderly)
            }
            Stop::TimedOut | Stop::NoTls => {
                self.observe(|counts| match stop {
                    Stop::TimedOut => counts.timed_out += 1,
                    _ => counts.tls_failed += 1,
                });
                // The number for whatever goes wrong on the network before a login.
                self.log_network_failure(17830, wire.scribe());
                Some(CloseMode::Orderly)
            }
        }
    }

    /// Where the client is; on a socket of both families an address of IPv4 is shown as such.
    fn address(&self) -> IpAddr {
        self.client.ip().to_canonical()
    }

    fn log_refusal(&self, refusal: &Refusal, scribe: &Scribe) {
        if self.shared.log.is_none() && !scribe.writes() {
            return;
        }
        let failure = LoginFailure {
            number: refusal.number,
            class: refusal.class,
            state: refusal.state,
            text: refusal.text.clone(),
            client: self.address(),
        };
        let mut entry = failure.lines(Audience::ErrorLog, now());
        scribe.log(&entry);
        let Some(log) = &self.shared.log else { return };
        if self.config().failure_audit {
            entry.push_str(&failure.lines(Audience::FailureAudit, now()));
        }
        log.enter(entry);
    }

    fn log_network_failure(&self, number: u32, scribe: &Scribe) {
        scribe.note(Party::Client, || Deed::Malformed { number });
        if self.shared.log.is_none() && !scribe.writes() {
            return;
        }
        let entry = network_failure(number, &told(number), self.address(), now());
        scribe.log(&entry);
        if let Some(log) = &self.shared.log {
            log.enter(entry);
        }
    }
}

/// What the error log is told of a connection that is given up.
fn told(number: u32) -> String {
    match number {
        17835 => {
            "Encryption is required to connect to this server but the client library does not support encryption; \
                  the connection has been closed. Please upgrade your client library."
                .to_owned()
        }
        4014 => {
            "A fatal error occurred while reading the input stream from the network. The session will be terminated \
                 (input error: 109, output error: 0)."
                .to_owned()
        }
        number => server_error(number).map(|error| error.text("", "", SERVER)).unwrap_or_default(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the error log's lines carry wall time, as SQL Server's do")]
fn now() -> Stamp {
    Stamp(SystemTime::now())
}
