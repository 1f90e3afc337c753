//! closewait: a fault-injecting SQL-Server-style load harness. It opens rapid connections to a SQL Server, closes them or
//! leaks them when the login fails, and watches what becomes of the sockets on both hosts.
//!
//! # The map
//!
//! A pure core with named edges: bytes, time and randomness come in as arguments; sockets, namespaces, processes and the
//! terminal each live in one room. Imports point upward in this table only (`tests/it/tidy.rs` holds it).
//!
//! | room | what it does | what is absent |
//! |---|---|---|
//! | [`units`] | durations, rates, port ranges, addresses, and the one clock | any knowledge of a run |
//! | [`record`] | the vocabulary: events, samples, outcomes, a run folded, the summary document | measuring |
//! | [`tds`] | MS-TDS bytes to messages and back | input and output |
//! | [`wire`] | a TDS connection over a byte stream, and SQL Server's error log | a decision |
//! | [`fault`] | what may go wrong, where and how often, as values | a socket |
//! | [`server`] | the embedded SQL Server stand-in | the harness: any client may come |
//! | [`client`] | one login attempt: the drivers and the close strategies | when attempts start |
//! | [`load`] | when attempts start: the schedule, the retries, the worker | a socket |
//! | [`sample`] | the kernel's socket table and counters as values, within a budget | processes that it starts |
//! | [`capture`] | packets to frames, capture files, and the ledger of opens and closes | a ledger's payload: only SYN, FIN and RST come through |
//! | [`sandbox`] | hosts made of namespaces, gone when dropped | what runs in them |
//! | [`host`] | a part of this program inside a host, and its death with its parent | the name of a role |
//! | [`verdict`] | expectations and findings over a run | measuring, printing |
//! | [`scenario`] | TOML to a scenario that cannot be invalid | playing it |
//! | [`run`] | the conductor: arms, parts, one stream of events | files, terminals, verdicts |
//! | [`check`] | somebody else's program under test, judged by its sockets | tracing it |
//! | [`trace`] | one connection explained, frame by frame | loads: it makes one attempt |
//! | [`doctor`] | limits and walls as values, and which one a leak meets first | a setting that it changes |
//! | [`report`] | a run, a check, a trace or a doctor's findings to the terminal, JSON, HTML, JUnit, Markdown, and the directory that keeps it | judging |
//! | [`watch`] | live socket states of this machine, full screen | a run, a server |
//! | [`cli`] | arguments, exit codes, and the printing of errors | sockets |

pub mod capture;
pub mod check;
pub mod cli;
pub mod client;
pub mod doctor;
pub mod fault;
pub mod host;
pub mod load;
pub mod record;
pub mod report;
pub mod run;
pub mod sample;
pub mod sandbox;
pub mod scenario;
pub mod server;
pub mod tds;
#[cfg(test)]
mod testbed;
pub mod trace;
pub mod units;
pub mod verdict;
pub mod watch;
pub mod wire;

/// Says that a test was skipped, and why, where `cargo test` does not swallow it: a skip is never silent.
#[cfg(test)]
pub(crate) fn skipped(test: &str, reason: impl std::fmt::Display) {
    use std::io::Write as _;

    // Written and not printed: what a passing test prints is thrown away.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}
