//! Garbage of every kind in every state: the connection ends, the error log has one entry with SQL Server's number, and
//! nothing is left of it.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use crate::peer::{LOGIN7, PRELOGIN, Peer, login7, packet, prelogin, refusal};
use crate::server::{Served, serve, until};

/// How far a client has come when it begins to talk nonsense.
#[derive(Debug, Clone, Copy)]
enum State {
    Fresh,
    Greeted,
    LoggedIn,
}

const STATES: [State; 3] = [State::Fresh, State::Greeted, State::LoggedIn];

fn peer(server: &Served, state: State) -> Peer {
    match state {
        State::Fresh => Peer::connect(&server.address),
        State::Greeted => Peer::greeted(&server.address),
        State::LoggedIn => {
            let (peer, tokens) = Peer::logged_in(&server.address);
            assert_eq!(refusal(&tokens), None);
            peer
        }
    }
}

fn server() -> Served {
    serve(&["--fault", "none", "--tls", "off", "--errorlog", "log"])
}

fn entries(server: &Served) -> Vec<String> {
    let errors = server.file("log");
    errors.lines().filter_map(|line| line.split_once("Error: ")?.1.split_once(',')).map(|it| it.0.to_owned()).collect()
}

/// Sends the bytes in this state, and asserts that the server ends the connection by itself with an entry of this number.
#[track_caller]
fn ends(server: &Served, state: State, what: &str, bytes: &[u8], number: &str) {
    let before = entries(server).len();
    let mut peer = peer(server, state);
    peer.send(bytes);
    peer.ended();
    until(&format!("{state:?}, {what}: an entry in the error log"), || entries(server).len() > before);
    assert_eq!(entries(server)[before..], [number], "{state:?}, {what}");
}

/// After everything: the descriptors of before, nothing on stderr, and a server that still serves.
fn unharmed(mut server: Served, descriptors: usize) {
    until("every descriptor is closed", || server.descriptors() == descriptors);
    let (_, tokens) = Peer::logged_in(&server.address);
    assert_eq!(refusal(&tokens), None);
    server.end();
    assert_eq!(server.file("stderr"), "");
}

/// A TLS 1.2 ClientHello's first bytes.
fn client_hello() -> Vec<u8> {
    let mut bytes = vec![0x16, 3, 1, 1, 0, 1, 0, 0, 0xFC, 3, 3];
    bytes.resize(261, 0x5A);
    bytes
}

/// A header that lies about its length.
fn lying(kind: u8, length: u16) -> Vec<u8> {
    let mut bytes = packet(kind, 1, &[0; 32]);
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

#[test]
fn first_bytes_that_are_no_prelogin() {
    let server = server();
    let descriptors = server.descriptors();
    for (what, bytes) in [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("a ClientHello where TLS is off", client_hello()),
        ("zeroes", vec![0; 100]),
        ("one byte of nothing known", vec![0xFF]),
        ("a length of 0", lying(PRELOGIN, 0)),
        ("a length below the header's", lying(PRELOGIN, 7)),
        ("a batch", packet(1, 1, b"S\0")),
        ("an attention", packet(6, 1, &[])),
        ("a reply", packet(4, 1, &prelogin())),
    ] {
        ends(&server, State::Fresh, what, &bytes, "17836");
    }
    unharmed(server, descriptors);
}

#[test]
fn prelogins_that_are_wrong_inside() {
    let server = server();
    let descriptors = server.descriptors();
    let mut outside = prelogin();
    outside[2] = 200;
    let mut too_long = prelogin();
    too_long[3] = 0xFF;
    for (what, payload) in [
        ("nothing", Vec::new()),
        ("an offset outside", outside),
        ("a length outside", too_long),
        ("no end", prelogin()[..10].to_vec()),
        ("half an option", prelogin()[..3].to_vec()),
        ("32,767 bytes of zeroes", vec![0; 32_767 - 8]),
        ("32,767 bytes of 0x55", vec![0x55; 32_767 - 8]),
    ] {
        ends(&server, State::Fresh, what, &packet(PRELOGIN, 1, &payload), "17828");
    }
    unharmed(server, descriptors);
}

#[test]
fn what_is_no_login_after_prelogin() {
    let server = server();
    let descriptors = server.descriptors();
    for (what, bytes) in [
        ("a batch", packet(1, 1, b"S\0")),
        ("a call", packet(3, 1, &[0; 16])),
        ("an attention", packet(6, 1, &[])),
        ("a second PRELOGIN where TLS is off", packet(PRELOGIN, 1, &prelogin())),
        ("a ClientHello in PRELOGIN where TLS is off", packet(PRELOGIN, 1, &client_hello())),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("an empty login", packet(LOGIN7, 1, &[])),
        ("32,767 bytes of zeroes", packet(LOGIN7, 1, &[0; 32_767 - 8])),
        ("32,767 bytes of 0xFF", packet(LOGIN7, 1, &[0xFF; 32_767 - 8])),
    ] {
        ends(&server, State::Greeted, what, &bytes, "17832");
    }
    unharmed(server, descriptors);
}

#[test]
fn a_login_cut_anywhere_or_with_a_field_that_lies() {
    let server = server();
    let descriptors = server.descriptors();
    let login = login7();
    for cut in (0..login.len()).step_by(3).chain([login.len() - 1]) {
        ends(&server, State::Greeted, &format!("cut at {cut}"), &packet(LOGIN7, 1, &login[..cut]), "17832");
    }
    // The whole length, then the offset of every text: the pairs begin at 36, four bytes each.
    for field in [0].into_iter().chain((36..72).step_by(4)) {
        let mut bad = login.clone();
        bad[field..field + 2].copy_from_slice(&[0xFF, 0xFF]);
        // A text of no length may lie anywhere.
        let empty = field > 0 && bad[field + 2..field + 4] == [0, 0];
        if !empty {
            ends(&server, State::Greeted, &format!("the field at {field}"), &packet(LOGIN7, 1, &bad), "17832");
        }
    }
    unharmed(server, descriptors);
}

/// The bytes of a stream that stops: the client goes, and SQL Server's number for that is not known here.
#[test]
fn a_stream_that_stops_anywhere_leaves_nothing() {
    let server = server();
    let descriptors = server.descriptors();
    let streams = [
        (State::Fresh, packet(PRELOGIN, 1, &prelogin())),
        (State::Fresh, lying(PRELOGIN, 0x7FFF)),
        (State::Greeted, packet(LOGIN7, 1, &login7())),
        (State::Greeted, lying(LOGIN7, 0x7FFF)),
        (State::LoggedIn, packet(1, 1, b"\x16\0\0\0\x12\0\0\0\x02\0\0\0\0\0\0\0\0\0\x01\0\0\0S\0")),
        (State::LoggedIn, lying(1, 0x7FFF)),
    ];
    let mut peers = 0;
    for (state, bytes) in streams {
        for cut in (1..bytes.len()).step_by(5) {
            peers += 1;
            let mut peer = peer(&server, state);
            peer.send(&bytes[..cut]);
            peer.finish();
            peer.ended();
        }
    }
    // Looked at when all is over: an entry is written a little after its connection's end.
    assert!(entries(&server).len() <= peers, "more than one entry for a stream");
    unharmed(server, descriptors);
}

#[test]
fn a_session_ends_by_what_is_no_request() {
    let server = server();
    let descriptors = server.descriptors();
    for (what, bytes) in [
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a ClientHello", client_hello()),
        ("a length of 0", lying(1, 0)),
        ("a length of 7", lying(3, 7)),
        ("a second login", packet(LOGIN7, 1, &login7())),
        ("a PRELOGIN", packet(PRELOGIN, 1, &prelogin())),
        ("a batch of 32,767 bytes whose headers lie", packet(1, 1, &[0xFF; 32_767 - 8])),
        ("a batch that changes its type", [packet(1, 0, b"S\0"), packet(3, 1, b"S\0")].concat()),
        ("a batch of more than a megabyte", packet(1, 0, &[0; 32_767 - 8]).repeat(40)),
    ] {
        ends(&server, State::LoggedIn, what, &bytes, "4014");
    }
    unharmed(server, descriptors);
}

#[test]
fn random_bytes_in_every_state_are_survived() {
    let server = server();
    let descriptors = server.descriptors();
    let mut random = StdRng::seed_from_u64(3);
    for round in 0..300 {
        let state = STATES[round % 3];
        let mut bytes = vec![0; random.random_range(1..600)];
        random.fill_bytes(&mut bytes);
        // Every second one has a true header, so that it comes as far as the payload.
        let kinds = [PRELOGIN, LOGIN7, 1, 3, 6, 14];
        let bytes = if round % 2 == 0 { bytes } else { packet(kinds[random.random_range(0..6)], 1, &bytes) };
        let mut peer = peer(&server, state);
        peer.send(&bytes);
        peer.finish();
        peer.ended();
    }
    unharmed(server, descriptors);
}
