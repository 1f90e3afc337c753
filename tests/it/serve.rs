//! `closewait serve`, and a server that is not the run's own: the embedded one in a process of its own stands for it.

use serde_json::{Value, json};

use crate::harness::{closewait, skipped};
use crate::server::{Served, serve};

/// A run of ten attempts against a server.
fn load(server: &Served, arguments: &[&str]) -> Value {
    let fixed = ["run", "--target", &server.address, "--user", "app", "--password-env", "PW", "--json", "-", "--quiet"];
    let all: Vec<&str> =
        fixed.iter().chain(&["--attempts", "10", "--rate", "200/s"]).chain(arguments).copied().collect();
    closewait(&all).env("PW", "wrong").done().exits(0).json()["arms"][0].clone()
}

#[test]
fn it_refuses_as_sql_server_does_and_logs_the_true_state() {
    let mut server = serve(&["--errorlog", "log", "--failure-audit"]);
    let arm = load(&server, &["--close", "orderly"]);
    assert_eq!(arm["outcomes"], json!({"login_rejected": 10}));
    assert_eq!(arm["server_errors"], json!({"18456": 10}));
    let (last, dir) = server.end();
    assert_eq!(last["served"]["logins_refused"], json!({"18456": {"8": 10}}));
    let log = std::fs::read_to_string(dir.join("log")).unwrap();
    assert_eq!(log.matches("Error: 18456, Severity: 14, State: 8.").count(), 10, "{log}");
    let reason =
        "Login failed for user 'app'. Reason: Password did not match that for the login provided. [CLIENT: 127.0.0.1]";
    assert_eq!(log.matches(reason).count(), 10, "{log}");
    assert_eq!(log.matches("Failure Audit").count(), 10, "{log}");
    assert!(!log.contains("wrong"), "no password is ever logged");
}

#[test]
fn a_login_of_its_own_accepts_that_one_alone() {
    let mut server = serve(&["--login", "app", "--password-env", "PW"]);
    let fixed = [
        "run",
        "--target",
        &server.address,
        "--user",
        "app",
        "--password-env",
        "PW",
        "--json",
        "-",
        "--quiet",
        "--attempts",
        "5",
    ];
    let good = closewait(&[&fixed[..], &["--close", "leaky"]].concat()).env("PW", "right").done().exits(0).json();
    assert_eq!(good["arms"][0]["outcomes"], json!({"logged_in": 5}));
    assert_eq!(load(&server, &["--close", "leaky"])["outcomes"], json!({"login_rejected": 10}));
    let (last, _) = server.end();
    assert_eq!(last["served"]["logins_good"], 5);
}

#[test]
fn every_close_strategy_shows_in_the_sockets_of_both_sides() {
    let server = serve(&[]);
    let states = |close: &str| {
        let arm = load(&server, &["--close", close]);
        let of = |side: &str, state: &str| arm["sockets"][side][state]["final"].as_u64().unwrap();
        (of("client", "close_wait"), of("client", "established"), arm["load"]["held"].as_u64().unwrap())
    };
    assert_eq!(states("leaky"), (10, 0, 10));
    assert_eq!(states("orderly"), (0, 0, 0));
    assert_eq!(states("abortive"), (0, 0, 0));
    assert_eq!(states("drain"), (0, 0, 0));
    assert_eq!(states("half"), (0, 0, 10), "the port is free, the descriptor is not");
    assert_eq!(states("late:count=4"), (2, 0, 2));
}

#[test]
fn outside_a_sandbox_no_more_is_held_than_was_said() {
    let server = serve(&[]);
    let arm = load(&server, &["--close", "leaky", "--max-held", "4"]);
    assert_eq!((arm["sandbox"].as_str(), arm["load"]["held"].as_u64()), (Some("none"), Some(4)));
    assert_eq!(arm["outcomes"], json!({"login_rejected": 4, "capped": 6}));
    assert_eq!(arm["target"], server.address.as_str());
}

/// Where a target was loaded, `--max-ports` once did nothing: every attempt left a TIME_WAIT on a port of its own.
#[test]
fn outside_a_sandbox_no_more_ports_are_used_than_was_said() {
    let server = serve(&["--close", "hold"]);
    let arm = load(&server, &["--close", "orderly", "--max-ports", "5"]);
    if arm["port_search"] == "kernel" {
        return skipped("outside_a_sandbox_no_more_ports_are_used_than_was_said", "no IP_LOCAL_PORT_RANGE here");
    }
    assert_eq!((arm["sandbox"].as_str(), arm["port_search"].as_str()), (Some("none"), Some("per-socket")));
    assert_eq!((&arm["ephemeral_ports"]["count"], &arm["ports"]["available"]), (&json!(5), &json!(5)));
    // Not `ports.peak`: a client of an earlier server on the same port may still be in TIME_WAIT, and is in the table too.
    assert!(arm["outcomes"]["login_rejected"].as_u64().unwrap() <= 5, "{}", arm["outcomes"]);
    assert!(arm["outcomes"]["ports_exhausted"].as_u64().unwrap() >= 5, "{}", arm["outcomes"]);
    let all = load(&server, &["--close", "drain", "--timeout", "100ms", "--port-search", "kernel", "--max-ports", "5"]);
    assert_eq!((all["port_search"].as_str(), all["outcomes"].get("ports_exhausted")), (Some("kernel"), None));
}

/// A file's own `max_held` once stood above the 1,000 without a word.
#[test]
fn a_scenario_holds_no_more_outside_a_sandbox_than_the_command_line_says() {
    let server = serve(&[]);
    let scenario = format!(
        "[target]\naddress = \"{}\"\nuser = \"app\"\npassword_env = \"NONE\"\n\
         [[arm]]\nname = \"a\"\nclose = \"leaky\"\nattempts = 1040\nmax_held = 5000\n\
         arrivals = {{ constant = {{ rate = \"500/s\" }} }}\nin_flight = 1040\n",
        server.address
    );
    let arguments = ["run", "held.toml", "--json", "-", "--quiet", "--max-ports", "1200", "--password-env", "PW"];
    let held = |more: &[&str]| {
        let run = closewait(&[&arguments[..], more].concat()).file("held.toml", &scenario).env("PW", "wrong");
        run.done().exits(0).json()
    };
    let capped = held(&[]);
    assert_eq!((&capped["arms"][0]["load"]["held"], &capped["arms"][0]["sandbox"]), (&json!(1000), &json!("none")));
    let notices = capped["notices"].to_string();
    assert!(notices.contains("max_held = 5000") && notices.contains("--max-held 5000"), "{notices}");
    let said = held(&["--max-held", "1100"]);
    assert_eq!(said["arms"][0]["load"]["held"], json!(1040));
}

#[test]
fn what_serve_cannot_do_is_told_with_a_way_out() {
    closewait(&["serve", "--listen", "localhost:0"]).done().exits(2).complains(&["localhost:0", "127.0.0.1:0"]);
    closewait(&["serve", "--listen", "192.0.2.1:0"])
        .done()
        .exits(3)
        .complains(&["192.0.2.1", "hint: that is no address"]);
    closewait(&["serve", "--password-env", "PW"]).env("PW", "x").done().exits(2).complains(&["hint: add --login"]);
}

#[test]
fn faults_are_listed_and_what_makes_no_sense_is_told() {
    let listed = closewait(&["serve", "--list-faults"]).done().exits(0);
    for name in ["connect-stall", "prelogin-cut", "tls-expired", "strict-alert", "login-40613", "session-later-end"] {
        assert!(listed.stdout().contains(&format!("\n  {name}")), "{name}");
    }
    closewait(&["serve", "--fault", "connect-refuse", "--fault", "slow"]).done().exits(2).complains(&[
        "connect-refuse",
        "the whole listener",
        "slow",
    ]);
    closewait(&["serve", "--fault", "login-stall:every=1s"])
        .done()
        .exits(2)
        .complains(&["`every` means nothing to login-stall", "for=30s"]);
}

#[test]
fn a_secret_is_in_no_result() {
    let server = serve(&[]);
    let arguments = [
        "run",
        "--target",
        &server.address,
        "--user",
        "app",
        "--password-env",
        "PW",
        "--close",
        "leaky",
        "--attempts",
        "3",
    ];
    let done =
        closewait(&[&arguments[..], &["-vvv", "--json", "-"]].concat()).env("PW", "hunter2-the-secret").done().exits(0);
    let kept = done.results();
    for file in std::fs::read_dir(kept).unwrap() {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter2"));
    }
    assert!(!done.stdout().contains("hunter2") && !done.stderr().contains("hunter2"));
}

#[test]
fn an_address_that_is_taken_is_a_clear_error() {
    let server = serve(&[]);
    closewait(&["serve", "--listen", &server.address]).done().exits(3).complains(&["listen on", "hint:"]);
    closewait(&["serve", "--fault", "login-18457"]).done().exits(2).complains(&["login-18457", "login-18456"]);
}
