//! The ledger: segments to connections, one entry for each that was asked for.
//!
//! It believes what it sees and follows no window: a segment with the right addresses counts, whatever its sequence
//! number. The choice not taken: a model of TCP, which would have to be right about every retransmission, and tell no more
//! about who closed.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Segment;
use super::steps::{Step, asks, canonical, steps};
use crate::units::Monotonic;

/// Entries at the most, some 250 MB of them.
const MOST_ENTRIES: usize = 1_000_000;

/// A connection, or an attempt at one, as its packets tell it. Of several FIN or RST of one side the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who asked for it.
    pub client: SocketAddr,
    /// Whom it asked.
    pub server: SocketAddr,
    /// The first SYN.
    pub opened: Monotonic,
    /// How often the SYN was seen: more than once is a retransmission, or a path over two interfaces.
    pub syns: u32,
    /// The server's SYN ACK.
    pub answered: Option<Monotonic>,
    /// The client's FIN.
    pub client_fin: Option<Monotonic>,
    /// The client's RST.
    pub client_rst: Option<Monotonic>,
    /// The server's FIN.
    pub server_fin: Option<Monotonic>,
    /// The server's RST.
    pub server_rst: Option<Monotonic>,
}

impl Entry {
    const fn new(client: SocketAddr, server: SocketAddr, opened: Monotonic) -> Self {
        Self {
            client,
            server,
            opened,
            syns: 1,
            answered: None,
            client_fin: None,
            client_rst: None,
            server_fin: None,
            server_rst: None,
        }
    }

    /// Whether the server refused it: it was reset by the server and never answered.
    #[must_use]
    pub const fn refused(&self) -> bool {
        self.server_rst.is_some() && self.answered.is_none()
    }

    /// Notes the instant of a step unless it had been taken before; whether it did note it.
    const fn note(&mut self, step: Step, at: Monotonic) -> bool {
        let slot = match step {
            Step::Answered => &mut self.answered,
            Step::ClientFin => &mut self.client_fin,
            Step::ClientRst => &mut self.client_rst,
            Step::ServerFin => &mut self.server_fin,
            Step::ServerRst => &mut self.server_rst,
        };
        let notes = slot.is_none();
        if notes {
            *slot = Some(at);
        }
        notes
    }

    /// Whether it is over for both: closed by both, or reset by one.
    const fn over(&self) -> bool {
        let closed = self.client_fin.is_some() && self.server_fin.is_some();
        closed || self.client_rst.is_some() || self.server_rst.is_some()
    }
}

/// The newest entry of two addresses.
#[derive(Debug, Clone, Copy)]
struct Newest {
    entry: usize,
    /// Of its SYN.
    sequence: u32,
}

/// The connections to some servers, in the order of their first SYN.
#[derive(Debug, Clone)]
pub struct Ledger {
    servers: Vec<SocketAddr>,
    entries: Vec<Entry>,
    /// By client and server; never iterated.
    newest: HashMap<(SocketAddr, SocketAddr), Newest>,
    most: usize,
    omitted: u64,
}

impl Ledger {
    /// Of the connections to `servers`; an unspecified address means every address with that port, of both families.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self::with_most(servers, MOST_ENTRIES)
    }

    fn with_most(servers: Vec<SocketAddr>, most: usize) -> Self {
        let servers = servers.into_iter().map(canonical).collect();
        Self { servers, entries: Vec::new(), newest: HashMap::new(), most, omitted: 0 }
    }

    /// Notes a segment; the index of the entry that changed, if one did. Segments of a connection whose SYN was not seen
    /// change nothing.
    pub fn note(&mut self, segment: &Segment) -> Option<usize> {
        let (from, to) = (canonical(segment.from), canonical(segment.to));
        if asks(segment) && self.serves(to) {
            return self.open(from, to, segment);
        }
        let (index, by_client) = match (self.newest.get(&(from, to)), self.newest.get(&(to, from))) {
            (Some(newest), _) => (newest.entry, true),
            (None, Some(newest)) => (newest.entry, false),
            (None, None) => return None,
        };
        let entry = &mut self.entries[index];
        let changed = steps(segment, by_client).fold(false, |changed, step| entry.note(step, segment.at) | changed);
        changed.then_some(index)
    }

    /// The connections so far, in the order of their first SYN.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many SYN found the ledger full: connections that it does not show, and their retransmissions.
    #[must_use]
    pub const fn omitted(&self) -> u64 {
        self.omitted
    }

    fn serves(&self, address: SocketAddr) -> bool {
        let serves = |server: &SocketAddr| server.ip().is_unspecified() || server.ip() == address.ip();
        self.servers.iter().any(|server| server.port() == address.port() && serves(server))
    }

    fn open(&mut self, client: SocketAddr, server: SocketAddr, segment: &Segment) -> Option<usize> {
        if let Some(newest) = self.newest.get(&(client, server)) {
            let entry = &mut self.entries[newest.entry];
            if newest.sequence == segment.sequence && !entry.over() {
                entry.syns = entry.syns.saturating_add(1);
                return Some(newest.entry);
            }
        }
        if self.entries.len() >= self.most {
            // What follows is of the connection that is not shown, and not of an older one with its addresses.
            self.newest.remove(&(client, server));
            self.omitted += 1;
            return None;
        }
        let index = self.entries.len();
        self.entries.push(Entry::new(client, server, segment.at));
        self.newest.insert((client, server), Newest { entry: index, sequence: segment.sequence });
        Some(index)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::Flags;
    use super::*;

    pub(in crate::capture) const CLIENT: &str = "10.0.0.1:50000";
    pub(in crate::capture) const SERVER: &str = "10.0.0.2:1433";

    const fn instant(at: u64) -> Monotonic {
        Monotonic::from_nanos(at)
    }

    /// A segment from a line: its time is its place, `>` is from the client, a number is the sequence.
    pub(in crate::capture) fn segment(at: u64, line: &str) -> Segment {
        let mut words = line.split(' ');
        let by_client = words.next() == Some(">");
        let (client, server) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        let (from, to) = if by_client { (client, server) } else { (server, client) };
        let mut segment = Segment { at: instant(at), from, to, sequence: 0, flags: Flags::default() };
        for word in words {
            match word {
                "syn" => segment.flags.syn = true,
                "ack" => segment.flags.ack = true,
                "fin" => segment.flags.fin = true,
                "rst" => segment.flags.rst = true,
                number => segment.sequence = number.parse().unwrap(),
            }
        }
        segment
    }

    /// What an entry came to: opened, SYNs, then answered, FIN and RST of the client, FIN and RST of the server.
    type Row = (u64, u32, [Option<u64>; 5]);

    fn row(entry: &Entry) -> Row {
        let times = [entry.answered, entry.client_fin, entry.client_rst, entry.server_fin, entry.server_rst];
        (entry.opened.as_nanos(), entry.syns, times.map(|at| at.map(Monotonic::as_nanos)))
    }

    #[test]
    fn segments_become_connections() {
        const N: Option<u64> = None;
        let rows: &[(&str, &[&str], &[Row])] = &[
            (
                "orderly",
                &["> syn 9", "< syn ack 5", "> fin ack 10", "< fin ack 6"],
                &[(0, 1, [Some(1), Some(2), N, Some(3), N])],
            ),
            ("leaky", &["> syn 9", "< syn ack 5", "< fin ack 6"], &[(0, 1, [Some(1), N, N, Some(2), N])]),
            ("reset by the client", &["> syn 9", "< syn ack 5", "> rst 10"], &[(0, 1, [Some(1), N, Some(2), N, N])]),
            ("reset by the server", &["> syn 9", "< syn ack 5", "< rst 6"], &[(0, 1, [Some(1), N, N, N, Some(2)])]),
            ("refused", &["> syn 9", "< rst ack 0"], &[(0, 1, [N, N, N, N, Some(1)])]),
            ("unanswered", &["> syn 9", "> syn 9", "> syn 9"], &[(0, 3, [N; 5])]),
            (
                "everything twice",
                &["> syn 9", "> syn 9", "< syn ack 5", "< syn ack 5", "> fin 10", "> fin 10", "< rst 6", "< rst 6"],
                &[(0, 2, [Some(2), Some(4), N, N, Some(6)])],
            ),
            (
                "a late reset after the close",
                &["> syn 9", "< syn ack 5", "< fin 6", "> fin 10", "> rst 11"],
                &[(0, 1, [Some(1), Some(3), Some(4), Some(2), N])],
            ),
            (
                "the port again, after a close",
                &["> syn 9", "< syn ack 5", "> fin 10", "< fin 6", "> syn 70", "< syn ack 7", "< fin 8"],
                &[(0, 1, [Some(1), Some(2), N, Some(3), N]), (4, 1, [Some(5), N, N, Some(6), N])],
            ),
            (
                "the port again, after a reset, with the same number",
                &["> syn 9", "< rst ack 0", "> syn 9", "< syn ack 5"],
                &[(0, 1, [N, N, N, N, Some(1)]), (2, 1, [Some(3), N, N, N, N])],
            ),
            (
                "the port again, though nobody saw it close",
                &["> syn 9", "< syn ack 5", "> syn 70", "> fin 71"],
                &[(0, 1, [Some(1), N, N, N, N]), (2, 1, [N, Some(3), N, N, N])],
            ),
            ("a beginning that was missed", &["< syn ack 5", "> fin 10", "< rst 6"], &[]),
        ];
        for (name, lines, expected) in rows {
            let mut ledger = Ledger::new(vec![SERVER.parse().unwrap()]);
            for (at, line) in (0..).zip(*lines) {
                ledger.note(&segment(at, line));
            }
            let found: Vec<Row> = ledger.entries().iter().map(row).collect();
            assert_eq!(found, *expected, "{name}");
            let refused = ledger.entries().first().is_some_and(Entry::refused);
            assert_eq!(refused, name.starts_with("refused") || name.contains("same number"), "{name}");
        }
    }

    #[test]
    fn a_note_tells_which_entry_changed() {
        let mut ledger = Ledger::new(vec![SERVER.parse().unwrap()]);
        let lines = [
            ("> fin 1", None),
            ("> syn 9", Some(0)),
            ("> syn 9", Some(0)),
            ("< syn ack 5", Some(0)),
            ("< syn ack 5", None),
            ("> rst 10", Some(0)),
            ("> rst 10", None),
            ("> syn 20", Some(1)),
            ("< fin 6", Some(1)),
        ];
        for (at, (line, changed)) in (0..).zip(lines) {
            assert_eq!(ledger.note(&segment(at, line)), changed, "{at}: {line}");
        }
    }

    #[test]
    fn a_server_is_known_by_its_address() {
        let rows = [
            ("10.0.0.2:1433", "10.0.0.2:1433", true),
            ("10.0.0.2:1433", "10.0.0.3:1433", false),
            ("10.0.0.2:1433", "10.0.0.2:1434", false),
            ("[::ffff:10.0.0.2]:1433", "10.0.0.2:1433", true),
            ("10.0.0.2:1433", "[::ffff:10.0.0.2]:1433", true),
            ("0.0.0.0:1433", "[fd00::1]:1433", true),
            ("[::]:1433", "10.0.0.2:1433", true),
            ("[::]:1433", "10.0.0.2:1434", false),
            ("[fe80::1%3]:1433", "[fe80::1]:1433", true),
        ];
        for (server, to, known) in rows {
            let mut ledger = Ledger::new(vec![server.parse().unwrap()]);
            let to = to.parse().unwrap();
            ledger.note(&Segment { to, ..segment(0, "> syn 1") });
            assert_eq!(ledger.entries().len(), usize::from(known), "{server} for {to}");
        }
    }

    #[test]
    fn a_full_ledger_counts_what_it_omits() {
        let mut ledger = Ledger::with_most(vec![SERVER.parse().unwrap()], 1);
        assert_eq!(ledger.note(&segment(0, "> syn 1")), Some(0));
        assert_eq!(ledger.note(&segment(1, "> syn 2")), None);
        // It belongs to the second connection, which is not shown.
        assert_eq!(ledger.note(&segment(2, "> fin 3")), None);
        assert_eq!((ledger.entries().len(), ledger.omitted()), (1, 1));
    }

    proptest! {
        #[test]
        fn any_segments_make_a_bounded_ledger(
            segments in prop::collection::vec((any::<[bool; 5]>(), 0u32..3, 1u16..4), 0..60),
        ) {
            let mut ledger = Ledger::with_most(vec!["0.0.0.0:1".parse().unwrap()], 5);
            for (at, ([forth, syn, ack, fin, rst], sequence, port)) in (0..).zip(segments) {
                let (one, other) = (SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([127, 0, 0, 1], 1)));
                let (from, to) = if forth { (one, other) } else { (other, one) };
                let flags = Flags { syn, ack, fin, rst };
                let changed = ledger.note(&Segment { at: instant(at), from, to, sequence, flags });
                prop_assert!(changed.is_none_or(|index| index < ledger.entries().len()));
            }
            prop_assert!(ledger.entries().len() <= 5);
        }
    }
}
