//! The connection ledger of a run, held against what was done, against the sampler, and against the load's own counts.

use serde_json::{Value, json};

use crate::harness::{Done, closewait, skipped};

/// Four arms whose ends are known: 300 connections each.
const ENDS: &str = r#"
# What it shows: connections that end in each way.
# What must happen: the ledger says so.
expect = ["orderly: ledger.close_wait_ms.p99 < 50", "leaky: ledger.never_closed == 300"]
[base]
arrivals = { constant = { rate = "1000/s" } }
attempts = 300
ports = "40000-40999"
[[arm]]
name = "leaky"
close = "leaky"
[[arm]]
name = "orderly"
close = "drain"
[[arm]]
name = "abortive"
close = "abortive"
faults = ["login-18456:end=hold"]
[[arm]]
name = "established"
close = "leaky"
faults = ["login-18456:end=hold"]
[[arm]]
name = "refused"
close = "orderly"
faults = ["connect-refuse"]
"#;

fn played(scenario: &str, options: &[&str]) -> Done {
    let arguments: Vec<&str> = ["run", "ends.toml", "--json", "-", "--quiet"].iter().chain(options).copied().collect();
    closewait(&arguments).file("ends.toml", scenario).done()
}

fn arm<'a>(summary: &'a Value, name: &str) -> &'a Value {
    summary["arms"].as_array().unwrap().iter().find(|arm| arm["name"] == name).unwrap()
}

/// Whether both hosts are namespaces, and packets can be captured there; where not, the test is skipped by name.
fn captured(summary: &Value, test: &str) -> bool {
    let arm = &summary["arms"][0];
    let captured = arm["sandbox"] == "two-hosts" && arm.get("ledger").is_some();
    if !captured {
        skipped(test, &format!("the sandbox is {}, {}", arm["sandbox"], summary["notices"]));
    }
    captured
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// What holds for every ledger that missed nothing, and between it and the sampler.
fn held_against_the_sampler(arm: &Value) {
    let (ledger, client) = (&arm["ledger"], &arm["sockets"]["client"]);
    assert_eq!((&ledger["lost"], &ledger["omitted"], &ledger["replaced"]), (&json!(0), &json!(0), &json!(0)), "{arm}");
    for state in ["close_wait", "established"] {
        assert_eq!(ledger[state]["final"], client[state]["final"], "{state}: {arm}");
    }
    // A table is no instant: what is closed and opened while it is read may both be in it. CLOSE_WAIT that only grows is
    // never more than it is.
    assert!(number(&client["close_wait"]["peak"]) <= number(&ledger["close_wait"]["peak"]), "{arm}");
    assert!(arm["cpu"]["ledger_s"].as_f64().unwrap() > 0.0, "{}", arm["cpu"]);
    let ways = ledger["closed_first"].as_object().unwrap();
    assert_eq!(ways.len(), 4, "zeros stand in the document: {ledger}");
}

#[test]
fn every_end_is_told_from_the_wire() {
    let done = played(ENDS, &[]).exits(0);
    let summary = done.json();
    if !captured(&summary, "every_end_is_told_from_the_wire") {
        return;
    }
    for arm in summary["arms"].as_array().unwrap() {
        held_against_the_sampler(arm);
        assert_eq!(arm["ledger"]["connections"], 300, "{arm}");
        assert_eq!(arm["ledger"]["answered"] == 300, arm["name"] != "refused", "{arm}");
    }
    let first = |client_fin, client_rst, server_fin, server_rst| json!({"client_fin": client_fin, "client_rst": client_rst, "server_fin": server_fin, "server_rst": server_rst});

    let leaky = &arm(&summary, "leaky")["ledger"];
    assert_eq!((number(&leaky["never_closed"]), &leaky["closed_first"]), (300, &first(0, 0, 300, 0)));
    assert_eq!(leaky["close_wait"], json!({"peak": 300, "final": 300}));
    assert_eq!((&leaky["close_wait_ms"]["count"], &leaky["close_wait_open_ms"]["count"]), (&json!(0), &json!(300)));
    // The last one was left 200 ms before the end, the first one 300 attempts before that.
    let age = |of: &str| leaky["close_wait_open_ms"][of].as_f64().unwrap();
    assert!(age("p50") > 200.0 && age("max") >= 499.0, "{leaky}");

    let orderly = &arm(&summary, "orderly")["ledger"];
    assert_eq!((number(&orderly["never_closed"]), &orderly["closed_first"]), (0, &first(0, 0, 300, 0)));
    assert_eq!((&orderly["close_wait_ms"]["count"], &orderly["fin_wait_2_ms"]["count"]), (&json!(300), &json!(300)));
    let [lasted, login, lived] = [
        &orderly["close_wait_ms"]["p99"],
        &arm(&summary, "orderly")["latency_ms"]["total"]["max"],
        &orderly["lifetime_ms"]["p99"],
    ]
    .map(|value| value.as_f64().unwrap());
    assert!(lasted < lived && lasted < login + 50.0, "{lasted} of {lived}, {login}");

    let abortive = &arm(&summary, "abortive")["ledger"];
    assert_eq!((number(&abortive["never_closed"]), &abortive["closed_first"]), (0, &first(0, 300, 0, 0)));
    assert_eq!((&abortive["close_wait_ms"]["count"], &abortive["lifetime_ms"]["count"]), (&json!(0), &json!(300)));

    let established = &arm(&summary, "established")["ledger"];
    assert_eq!((number(&established["never_closed"]), &established["closed_first"]), (300, &first(0, 0, 0, 0)));
    assert_eq!(established["established"], json!({"peak": 300, "final": 300}));

    let refused = &arm(&summary, "refused")["ledger"];
    assert_eq!((number(&refused["refused"]), &refused["closed_first"]), (300, &first(0, 0, 0, 0)), "{refused}");
}

/// A pile that grows and goes: what the sampler saw of it at most is never more than the ledger's exact peak, and each of
/// its times is the finalizer's.
#[test]
fn a_late_closers_times_are_its_delay() {
    let scenario = "[[arm]]\nname = \"late\"\nclose = \"late:after=300ms\"\nattempts = 400\n\
                    arrivals = { constant = { rate = \"1000/s\" } }\nports = \"40000-40999\"\nsettle = \"1s\"\n";
    let summary = played(scenario, &[]).exits(0).json();
    if !captured(&summary, "a_late_closers_times_are_its_delay") {
        return;
    }
    let arm = &summary["arms"][0];
    held_against_the_sampler(arm);
    let ledger = &arm["ledger"];
    assert_eq!((number(&ledger["close_wait_ms"]["count"]), number(&ledger["never_closed"])), (400, 0), "{ledger}");
    let p50 = ledger["close_wait_ms"]["p50"].as_f64().unwrap();
    assert!((295.0..600.0).contains(&p50), "{ledger}");
    assert!((200..=400).contains(&number(&ledger["close_wait"]["peak"])), "{ledger}");
}

/// The kernel ends a FIN_WAIT_2 whose descriptor is closed after `tcp_fin_timeout`, and no packet tells: it was told as as
/// long as the client took, or not at all. The server's own table says who is right.
#[test]
fn what_the_kernel_ends_by_its_time_out_is_counted() {
    let scenario = r#"
[base]
arrivals = { constant = { rate = "200/s" } }
attempts = 60
ports = "40000-40999"
tcp_fin_timeout = "1s"
settle = "2500ms"
[[arm]]
name = "leaky"
close = "leaky"
[[arm]]
name = "late"
close = "late:after=2s"
[[arm]]
name = "soon"
close = "late:after=500ms"
[[arm]]
name = "shutdown"
close = "leaky"
server_close = "shutdown"
"#;
    let summary = played(scenario, &[]).exits(0).json();
    if !captured(&summary, "what_the_kernel_ends_by_its_time_out_is_counted") {
        return;
    }
    for (name, expired, time, left) in [
        ("leaky", 60, Some(1000.0), 0),
        ("late", 60, Some(1000.0), 0),
        ("soon", 0, Some(500.0), 0),
        ("shutdown", 0, None, 60),
    ] {
        let arm = arm(&summary, name);
        let (ledger, server) = (&arm["ledger"], &arm["sockets"]["server"]);
        assert_eq!(
            (number(&ledger["fin_wait_2_expired"]), number(&server["fin_wait_2"]["final"])),
            (expired, left),
            "{arm}"
        );
        assert_eq!(number(&ledger["fin_wait_2_ms"]["count"]), if time.is_some() { 60 } else { 0 }, "{arm}");
        match (ledger["fin_wait_2_ms"]["p50"].as_f64(), time) {
            (Some(p50), Some(time)) => assert!((time * 0.99..time * 1.2).contains(&p50), "{arm}"),
            (p50, time) => assert_eq!(p50, time, "{arm}"),
        }
        // Who closed in time went to TIME_WAIT there, and nobody else did.
        assert_eq!(number(&server["time_wait"]["final"]), if name == "soon" { 60 } else { 0 }, "{arm}");
    }
}

/// On this machine's own interfaces the ledger sees its target alone, where it may; where it may not, nothing is made up.
#[test]
fn without_a_sandbox_there_is_a_ledger_or_a_notice() {
    let options = ["run", "--close", "leaky", "--attempts", "30", "--ports", "40000-40099"];
    let options = [&options[..], &["--sandbox", "port-range", "--json", "-"]].concat();
    let done = closewait(&options).done().exits(0);
    let summary = done.json();
    match summary["arms"][0].get("ledger") {
        Some(ledger) => {
            assert_eq!((number(&ledger["connections"]), number(&ledger["never_closed"])), (30, 30), "{ledger}");
            let page = done.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(page.contains("CLOSE_WAIT of 30 never ended"), "{page}");
        }
        None => assert!(summary["notices"].to_string().contains("no ledger of connections"), "{}", summary["notices"]),
    }
}

#[test]
fn without_the_right_to_capture_a_run_goes_on_and_says_so() {
    let test = "without_the_right_to_capture_a_run_goes_on_and_says_so";
    let dir = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("setpriv");
    command.args([
        "--bounding-set=-net_raw",
        "--inh-caps=-net_raw",
        &crate::harness::program(),
        "run",
        "--close",
        "leaky",
    ]);
    command.args("--attempts 30 --ports 40000-40099 --sandbox port-range --json - --quiet".split(' '));
    let Ok(output) = command.current_dir(dir.path()).output() else { return skipped(test, "no setpriv") };
    let Ok(summary) = serde_json::from_slice::<Value>(&output.stdout) else {
        return skipped(test, &String::from_utf8_lossy(&output.stderr));
    };
    assert_eq!((output.status.code(), &summary["arms"][0]["attempts"]), (Some(0), &json!(30)));
    assert_eq!(summary["arms"][0].get("ledger"), None);
    assert_eq!(summary["arms"][0]["cpu"]["ledger_s"].as_f64().map(|spent| spent < 0.5), Some(true));
    assert!(summary["notices"].to_string().contains("CAP_NET_RAW"), "{}", summary["notices"]);
}
