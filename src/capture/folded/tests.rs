//! Folding by tables, and against the ledger that keeps every entry.

use std::time::Duration;

use proptest::prelude::*;

use super::super::ledger::tests::{SERVER, segment};
use super::super::{Entry as Kept, Flags, Ledger};
use super::*;
use crate::record::{ClosedFirst, Gauge};

fn ledger() -> FoldedLedger {
    FoldedLedger::new(SERVER.parse().unwrap(), None)
}

/// The ledger of these lines, each a millisecond after the one before.
fn noted(lines: &[&str]) -> FoldedLedger {
    let mut ledger = ledger();
    for (at, line) in (0..).zip(lines) {
        ledger.note(&segment(at * 1_000_000, line));
    }
    ledger
}

/// Opened, answered, refused, ended, replaced; who closed first (FIN and RST of the client, of the server); open,
/// established and in CLOSE_WAIT at the end.
type Row = ([u64; 5], [u64; 4], [u64; 3]);

fn row(told: &LedgerInterval) -> Row {
    let ClosedFirst { client_fin, client_rst, server_fin, server_rst } = told.closed_first;
    (
        [told.opened, told.answered, told.refused, told.ended, told.replaced],
        [client_fin, client_rst, server_fin, server_rst],
        [told.open.now, told.established.now, told.close_wait.now],
    )
}

#[test]
fn segments_become_numbers() {
    let rows: &[(&str, &[&str], Row)] = &[
        (
            "orderly, the server first",
            &["> syn 9", "< syn ack 5", "< fin 6", "> fin 10"],
            ([1, 1, 0, 1, 0], [0, 0, 1, 0], [0; 3]),
        ),
        (
            "orderly, the client first",
            &["> syn 9", "< syn ack 5", "> fin 10", "< fin 6"],
            ([1, 1, 0, 1, 0], [1, 0, 0, 0], [0; 3]),
        ),
        ("leaky", &["> syn 9", "< syn ack 5", "< fin 6"], ([1, 1, 0, 0, 0], [0, 0, 1, 0], [1, 0, 1])),
        ("half closed", &["> syn 9", "< syn ack 5", "> fin 10"], ([1, 1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0])),
        ("open", &["> syn 9", "< syn ack 5"], ([1, 1, 0, 0, 0], [0; 4], [1, 1, 0])),
        ("reset by the client", &["> syn 9", "< syn ack 5", "> rst 10"], ([1, 1, 0, 1, 0], [0, 1, 0, 0], [0; 3])),
        ("reset by the server", &["> syn 9", "< syn ack 5", "< rst 6"], ([1, 1, 0, 1, 0], [0, 0, 0, 1], [0; 3])),
        (
            "a reset after the server's close",
            &["> syn 9", "< syn ack 5", "< fin 6", "> rst 10"],
            ([1, 1, 0, 1, 0], [0, 0, 1, 0], [0; 3]),
        ),
        (
            "a reset by the server after its own close",
            &["> syn 9", "< syn ack 5", "< fin 6", "< rst 7"],
            ([1, 1, 0, 1, 0], [0, 0, 1, 0], [0; 3]),
        ),
        ("refused", &["> syn 9", "< rst ack 0"], ([1, 0, 1, 1, 0], [0; 4], [0; 3])),
        ("unanswered", &["> syn 9", "> syn 9", "> syn 9"], ([1, 0, 0, 0, 0], [0; 4], [0; 3])),
        (
            "everything twice, and a late reset",
            &[
                "> syn 9",
                "> syn 9",
                "< syn ack 5",
                "< syn ack 5",
                "< fin 6",
                "< fin 6",
                "> fin 10",
                "> fin 10",
                "< rst 7",
            ],
            ([1, 1, 0, 1, 0], [0, 0, 1, 0], [0; 3]),
        ),
        (
            "the port again, though nobody saw it close",
            &["> syn 9", "< syn ack 5", "< fin 6", "> syn 70", "< syn ack 7"],
            ([2, 2, 0, 0, 1], [0, 0, 1, 0], [1, 1, 0]),
        ),
        ("a beginning that was missed", &["< syn ack 5", "> fin 10", "< rst 6"], ([0; 5], [0; 4], [0; 3])),
    ];
    for (name, lines, expected) in rows {
        assert_eq!(row(&noted(lines).take()), *expected, "{name}");
    }
}

#[test]
fn times_run_from_the_first_close_to_the_end() {
    let told = |lines| noted(lines).take();
    let is = |histogram: &Histogram, ms: Option<u64>| {
        let (found, ms) = (histogram.max(), ms.map(Duration::from_millis));
        // Three digits are what a histogram keeps.
        assert!(
            found.is_some() == ms.is_some() && found.zip(ms).is_none_or(|(a, b)| a.abs_diff(b) < b / 500),
            "{found:?}"
        );
    };
    let server_first = told(&["> syn 9", "< syn ack 5", "< fin 6", "< fin 6", "> fin 10"]);
    is(&server_first.close_wait_time, Some(2));
    is(&server_first.fin_wait_2_time, Some(2));
    is(&server_first.lifetime, Some(4));
    let client_first = told(&["> syn 9", "< syn ack 5", "> fin 10", "< fin 6"]);
    is(&client_first.close_wait_time, None);
    is(&client_first.fin_wait_2_time, Some(1));
    let reset = told(&["> syn 9", "< syn ack 5", "< fin 6", "> rst 10"]);
    is(&reset.close_wait_time, Some(1));
    // A far side or a middlebox that gives up a leaked connection closes nothing of the client's.
    let given_up = told(&["> syn 9", "< syn ack 5", "< fin 6", "< rst 7"]);
    is(&given_up.close_wait_time, None);
    assert_eq!(given_up.close_wait_reset, Some(1));
    is(&given_up.fin_wait_2_time, Some(1));
    is(&given_up.lifetime, Some(3));
    let refused = told(&["> syn 9", "< rst ack 0"]);
    is(&refused.lifetime, None);
    let leaky = noted(&["> syn 9", "< syn ack 5", "< fin 6"]);
    is(&leaky.close_wait_age(Monotonic::from_nanos(12_000_000)), Some(10));
}

#[test]
fn an_interval_begins_where_the_last_one_ended() {
    let mut ledger = noted(&["> syn 9", "< syn ack 5", "< fin 6"]);
    let first = ledger.take();
    assert_eq!((first.opened, first.close_wait), (1, Gauge { now: 1, peak: 1 }));
    ledger.note(&segment(9_000_000, "> fin 10"));
    let second = ledger.take();
    assert_eq!((second.opened, second.ended, second.close_wait), (0, 1, Gauge { now: 0, peak: 1 }));
    assert_eq!(second.close_wait_time.count(), 1);
    assert_eq!(ledger.take(), LedgerInterval::default());
}

/// The kernel ends an orphaned FIN_WAIT_2 and no packet tells: one of a second was told as four, and one that nobody ever
/// ended not at all.
#[test]
fn what_the_kernel_ends_is_over_with_its_time_out() {
    let second = Duration::from_secs(1);
    let both = Some(FinWait { client: Some(2 * second), server: Some(second) });
    let closed = |fin_wait, by: &str, after_ms: u64, then: Option<&str>| {
        let mut ledger = FoldedLedger::new(SERVER.parse().unwrap(), fin_wait);
        for (at, line) in ["> syn 9", "< syn ack 5", by].into_iter().enumerate() {
            ledger.note(&segment(at as u64, line));
        }
        let now = after_ms * 1_000_000;
        then.iter().for_each(|line| ledger.note(&segment(now, line)));
        // Each is counted once, however often it is asked for.
        ledger.expire(Monotonic::from_nanos(now));
        let mut told = ledger.take();
        ledger.expire(Monotonic::from_nanos(now + 1));
        told.then(&ledger.take());
        (told.fin_wait_2_expired, told.fin_wait_2_time.max().map(|max| max.as_millis()))
    };
    // Times are those of a histogram, which keeps three digits.
    let rows = [
        ("closed in time", both, "< fin 6", 900, Some("> fin 10"), (Some(0), Some(900))),
        ("closed while the kernel's timer may be late", both, "< fin 6", 1200, Some("> fin 10"), (Some(0), Some(1200))),
        ("closed too late", both, "< fin 6", 4000, Some("> fin 10"), (Some(1), Some(1000))),
        ("reset too late", both, "< fin 6", 4000, Some("> rst 10"), (Some(1), Some(1000))),
        ("never closed", both, "< fin 6", 4000, None, (Some(1), Some(1000))),
        ("not over yet", both, "< fin 6", 1000, None, (Some(0), None)),
        ("the client first", both, "> fin 10", 2000, Some("< fin 6"), (Some(0), Some(2000))),
        ("the client first, too late", both, "> fin 10", 4000, Some("< fin 6"), (Some(1), Some(2000))),
        ("nobody knows", None, "< fin 6", 4000, Some("> fin 10"), (None, Some(4000))),
        ("nobody knows, never closed", None, "< fin 6", 4000, None, (None, None)),
    ];
    let near = |found: Option<u128>, ms: Option<u128>| match (found, ms) {
        (Some(found), Some(ms)) => found.abs_diff(ms) <= ms / 500,
        (found, ms) => found == ms,
    };
    for (name, fin_wait, by, after_ms, then, (expired, time)) in rows {
        let found = closed(fin_wait, by, after_ms, then);
        assert!(found.0 == expired && near(found.1, time), "{name}: {found:?}");
    }
    let shut = Some(FinWait { client: Some(second), server: None });
    assert_eq!(closed(shut, "< fin 6", 4000, None), (Some(0), None), "a descriptor that is kept has no time-out");
}

#[test]
fn a_full_ledger_counts_what_it_omits() {
    let mut ledger = FoldedLedger::with_most(SERVER.parse().unwrap(), None, 1);
    let other = |line| Segment { from: "10.0.0.9:1".parse().unwrap(), ..segment(1, line) };
    ledger.note(&segment(0, "> syn 1"));
    ledger.note(&other("> syn 2"));
    ledger.note(&other("> fin 3"));
    let told = ledger.take();
    assert_eq!((told.opened, told.omitted, told.closed_first), (1, 1, ClosedFirst::default()));
}

#[test]
fn only_the_servers_own_segments_count() {
    let mut ledger = FoldedLedger::new("[::ffff:10.0.0.2]:1433".parse().unwrap(), None);
    for (to, opened) in
        [("10.0.0.2:1434", 0), ("10.0.0.3:1433", 0), ("10.0.0.2:1433", 1), ("[::ffff:10.0.0.2]:1433", 1)]
    {
        ledger.note(&Segment { to: to.parse().unwrap(), sequence: opened, ..segment(0, "> syn 1") });
        ledger.note(&segment(1, "> rst 2"));
        assert_eq!(ledger.take().opened, u64::from(opened), "{to}");
    }
}

/// What a kept entry comes to, by its times alone.
fn expected(entries: &[Kept]) -> Row {
    let mut sums: Row = ([0; 5], [0; 4], [0; 3]);
    for (at, entry) in entries.iter().enumerate() {
        let resets = [entry.client_rst, entry.server_rst].into_iter().flatten();
        let end = resets.chain(entry.client_fin.zip(entry.server_fin).map(|(a, b)| a.max(b))).min();
        // What comes later is of nothing any more.
        let until = |time: Option<Monotonic>| time.filter(|time| end.is_none_or(|end| *time <= end));
        let answered = until(entry.answered).is_some();
        let refused = until(entry.server_rst).is_some() && !answered;
        let again = entries[at + 1..].iter().any(|later| (later.client, later.server) == (entry.client, entry.server));
        let fate = [true, answered, refused, end.is_some(), end.is_none() && again];
        let closes = [entry.client_fin, entry.client_rst, entry.server_fin, entry.server_rst].map(until);
        // A segment that has both resets.
        let order = [1, 3, 0, 2];
        let first = order.into_iter().filter(|way| closes[*way].is_some()).min_by_key(|way| closes[*way]);
        let first = first.filter(|way| !(refused && *way == 3));
        let open = end.is_none() && !again;
        let stage = [open && answered, open && answered && first.is_none(), open && first == Some(2)];
        (0..5).for_each(|n| sums.0[n] += u64::from(fate[n]));
        (0..4).for_each(|n| sums.1[n] += u64::from(first == Some(n)));
        (0..3).for_each(|n| sums.2[n] += u64::from(stage[n]));
    }
    sums
}

proptest! {
    /// Whatever comes, the numbers are those of the entries that [`Ledger`] keeps.
    #[test]
    fn it_agrees_with_the_ledger_that_keeps_everything(
        segments in prop::collection::vec((any::<[bool; 5]>(), 0u32..3, 10u16..13), 0..60),
    ) {
        let server: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let (mut kept, mut folded) = (Ledger::new(vec![server]), FoldedLedger::new(server, None));
        for (at, ([forth, syn, ack, fin, rst], sequence, port)) in (0..).zip(segments) {
            let client = SocketAddr::from(([127, 0, 0, 1], port));
            let (from, to) = if forth { (client, server) } else { (server, client) };
            let segment = Segment { at: Monotonic::from_nanos(at), from, to, sequence, flags: Flags { syn, ack, fin, rst } };
            kept.note(&segment);
            folded.note(&segment);
        }
        let told = folded.take();
        prop_assert_eq!(row(&told), expected(kept.entries()));
        let unanswered = folded.open.values().filter(|open| !open.answered).count() as u64;
        prop_assert_eq!(told.opened, told.ended + told.replaced + told.open.now + unanswered);
        prop_assert_eq!(folded.close_wait_age(Monotonic::from_nanos(100)).count(), told.close_wait.now);
    }
}
