//! What a server counts, and the two documents that `closewait serve` prints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::journals::Journals;
use crate::wire::Journal;

/// What a server has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Logins accepted.
    pub logins_good: u64,
    /// Logins refused, by the error's number and its true state.
    pub logins_refused: BTreeMap<u32, BTreeMap<u8, u64>>,
    /// Times that a fault had something to do, by its name; a fault whose phase never came is not here.
    pub faults: BTreeMap<String, u64>,
    /// TLS handshakes that were finished.
    pub tls_handshakes: u64,
    /// TLS handshakes that failed, because of the client or because it refused.
    pub tls_failed: u64,
    /// Connections given up because of what the client sent.
    pub malformed: u64,
    /// Connections closed because the login took too long.
    pub timed_out: u64,
    /// Connections that the client ended first, its resets included.
    pub ended_by_client: u64,
    /// Connections that the server ended first.
    pub ended_by_server: u64,
    /// Connections that are neither ended nor held.
    pub open: u64,
    /// Connections whose login is over and whose descriptor is kept, by the close modes `shutdown` and `hold`; those of
    /// `shutdown` are counted as ended, too.
    pub held: u64,
    /// Times that no descriptor or memory was left for a connection, and the server waited.
    pub accept_pauses: u64,
    /// Error-log entries that found the log's queue full or could not be written.
    pub log_entries_lost: u64,
}

/// The counts and the journal of a server, readable while it runs.
#[derive(Debug, Clone, Default)]
pub struct Observer(Arc<Observed>);

#[derive(Debug, Default)]
struct Observed {
    counts: Mutex<Counts>,
    journals: Journals,
    /// Told whenever a connection has ended.
    ended: Notify,
}

impl Observer {
    /// An observer that keeps the journals of the newest `journals` connections.
    pub(super) fn keeping(journals: usize) -> Self {
        Self(Arc::new(Observed { journals: Journals::keeping(journals), ..Observed::default() }))
    }

    /// The journals that are kept, in the order of accepting.
    #[must_use]
    pub fn journal(&self) -> Vec<Journal> {
        self.0.journals.snapshot()
    }

    /// Waits until `connections` connections have ended on both sides.
    pub async fn ended(&self, connections: u64) {
        loop {
            // Made before the look, so that what ends between the two is not missed.
            let notified = self.0.ended.notified();
            let counts = self.counts();
            if counts.accepted - counts.open - counts.held >= connections {
                return;
            }
            notified.await;
        }
    }

    pub(super) fn journals(&self) -> &Journals {
        &self.0.journals
    }

    /// A connection has ended on both sides.
    pub(super) fn over(&self, change: impl FnOnce(&mut Counts)) {
        self.update(change);
        self.0.ended.notify_waiters();
    }

    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.update(|counts| counts.clone())
    }

    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        // A count is whole after every statement, so a panic elsewhere leaves nothing half done.
        change(&mut self.0.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn refused(&self, number: u32, state: u8) {
        self.update(|counts| *counts.logins_refused.entry(number).or_default().entry(state).or_default() += 1);
    }
}

/// The line that says that the server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// `closewait.serve/1`
    pub schema: String,
    /// The address and port.
    pub listening: SocketAddr,
    /// The serving process.
    pub pid: u32,
    /// The address and port of the metrics, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
}

/// The line of a server's counts: on SIGUSR1, and at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Served {
    /// `closewait.serve/1`
    pub schema: String,
    /// What it has done.
    pub served: Counts,
}

const SCHEMA: &str = "closewait.serve/1";

impl Ready {
    /// The line of this process, which listens on `listening`.
    #[must_use]
    pub fn new(listening: SocketAddr) -> Self {
        Self { schema: SCHEMA.to_owned(), listening, pid: std::process::id(), metrics: None }
    }

    /// The line that also says where the metrics are.
    #[must_use]
    pub fn with_metrics(self, metrics: Option<SocketAddr>) -> Self {
        Self { metrics, ..self }
    }
}

impl Served {
    /// The line with these counts.
    #[must_use]
    pub fn new(served: Counts) -> Self {
        Self { schema: SCHEMA.to_owned(), served }
    }
}

/// The JSON Schema of the lines that a server prints.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::SchemaGenerator::default();
    let (ready, served) = (schema.subschema_for::<Ready>(), schema.subschema_for::<Served>());
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "closewait serve",
        "anyOf": [ready, served],
        "$defs": schema.definitions(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_the_contracts() {
        let ready = Ready { pid: 123, ..Ready::new(SocketAddr::from(([127, 0, 0, 1], 41433))) };
        let expected = r#"{"schema":"closewait.serve/1","listening":"127.0.0.1:41433","pid":123}"#;
        assert_eq!(serde_json::to_string(&ready).unwrap(), expected);
        let ready = ready.with_metrics(Some(SocketAddr::from(([127, 0, 0, 1], 9464))));
        assert_eq!(serde_json::to_value(&ready).unwrap()["metrics"], "127.0.0.1:9464");
    }

    #[test]
    fn refusals_are_counted_by_number_and_state() {
        let observer = Observer::default();
        observer.refused(18456, 8);
        observer.refused(18456, 8);
        observer.refused(18456, 5);
        let served = Served::new(observer.counts());
        let json = serde_json::to_string(&served).unwrap();
        assert!(json.contains(r#""logins_refused":{"18456":{"5":1,"8":2}}"#), "{json}");
        assert_eq!(serde_json::from_str::<Served>(&json).unwrap(), served);
    }
}
