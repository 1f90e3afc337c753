//! Records of connections that were made up, frame by frame.

use super::*;
use crate::client::{Close, Driver, Encryption};
use crate::record::Outcome;
use crate::server::CloseMode;
use crate::trace::role::Seen;
use crate::units::Span;
use crate::wire::{Journal, LogEntry};

const CLIENT: u16 = 40_000;
const SERVER: u16 = 1433;
/// The sequence numbers of the two SYN; one of them wraps.
const OURS: u32 = 1_000;
const THEIRS: u32 = u32::MAX - 10;

fn at(millis: u64) -> Monotonic {
    Monotonic::from_nanos(0).after(Duration::from_millis(millis))
}

/// A frame at a time, from the client or not, with its flags and its numbers after the SYN's.
fn frame(millis: u64, client: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Captured {
    let (own, other) = if client { (OURS, THEIRS) } else { (THEIRS, OURS) };
    let ports = if client { [CLIENT, SERVER] } else { [SERVER, CLIENT] };
    let hosts: [u8; 8] = if client { [198, 18, 0, 1, 198, 18, 0, 2] } else { [198, 18, 0, 2, 198, 18, 0, 1] };
    let length = u16::try_from(40 + payload.len()).unwrap().to_be_bytes();
    let acknowledgement = if flags & 0x10 == 0 { 0 } else { other.wrapping_add(ack) };
    let bytes = [
        &[0; 12][..],
        &[8, 0, 0x45, 0],
        &length,
        &[0; 5],
        &[6, 0, 0],
        &hosts,
        &ports[0].to_be_bytes(),
        &ports[1].to_be_bytes(),
        &own.wrapping_add(seq).to_be_bytes(),
        &acknowledgement.to_be_bytes(),
        &[5 << 4, flags, 0, 9, 0, 0, 0, 0],
        payload,
    ]
    .concat();
    Captured { at: at(millis), wall_ns: 1_000_000_000 + millis * 1_000_000, bytes }
}

const SYN: u8 = 2;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const FIN_ACK: u8 = 0x11;

/// The server closes, the client acknowledges, and that is all.
fn leak() -> Vec<Captured> {
    vec![
        frame(10, true, SYN, 0, 0, b""),
        frame(11, false, SYN_ACK, 0, 1, b""),
        frame(12, true, ACK, 1, 1, b""),
        frame(13, false, FIN_ACK, 1, 1, b"HTTP/1.1 400 no TDS"),
        frame(14, true, ACK, 1, 21, b""),
    ]
}

fn seen(millis: u64, side: Side, state: Option<TcpState>) -> Seen {
    Seen { at: at(millis), side, state, orphan: side == Side::Server }
}

fn gathered(frames: Vec<Captured>, changes: Vec<Seen>) -> Gathered {
    let (client, server) = (([198, 18, 0, 1], CLIENT).into(), ([198, 18, 0, 2], SERVER).into());
    let mut journal = Journal::new(1, client, server, at(11));
    journal.log.push(LogEntry { at: at(13), text: "one line\nanother\n".to_owned() });
    let attempted = Attempted { at: at(15), outcome: Outcome::ProtocolError, server_error: None, is_open: true };
    Gathered {
        server,
        sandbox: "two-hosts",
        tcp_fin_timeout: Duration::from_secs(2),
        tcp_tw_reuse: 2,
        frames,
        attempted: Some(attempted),
        closed: None,
        kept: Some((at(16), true)),
        broken_off: false,
        looked: Looked { changes, still: true, ..Looked::default() },
        told: Told { journals: vec![journal], ..Told::default() },
        ended: at(5_000),
    }
}

fn subject() -> Subject {
    Subject {
        name: "leaky".to_owned(),
        faults: Vec::new(),
        server_close: CloseMode::Orderly,
        driver: Driver::Tiberius,
        close: Close::Leaky,
        close_logged_in: Close::Orderly,
        timeout: Span::from_secs(15),
        encryption: Encryption::Off,
        sandbox: None,
        ports: None,
        tcp_fin_timeout: None,
        tcp_tw_reuse: None,
        nofile: None,
    }
}

fn leaked(changes: Vec<Seen>) -> TracedConnection {
    account(&subject(), &gathered(leak(), changes))
}

const KERNEL: [Option<TcpState>; 2] = [Some(TcpState::CloseWait), Some(TcpState::FinWait2)];

fn looks(client: Option<TcpState>, server: Option<TcpState>) -> Vec<Seen> {
    vec![seen(20, Side::Client, client), seen(20, Side::Server, server)]
}

#[test]
fn numbers_count_from_each_sides_syn_and_states_stand_beside() {
    let it = leaked(looks(KERNEL[0], KERNEL[1]));
    let numbers: Vec<_> = it.frames.iter().map(|frame| (frame.seq, frame.ack, frame.length)).collect();
    assert_eq!(numbers, [(0, None, 0), (0, Some(1), 0), (1, Some(1), 0), (1, Some(1), 19), (1, Some(21), 0)]);
    let what: Vec<&str> = it.frames.iter().map(|frame| frame.what.as_str()).collect();
    assert_eq!(what, ["SYN", "SYN, ACK", "ACK", "no TDS: 19 bytes; FIN of the server", "ACK of the FIN"]);
    let states: Vec<String> = it.frames.iter().map(|frame| format!("{} | {}", frame.client, frame.server)).collect();
    assert_eq!(states[3], "ESTABLISHED -> CLOSE_WAIT | ESTABLISHED -> FIN_WAIT_1");
    assert_eq!(states[4], "CLOSE_WAIT | FIN_WAIT_1 -> FIN_WAIT_2");
    assert!((it.frames[3].at_s - 0.003).abs() < 1e-9);
    assert_eq!(it.began_at.as_deref(), Some("1970-01-01T00:00:01.010000000Z"));
}

#[test]
fn what_is_missing_is_told_with_its_time() {
    let it = leaked(looks(KERNEL[0], KERNEL[1]));
    let missing = it.missing.unwrap();
    assert_eq!((missing.side, missing.since_s, missing.waited_s), (Side::Client, 0.003, 4.987));
    assert!(missing.text.contains("port 40000") && missing.text.contains("tcp_fin_timeout (2 s)"), "{}", missing.text);
    let remarks: Vec<_> = it.remarks.iter().map(|remark| (remark.kind, remark.text.as_str())).collect();
    assert_eq!(remarks[..2], [(RemarkKind::ErrorLog, "one line"), (RemarkKind::ErrorLog, "another")]);
    assert_eq!(remarks[3], (RemarkKind::Client, "leaky: it keeps the socket, and does not close it"));
}

#[test]
fn a_good_login_has_its_own_strategy_in_every_place() {
    // What broke: `trace time-wait-churn --arm abortive` printed an RST and said that it was orderly.
    for (outcome, close, strategy) in [
        (Outcome::LoggedIn, "abortive", "abortive (a good login)"),
        (Outcome::LoginRejected, "leaky", "leaky"),
        (Outcome::TimedOut, "leaky", "leaky"),
    ] {
        let subject = Subject { close_logged_in: Close::Abortive, ..subject() };
        let mut gathered = gathered(leak(), looks(KERNEL[0], KERNEL[1]));
        gathered.attempted = gathered.attempted.map(|attempted| Attempted { outcome, ..attempted });
        gathered.closed = Some(at(20));
        let it = account(&subject, &gathered);
        assert_eq!((it.close.as_str(), it.close_failed.as_str()), (close, "leaky"));
        assert_eq!(it.close_logged_in, "abortive");
        let said = |what: &str| it.remarks.iter().any(|remark| remark.text == format!("{strategy}: {what}"));
        assert!(said("it has closed the socket"), "{outcome:?}: {:?}", it.remarks);
        assert!(said("it keeps the socket, and does not close it"), "{outcome:?}: {:?}", it.remarks);
    }
}

#[test]
fn a_kernel_with_the_same_states_agrees_and_with_any_other_does_not() {
    let ends = |it: &TracedConnection| (it.client_end.agrees.unwrap(), it.server_end.agrees.unwrap());
    assert_eq!(ends(&leaked(looks(KERNEL[0], KERNEL[1]))), (true, true));
    for &state in TcpState::ALL {
        let it = leaked(looks(Some(state), Some(state)));
        assert_eq!(ends(&it), (state == TcpState::CloseWait, state == TcpState::FinWait2), "{state}");
    }
    assert_eq!(ends(&leaked(looks(None, None))), (false, false), "gone, and no time has passed");
    assert_eq!(ends(&leaked(Vec::new())), (false, false), "never seen");
    let mut frames = leak();
    frames.pop();
    let it = account(&subject(), &gathered(frames, looks(KERNEL[0], KERNEL[1])));
    assert_eq!(ends(&it), (true, false), "a frame that was not captured shows");
}

#[test]
fn a_kernel_is_not_accused_beside_frames_that_still_come_or_are_not_known() {
    // What broke: a look taken while frames came, FIN_WAIT_1 beside a table that told ESTABLISHED, and "DISAGREES".
    let ends = |looked: Looked, server| {
        let changes = looks(KERNEL[0], server);
        let it =
            account(&subject(), &Gathered { looked: Looked { changes, ..looked }, ..gathered(leak(), Vec::new()) });
        (it.client_end.agrees, it.server_end.agrees)
    };
    let still = Looked { still: true, ..Looked::default() };
    for unsound in [
        Looked { still: false, ..still.clone() },
        Looked { lost: 1, ..still.clone() },
        Looked { omitted: 1, ..still.clone() },
    ] {
        assert_eq!(ends(unsound.clone(), Some(TcpState::FinWait1)), (Some(true), None), "{unsound:?}");
        assert_eq!(ends(unsound, KERNEL[1]), (Some(true), Some(true)));
    }
    assert_eq!(ends(still, Some(TcpState::FinWait1)), (Some(true), Some(false)));
}

#[test]
fn what_is_broken_off_misses_nothing_and_tells_nothing_later() {
    let mut gathered = gathered(leak(), looks(KERNEL[0], KERNEL[1]));
    (gathered.broken_off, gathered.ended, gathered.kept) = (true, at(12), None);
    let it = account(&subject(), &gathered);
    assert!(it.broken_off && it.missing.is_none());
    assert!(it.remarks.iter().all(|remark| remark.kind != RemarkKind::ErrorLog), "{:?}", it.remarks);
}

#[test]
fn what_time_ends_agrees_once_that_time_has_passed() {
    let gone_at = |millis| {
        let mut changes = looks(KERNEL[0], KERNEL[1]);
        changes.push(seen(millis, Side::Server, None));
        leaked(changes)
    };
    let it = gone_at(2_030);
    assert_eq!((it.client_end.agrees, it.server_end.agrees), (Some(true), Some(true)));
    let remark = it.remarks.last().unwrap();
    assert_eq!((remark.kind, remark.side), (RemarkKind::Kernel, Side::Server));
    assert!(it.missing.unwrap().text.contains("was gone after"));
    assert!(gone_at(500).server_end.agrees == Some(false), "too soon");
}

#[test]
fn who_is_never_answered_asks_again_and_closes_without_a_frame() {
    // What broke: SYN_SENT by the frames, no socket in the kernel, and "agrees".
    let asked = || [10, 1010, 3010].map(|millis| frame(millis, true, SYN, 0, 0, b"")).to_vec();
    let ended = |is_open, looks| {
        let mut gathered = gathered(asked(), looks);
        gathered.looked.listening = true;
        gathered.kept = None;
        let attempted = Attempted { at: at(4_000), outcome: Outcome::TimedOut, server_error: None, is_open };
        gathered.attempted = Some(attempted);
        account(&subject(), &gathered)
    };
    let it = ended(false, vec![seen(20, Side::Client, Some(TcpState::SynSent)), seen(4_001, Side::Client, None)]);
    let again: Vec<bool> = it.frames.iter().map(|frame| frame.retransmission).collect();
    assert_eq!(again, [false, true, true]);
    assert_eq!((it.frames[0].what.as_str(), it.frames[1].what.as_str()), ("SYN", "SYN; sent again"));
    let ends = |it: &TracedConnection| [it.client_end, it.server_end].map(|end| (end.state, end.kernel, end.agrees));
    let listen = (TcpState::Listen, Some(TcpState::Listen), Some(true));
    assert_eq!(ends(&it), [(TcpState::Close, None, Some(true)), listen]);
    let told =
        it.remarks.iter().any(|remark| remark.text.contains("timed out; it closes its socket, SYN_SENT -> CLOSE"));
    assert!(told && it.remarks.iter().all(|remark| remark.kind != RemarkKind::Kernel), "{:?}", it.remarks);

    let it = ended(false, vec![seen(20, Side::Client, Some(TcpState::SynSent))]);
    assert_eq!(it.client_end.agrees, Some(false), "it was left open");
    let mut gathered = gathered(asked(), vec![seen(20, Side::Client, Some(TcpState::SynSent))]);
    (gathered.attempted, gathered.kept) = (None, None);
    let it = account(&subject(), &gathered);
    assert_eq!((it.client_end.state, it.client_end.agrees), (TcpState::SynSent, Some(true)), "still asking");
}

#[test]
fn where_nobody_listens_no_frame_says_that_somebody_does() {
    let refused = vec![frame(10, true, SYN, 0, 0, b""), frame(11, false, 0x14, 0, 1, b"")];
    let mut gathered = gathered(refused, Vec::new());
    gathered.kept = None;
    gathered.attempted = Some(Attempted { at: at(12), outcome: Outcome::Refused, server_error: None, is_open: false });
    let it = account(&subject(), &gathered);
    let servers: Vec<_> = it.frames.iter().map(|frame| frame.server.to_string()).collect();
    assert_eq!(servers, ["CLOSE", "CLOSE"]);
    assert_eq!(it.frames[1].what, "RST: nobody listens");
    assert_eq!((it.client_end.agrees, it.server_end.agrees), (Some(true), Some(true)));
}

#[test]
fn a_fin_alone_that_is_sent_again_is_told_as_such() {
    let mut frames = leak();
    frames[3] = frame(13, false, FIN_ACK, 1, 1, b"");
    frames[4] = frame(14, true, ACK, 1, 2, b"");
    frames.insert(4, frame(13, false, FIN_ACK, 1, 1, b""));
    let it = account(&subject(), &gathered(frames, looks(KERNEL[0], KERNEL[1])));
    let again: Vec<bool> = it.frames.iter().map(|frame| frame.retransmission).collect();
    assert_eq!(again, [false, false, false, false, true, false]);
}

#[test]
fn without_a_frame_there_is_an_account() {
    let it = account(&subject(), &gathered(Vec::new(), Vec::new()));
    assert_eq!((it.client, it.began_at, it.frames.len(), it.missing), (None, None, 0, None));
    assert_eq!((it.client_end.agrees, it.server_end.agrees), (Some(true), Some(true)));
}

#[test]
fn a_segment_sent_again_is_told_as_such() {
    let mut frames = leak();
    frames.insert(4, frame(13, false, FIN_ACK, 1, 1, b"HTTP/1.1 400 no TDS"));
    let it = account(&subject(), &gathered(frames, looks(KERNEL[0], KERNEL[1])));
    assert!(it.frames[4].retransmission && it.frames[4].messages.is_empty());
    assert_eq!(it.frames[4].what, "sent again; FIN of the server");
}
