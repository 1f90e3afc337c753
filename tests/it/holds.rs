//! What a server bears: idle, slow, endless and vanished clients, and a machine without descriptors.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use serde_json::json;

use crate::harness::{measured, skipped};
use crate::peer::{LOGIN7, PRELOGIN, Peer, login7, packet, prelogin, refusal};
use crate::server::{serve, serve_below, until};

/// As many connections as this machine's descriptor limit allows a test beside others, at most ten thousand.
fn many(test: &str) -> usize {
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let many = (limit / 4 * 3).saturating_sub(200).clamp(100, 10_000);
    if many < 10_000 {
        measured(test, &format!("{many} connections and not 10,000: the limit is {limit} descriptors"));
    }
    many
}

/// Both halves in one test: together they would need the descriptors twice.
#[test]
fn ten_thousand_idle_connections_cost_little_and_are_ended_by_the_login_timeout() {
    let test = "ten_thousand_idle_connections_cost_little_and_are_ended_by_the_login_timeout";
    let many = many(test);
    let mut server = serve(&[]);
    drop((0..100).map(|_| TcpStream::connect(&server.address).unwrap()).collect::<Vec<_>>());
    until("the first hundred are gone", || server.counts()["ended_by_client"] == 100);
    let (descriptors, memory) = (server.descriptors(), server.memory());
    let idle: Vec<_> = (0..many).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    until("all are accepted", || server.counts()["open"] == json!(many));
    let each = server.memory().saturating_sub(memory) / many as u64;
    measured(test, &format!("{each} bytes of the server's memory for each of {many} idle connections"));
    assert!(each < 16 * 1024, "{each} bytes");
    let (peer, tokens) = Peer::logged_in(&server.address);
    assert_eq!(refusal(&tokens), Some(18456), "and others are served");
    peer.ended();
    drop(idle);
    until("every descriptor is closed", || server.descriptors() == descriptors);
    drop(server);

    let mut server = serve(&["--login-timeout", "2s", "--errorlog", "log"]);
    let idle: Vec<_> = (0..many).map(|_| Peer::connect(&server.address)).collect();
    idle.into_iter().for_each(Peer::ended);
    let counts = server.counts();
    assert_eq!((&counts["timed_out"], &counts["open"]), (&json!(many), &json!(0)));
    let (last, _) = server.end();
    let lost = usize::try_from(last["served"]["log_entries_lost"].as_u64().unwrap()).unwrap();
    assert_eq!(server.file("log").matches("Error: 17830, ").count() + lost, many);
    assert_eq!(server.file("stderr"), "");
}

#[test]
fn without_descriptors_it_waits_and_then_serves() {
    let mut server = serve_below(64, &["--metrics", "127.0.0.1:0"]);
    let mut crowd: Vec<_> = (0..100).map(|_| Peer::connect(&server.address)).collect();
    until("no descriptor is left", || server.counts()["accept_pauses"].as_u64().unwrap() > 0);
    let accepted = server.counts()["accepted"].as_u64().unwrap();
    assert!((30..64).contains(&accepted), "{accepted} accepted with 64 descriptors");
    let before = server.cpu();
    // A measurement's length, and no hope: what is asserted is the time that the server uses meanwhile.
    std::thread::sleep(Duration::from_secs(1));
    let used = server.cpu() - before;
    measured("without_descriptors_it_waits_and_then_serves", &format!("{used:?} of processor time in a second"));
    assert!(used < Duration::from_millis(300), "{used:?}: it spins");
    // Whom it has, it serves; whoever waits comes after them.
    for mut peer in crowd.drain(..) {
        assert!(peer.send(&packet(PRELOGIN, 1, &prelogin())));
        peer.reply();
        assert!(peer.send(&packet(LOGIN7, 1, &login7())));
        assert_eq!(refusal(&peer.reply()), Some(18456));
        peer.ended();
    }
    let (last, _) = server.end();
    assert_eq!(last["served"]["logins_refused"], json!({"18456": {"8": 100}}));
    assert_eq!(server.file("stderr"), "");
}

/// Sends a packet until the server has enough; how many bytes the two kernels and the server took.
fn flood(mut peer: Peer, packet: &[u8]) -> u64 {
    const ENDLESS: u64 = 10 << 30;
    let mut sent = 0;
    while sent < ENDLESS && peer.send(packet) {
        sent += packet.len() as u64;
    }
    peer.ended();
    sent
}

#[test]
fn a_login_of_ten_gigabytes_is_cut_off() {
    let test = "a_login_of_ten_gigabytes_is_cut_off";
    let mut server = serve(&["--errorlog", "log"]);
    let (peer, _) = Peer::logged_in(&server.address);
    peer.ended();
    let (descriptors, memory) = (server.descriptors(), server.memory());
    for (what, bytes) in [("32,767 bytes", vec![0; 32_767 - 8]), ("9 bytes", vec![0])] {
        let sent = flood(Peer::greeted(&server.address), &packet(LOGIN7, 0, &bytes));
        measured(test, &format!("{sent} bytes went away, in packets of {what}"));
        // The socket buffers of both ends, 4 and 6 MiB at the most by the kernel's defaults, and the login's 128 KiB.
        assert!(sent < 12 << 20, "{sent} bytes");
    }
    let sent = flood(Peer::connect(&server.address), &packet(PRELOGIN, 0, &[0; 32_767 - 8]));
    assert!(sent < 12 << 20, "{sent} bytes of PRELOGIN");
    let grown = server.memory().saturating_sub(memory);
    measured(test, &format!("the server's memory grew by {grown} bytes"));
    assert!(grown < 2 << 20, "{grown} bytes");
    until("every descriptor is closed", || server.descriptors() == descriptors);
    assert_eq!(server.counts()["malformed"], 3);
    server.end();
    assert_eq!(server.file("log").matches("Error: 178").count(), 3, "{}", server.file("log"));
}

/// Packets of nothing add nothing to a message, so no limit of length meets them.
#[test]
fn empty_packets_for_ever_are_ended_by_the_login_timeout() {
    let mut server = serve(&["--login-timeout", "1s"]);
    let memory = server.memory();
    let empty = packet(LOGIN7, 0, &[]).repeat(1000);
    let sent = flood(Peer::greeted(&server.address), &empty);
    measured("empty_packets_for_ever_are_ended_by_the_login_timeout", &format!("{sent} bytes within a second"));
    let grown = server.memory().saturating_sub(memory);
    assert!(grown < 2 << 20, "{grown} bytes");
    until("it is ended", || server.counts()["timed_out"] == 1);
}

/// For every byte of the slow one, another has a whole login.
#[test]
fn a_client_of_a_byte_at_a_time_delays_no_other() {
    let mut server = serve(&[]);
    let mut slow = Peer::connect(&server.address);
    let mut others = 0;
    let mut drip = |slow: &mut Peer, bytes: &[u8]| {
        for byte in bytes {
            assert!(slow.send(&[*byte]));
            let (peer, tokens) = Peer::logged_in(&server.address);
            assert_eq!(refusal(&tokens), Some(18456));
            peer.ended();
            others += 1;
        }
    };
    drip(&mut slow, &packet(PRELOGIN, 1, &prelogin()));
    slow.reply();
    drip(&mut slow, &packet(LOGIN7, 1, &login7()));
    assert_eq!(refusal(&slow.reply()), Some(18456), "and it is answered in the end");
    slow.ended();
    assert_eq!(server.counts()["logins_refused"], json!({"18456": {"8": others + 1}}));
}

/// A client that vanishes without a word, its machine unplugged, is found out by the kernel alone.
#[test]
fn accepted_connections_are_probed_by_keepalive() {
    let test = "accepted_connections_are_probed_by_keepalive";
    let server = serve(&["--fault", "none"]);
    let (_peer, tokens) = Peer::logged_in(&server.address);
    assert_eq!(refusal(&tokens), None);
    let port = server.address.rsplit_once(':').unwrap().1;
    let filter = format!("sport = :{port}");
    let table = || Command::new("ss").args(["-tnoH", "state", "established", &filter]).output();
    let Ok(mut output) = table() else { return skipped(test, "no ss here (Debian: iproute2)") };
    // The answer is acknowledged within 40 ms; until then another timer runs.
    until("nothing is under way", || {
        output = table().unwrap();
        !String::from_utf8_lossy(&output.stdout).contains("timer:(on,")
    });
    let table = String::from_utf8_lossy(&output.stdout);
    assert_eq!(table.lines().count(), 1, "{table}");
    assert!(table.contains("timer:(keepalive,"), "{table}");
}
