//! What an operator of `closewait serve` has: counts on a signal, metrics, the error log, and options that are refused.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::closewait;
use crate::peer::{Peer, packet, refusal};
use crate::server::{Served, serve};

/// Two logins refused, one connection that speaks no TDS.
fn visit(server: &Served) {
    for _ in 0..2 {
        let (peer, tokens) = Peer::logged_in(&server.address);
        assert_eq!(refusal(&tokens), Some(18456));
        peer.ended();
    }
    let mut peer = Peer::connect(&server.address);
    peer.send(b"GET / HTTP/1.1\r\n\r\n");
    peer.ended();
}

/// What is answered to a request for `path`.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The metrics that a document of counts says.
fn expected(counts: &Value) -> BTreeMap<String, u64> {
    let mut metrics = BTreeMap::new();
    let mut put = |name: &str, value: u64| metrics.insert(format!("closewait_{name}"), value);
    for (name, field) in [
        ("connections_accepted_total", "accepted"),
        ("connections_open", "open"),
        ("connections_held", "held"),
        ("connections_malformed_total", "malformed"),
        ("connections_ended_total{by=\"client\"}", "ended_by_client"),
        ("connections_ended_total{by=\"server\"}", "ended_by_server"),
        ("logins_total{result=\"accepted\"}", "logins_good"),
        ("login_timeouts_total", "timed_out"),
        ("tls_handshakes_total{result=\"finished\"}", "tls_handshakes"),
        ("tls_handshakes_total{result=\"failed\"}", "tls_failed"),
        ("accept_pauses_total", "accept_pauses"),
        ("error_log_entries_lost_total", "log_entries_lost"),
    ] {
        put(name, counts[field].as_u64().unwrap());
    }
    let mut refused = 0;
    for (number, states) in counts["logins_refused"].as_object().unwrap() {
        for (state, count) in states.as_object().unwrap() {
            let count = count.as_u64().unwrap();
            put(&format!("login_failures_total{{number=\"{number}\",state=\"{state}\"}}"), count);
            refused += count;
        }
    }
    put("logins_total{result=\"refused\"}", refused);
    for (fault, count) in counts["faults"].as_object().unwrap() {
        put(&format!("faults_total{{fault=\"{fault}\"}}"), count.as_u64().unwrap());
    }
    put(&format!("build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1);
    metrics
}

#[test]
fn metrics_and_the_line_on_sigusr1_say_the_same() {
    let mut server = serve(&["--metrics", "127.0.0.1:0"]);
    let metrics = server.ready["metrics"].as_str().unwrap().to_owned();
    visit(&server);
    let counts = server.counts();
    assert_eq!(counts["logins_refused"], json!({"18456": {"8": 2}}));
    assert_eq!((&counts["accepted"], &counts["malformed"], &counts["open"]), (&json!(3), &json!(1), &json!(0)));
    let answer = get(&metrics, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/plain; version=0.0.4"), "{head}");
    let rows = body.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    let told: BTreeMap<String, u64> = rows.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect();
    assert_eq!(told, expected(&counts));
    assert!(get(&metrics, "/").starts_with("HTTP/1.1 404 "));
    // It serves on, and counts on.
    visit(&server);
    assert!(get(&metrics, "/metrics").contains("\nclosewait_connections_accepted_total 6\n"));
    let (last, _) = server.end();
    assert_eq!(last["served"]["accepted"], 6);
}

#[test]
fn every_line_obeys_the_schema() {
    let schema = closewait(&["schema", "serve"]).done().exits(0).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut server = serve(&["--metrics", "127.0.0.1:0"]);
    schema.validate(&server.ready).unwrap();
    visit(&server);
    let line = server.line();
    schema.validate(&line).unwrap();
    let (mut last, _) = server.end();
    schema.validate(&last).unwrap();
    assert_eq!(last, line, "nothing came between the two");
    last["served"]["accepted"] = json!("many");
    assert!(!schema.is_valid(&last), "a schema that takes anything proves nothing");
    assert!(serve(&[]).ready.get("metrics").is_none());
}

#[test]
fn slow_scrapes_delay_no_login() {
    let server = serve(&["--metrics", "127.0.0.1:0"]);
    let metrics = server.ready["metrics"].as_str().unwrap();
    let slow: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(metrics).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    visit(&server);
    for mut stream in slow.into_iter().take(8) {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains(" 200 "), "half a request is not answered");
    }
}

#[test]
fn a_reader_who_does_not_read_stops_no_server() {
    let mut server = serve(&[]);
    server.fill_stdout();
    visit(&server);
    // What was told meanwhile is still in the pipe; the last line comes behind it.
    let told = server.rest();
    assert_eq!(told[0]["served"]["accepted"], 0);
    assert_eq!(told.last().unwrap()["served"]["accepted"], 3);
}

#[test]
fn a_second_signal_ends_it_although_nobody_reads() {
    let mut server = serve(&[]);
    server.fill_stdout();
    server.end_unread();
}

#[test]
fn the_error_logs_lines_are_sql_servers() {
    let mut server = serve(&["--errorlog", "log"]);
    visit(&server);
    server.end();
    let log = server.file("log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 6, "two lines an entry:\n{log}");
    for line in &lines {
        // 2007-12-05 20:12:56.34 Logon       ...
        let shape: String = line.chars().take(22).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!((shape.as_str(), line.get(22..35)), ("0000-00-00 00:00:00.00", Some(" Logon       ")), "{line}");
    }
    let texts: Vec<&str> = lines.iter().map(|line| &line[35..]).collect();
    assert_eq!(
        texts[..2],
        [
            "Error: 18456, Severity: 14, State: 8.",
            "Login failed for user 'app'. Reason: Password did not match that for the login provided. \
             [CLIENT: 127.0.0.1]"
        ]
    );
    assert!(texts[4].starts_with("Error: 17836, Severity: 20, State: "), "{}", texts[4]);
    assert!(texts[5].ends_with(" [CLIENT: 127.0.0.1]"), "{}", texts[5]);
    let mut server = serve(&["--errorlog", "-"]);
    visit(&server);
    server.end();
    assert_eq!(server.file("stderr").lines().count(), 6, "`-` is stderr");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let refused = |arguments: &[&str], says: &[&str]| {
        closewait(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()).done().exits(2).complains(says);
    };
    refused(&["--tls", "maybe"], &["maybe", "strict"]);
    refused(&["--certificate", "a.pem"], &["--key"]);
    refused(&["--key", "a.key"], &["--certificate"]);
    refused(&["--certificate", "a.pem", "--key", "a.key", "--tls-name", "sql.test"], &["--tls-name"]);
    refused(&["--tls", "off", "--tls-name", "sql.test"], &["--tls-name", "hint: --tls login"]);
    refused(&["--tls", "off", "--write-certificate", "ca.pem"], &["--write-certificate", "hint:"]);
    refused(&["--write-certificate", "-"], &["stdout", "hint: --write-certificate ca.pem"]);
    refused(&["--write-certificate", "no/ca.pem"], &["no/ca.pem", "hint:"]);
    refused(&["--login-timeout", "0s"], &["above zero"]);
    refused(&["--login-timeout", "5 parsecs"], &["250ms"]);
    refused(&["--metrics", "9464"], &["127.0.0.1"]);
    let server = serve(&[]);
    closewait(&["serve", "--listen", "127.0.0.1:0", "--metrics", &server.address]).done().exits(3).complains(&[
        "listen on",
        "hint:",
        "--metrics 127.0.0.1:0",
    ]);
}

/// Bytes of a login, one by one, do not outlive the time that a login may take.
#[test]
fn a_login_that_takes_too_long_is_ended_and_logged() {
    let mut server = serve(&["--login-timeout", "300ms", "--errorlog", "log"]);
    let mut silent = Peer::connect(&server.address);
    silent.send(&packet(0x12, 1, &[])[..4]);
    silent.ended();
    Peer::greeted(&server.address).ended();
    let counts = server.counts();
    assert_eq!((&counts["timed_out"], &counts["ended_by_server"]), (&json!(2), &json!(2)));
    server.end();
    assert_eq!(server.file("log").matches("Error: 17830, Severity: 20").count(), 2, "{}", server.file("log"));
}
