//! What counts as the server: the places that `--as` names, all of them and no others; and when a service is ready.

use serde_json::json;

use crate::check::verdict;
use crate::harness::closewait;

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
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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
