//! What counts as the server: the places that `--as` names, all of them and no others; and when a service is ready.

use serde_json::json;

use crate::check::{check, verdict};
use crate::harness::{closewait, free_port};

/// A refusal by nobody at the server's port once counted as a connection, and passed.
#[test]
fn who_is_refused_where_nobody_listens_has_not_reached_the_server() {
    let command = ["./manners", "use", "1433"];
    for alias in ["sql.test:1433", "198.18.0.1:1433"] {
        let Some(fault) = verdict(&["--as", alias], &command, 1, "no-connection") else { return };
        assert_eq!((&fault["connections"], &fault["rows"]), (&json!(0), &json!([])), "{fault:#}");
        let reason = fault["reason"].as_str().unwrap();
        assert!(reason.contains("It tried localhost:1433, and was refused"), "{reason}");
        assert!(reason.ends_with("add --as localhost:1433."), "{reason}");
    }
}

/// A listener of ours that refuses is the server all the same.
#[test]
fn who_is_refused_by_the_server_has_reached_it() {
    for alias in ["localhost:1433", "127.5.5.5:1433", "sql.test:1433"] {
        let options = ["--fault", "connect-refuse", "--as", alias];
        let Some(fault) = verdict(&options, &["./fixed"], 0, "clean") else { return };
        let refused = fault["ended_by"]["refused"].as_u64();
        assert!(refused >= Some(5) && refused == fault["connections"].as_u64(), "{alias}: {fault:#}");
    }
}

#[test]
fn every_address_that_can_be_one_is_the_server() {
    // Of several the command is told the first.
    for aliases in [
        &["127.5.5.5:1433"][..],
        &["198.18.0.1:1433"],
        &["[::ffff:10.0.0.1]:1433"],
        &["10.1.2.3:1433", "[fd12::1]:1433", "localhost:1433", "db.test:1433"],
        &["[fd12::1]:1433", "10.1.2.3:1433"],
    ] {
        let options: Vec<&str> = aliases.iter().flat_map(|alias| ["--as", *alias]).collect();
        let Some(fault) = verdict(&options, &["./fixed"], 0, "clean") else { return };
        assert_eq!((&fault["connections"], &fault["faulted"]), (&json!(5), &json!(5)), "{aliases:?}: {fault:#}");
        assert_eq!(fault["disagreements"], json!([]), "{aliases:?}: {fault:#}");
    }
}

#[test]
fn on_this_machines_network_every_loopback_address_can_be_the_server() {
    let port = free_port();
    let (own, name) = (format!("127.5.5.5:{port}"), format!("db.test:{port}"));
    let options = ["--allow-network", "--as", &own, "--as", &name];
    let Some(fault) = verdict(&options, &["./fixed"], 0, "clean") else { return };
    assert_eq!(fault["rows"][0]["server"], own, "{fault:#}");
}

#[test]
fn what_can_be_no_server_is_a_usage_error() {
    for alias in ["[fe80::1]:1433", "0x7f.1:1433", "127.1:1433", "[::ffff:0.0.0.0]:1433", "198.18.0.3:1433"] {
        closewait(&["check", "--as", alias, "--", "true"]).done().exits(2).complains(&["for a host", "hint: --as "]);
    }
}

/// It was once asked by a connection over IPv4.
#[test]
fn a_service_of_ipv6_alone_is_ready_and_has_no_connection_to_bear() {
    let options = ["--ready-port", "8080", "--ready-within", "20s", "--for", "1s"];
    let command = ["sh", "-c", "./fixed; exec ./manners listen-on-six 8080"];
    let Some(fault) = verdict(&options, &command, 0, "clean") else { return };
    assert_eq!((&fault["command_signal"], &fault["connections"]), (&json!(15), &json!(5)), "{fault:#}");

    let options = ["--ready-port", "1433", "--ready-within", "1s", "--for", "9s"];
    let fault = verdict(&options, &["sleep", "1000"], 1, "timeout").unwrap();
    assert_eq!(fault["connections"], 0, "the wait is no connection: {fault:#}");
    assert!(!fault["reason"].as_str().unwrap().contains("It tried"), "{fault:#}");
}

#[test]
fn a_readiness_that_means_nothing_is_a_usage_error() {
    for (options, complaint, hint) in [
        (&["--ready-port", "0"][..], "wait for a service on port 0", "hint: --ready-port 8080"),
        (&["--ready-line", ""], "wait for an empty text", "hint: --ready-line"),
    ] {
        let done = closewait(&[&["check"], options, &["--", "true"]].concat()).done().exits(2);
        done.complains(&[complaint, hint]);
    }
}

/// It listens there itself, so that whoever waits for that would be ready at once.
#[test]
fn the_checks_own_port_is_no_service() {
    for place in
        [&["--as", "localhost:1433"][..], &["--as", "[::1]:1433"], &["--allow-network", "--as", "db.test:1433"]]
    {
        let options = [&["--ready-port", "1433"], place, &["--", "true"]].concat();
        let Some(check) = check(&options) else { return };
        check.done().exits(2).complains(&["wait for a service on port 1433", "hint: --ready-port"]);
    }
}

/// The last one written was the other host's, so that a client that checks did not reach the first.
#[test]
fn the_certificate_file_is_of_the_server_on_every_host() {
    let places = ["--quiet", "--as", "db.test:1433", "--as", "localhost:1433", "--write-certificate", "ca.pem"];
    let command = ["--", "sh", "-c", "cp ca.pem seen.pem"];
    let Some(check) = check(&[&places[..], &command].concat()) else { return };
    let done = check.done().exits(1);
    let seen = std::fs::read_to_string(done.dir.path().join("seen.pem")).unwrap();
    assert_eq!(seen.matches("BEGIN CERTIFICATE").count(), 4, "a leaf and its authority for each: {seen}");
}
