//! `closewait trace`: one connection frame by frame, held against the kernel's own socket tables.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Done, closewait, program, skipped};
use crate::kill::{descendants, kill, wait_until};

/// A trace of one connection or two, as its document; where this machine gives no two hosts the test is skipped by name.
#[track_caller]
fn traced(test: &str, arguments: &[&str]) -> Option<Value> {
    let document = run(&[&["--quiet", "--json", "-"], arguments].concat(), test)?.json();
    let level = document["connections"][0]["sandbox"].as_str().unwrap_or_default();
    if level != "two-hosts" {
        skipped(test, &format!("no namespaces here, the sandbox is {level}"));
        return None;
    }
    Some(document)
}

/// A trace that exits with 0: the kernel agrees. Without the right to capture there is none, and a skip.
#[track_caller]
fn run(arguments: &[&str], test: &str) -> Option<Done> {
    let done = closewait(&[&["trace"], arguments].concat()).done();
    if done.stderr().contains("no `two-hosts` sandbox") {
        skipped(test, "no namespaces here, and so no right to capture");
        return None;
    }
    Some(done.exits(0))
}

fn frames(document: &Value) -> Vec<Value> {
    document["connections"][0]["frames"].as_array().unwrap().clone()
}

/// How both ends stand, by the frames and by the kernel.
fn ends(document: &Value) -> [(Value, Value); 2] {
    let connection = &document["connections"][0];
    ["client_end", "server_end"].map(|end| (connection[end]["state"].clone(), connection[end]["kernel"].clone()))
}

fn count(document: &Value, from: &str, flag: &str) -> usize {
    let is = |frame: &&Value| frame["from"] == from && frame["flags"].as_str().unwrap().contains(flag);
    frames(document).iter().filter(is).count()
}

/// The names of the messages that a side sent, in order.
fn names(document: &Value, from: &str) -> Vec<String> {
    let sent = frames(document).into_iter().filter(|frame| frame["from"] == from);
    let messages = sent.flat_map(|frame| frame["messages"].as_array().unwrap().clone());
    messages.map(|message| message["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_leaky_client_has_close_wait_and_the_server_fin_wait_2() {
    let test = "a_leaky_client_has_close_wait_and_the_server_fin_wait_2";
    let Some(it) = traced(test, &["--wait", "200ms"]) else { return };
    let schema = closewait(&["schema", "trace"]).done().exits(0).json();
    jsonschema::validator_for(&schema).unwrap().validate(&it).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (&it["schema"], &it["agrees"], &it["complete"]),
        (&json!("closewait.trace/1"), &json!(true), &json!(true))
    );
    let pair = |state: &str| (json!(state), json!(state));
    assert_eq!(ends(&it), [pair("close_wait"), pair("fin_wait_2")]);
    assert_eq!((count(&it, "client", "FIN"), count(&it, "server", "FIN"), count(&it, "client", "RST")), (0, 1, 0));
    assert_eq!(names(&it, "client"), ["PRELOGIN", "LOGIN7"]);
    assert_eq!(names(&it, "server"), ["PRELOGIN reply", "ERROR 18456", "DONE"]);
    let connection = &it["connections"][0];
    let missing = &connection["missing"];
    assert_eq!(missing["side"], "client");
    assert!(missing["waited_s"].as_f64().unwrap() >= 0.2, "{missing}");
    let fin = frames(&it).into_iter().find(|frame| frame["flags"].as_str().unwrap().contains("FIN")).unwrap();
    assert_eq!(missing["since_s"], fin["at_s"]);
    assert_eq!(fin["client"], json!({"before": "established", "after": "close_wait"}));
    let log: Vec<&str> = connection["remarks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|remark| remark["kind"] == "error_log")
        .map(|remark| remark["text"].as_str().unwrap())
        .collect();
    assert!(log.len() == 2 && log[0].contains("Error: 18456, Severity: 14, State: 8."), "{log:?}");
    assert_eq!((&connection["outcome"], &connection["server_error"]), (&json!("login_rejected"), &json!(18456)));
    assert!(!it.to_string().contains("not-the-password"));
}

#[test]
fn every_close_strategy_ends_as_the_kernel_says() {
    let test = "every_close_strategy_ends_as_the_kernel_says";
    // The client's end and the server's, then the client's FIN and RST. A client that is woken by the answer may close
    // before it has seen the server's FIN: then TIME_WAIT is its own.
    for (close, client, server, fin, rst) in [
        ("orderly", "close", "time_wait", 1, 0),
        ("drain", "close", "time_wait", 1, 0),
        ("half", "close", "time_wait", 1, 0),
        ("abortive", "close", "close", 0, 1),
        ("late:after=100ms", "close", "time_wait", 1, 0),
        ("late:count=2", "close_wait", "fin_wait_2", 0, 0),
    ] {
        let Some(it) = traced(test, &["--close", close, "--wait", "150ms"]) else { return };
        let states = ends(&it).map(|(state, _)| state);
        assert_eq!(states, [json!(client), json!(server)], "{close}: {it:#}");
        assert_eq!((count(&it, "client", "FIN"), count(&it, "client", "RST")), (fin, rst), "{close}: {it:#}");
        assert_eq!(it["connections"][0]["missing"].is_null(), client == "close", "{close}");
    }
}

#[test]
fn every_end_of_the_server_is_one_that_the_kernel_has() {
    let test = "every_end_of_the_server_is_one_that_the_kernel_has";
    for (options, client, server) in [
        (&["--server-close", "abortive"][..], "close", "close"),
        (&["--server-close", "unread"], "close", "close"),
        (&["--server-close", "shutdown"], "close_wait", "fin_wait_2"),
        (&["--server-close", "hold"], "established", "established"),
        (&["--server-close", "hold", "--close", "orderly"], "time_wait", "close"),
        (&["--driver", "tcp"], "close_wait", "fin_wait_2"),
        (&["--fault", "connect-refuse"], "close", "close"),
        (&["--fault", "connect-stall", "--timeout", "300ms"], "close", "listen"),
        (&["--fault", "login-cut"], "close_wait", "fin_wait_2"),
        (&["--fault", "login-garbage"], "close_wait", "fin_wait_2"),
        (&["--fault", "none"], "time_wait", "close"),
    ] {
        let Some(it) = traced(test, &[options, &["--wait", "150ms"]].concat()) else { return };
        assert_eq!(ends(&it).map(|(state, _)| state), [json!(client), json!(server)], "{options:?}: {it:#}");
    }
}

#[test]
fn who_is_not_answered_asks_again_and_who_is_refused_asked_nobody() {
    let test = "who_is_not_answered_asks_again_and_who_is_refused_asked_nobody";
    let stalled = ["--fault", "connect-stall", "--timeout", "1500ms", "--wait", "50ms"];
    let Some(it) = traced(test, &stalled) else { return };
    let again: Vec<Value> = frames(&it).into_iter().map(|frame| frame["retransmission"].clone()).collect();
    assert_eq!(again, [json!(false), json!(true)], "{it:#}");
    assert_eq!(ends(&it), [(json!("close"), Value::Null), (json!("listen"), json!("listen"))], "{it:#}");
    let Some(it) = traced(test, &["--fault", "connect-refuse", "--wait", "50ms"]) else { return };
    let servers: Vec<Value> = frames(&it).into_iter().map(|frame| frame["server"]["before"].clone()).collect();
    assert_eq!(servers, [json!("close"), json!("close")], "nobody listens: {it:#}");
    assert_eq!(ends(&it), [(json!("close"), Value::Null), (json!("close"), Value::Null)], "{it:#}");
}

#[test]
fn what_tls_hides_is_told_in_every_mode() {
    let test = "what_tls_hides_is_told_in_every_mode";
    for (mode, login_hidden, answer_hidden, prelogin_hidden) in
        [("login", true, false, false), ("on", true, true, false), ("strict", true, true, true)]
    {
        let Some(it) = traced(test, &["--tls", mode, "--wait", "150ms"]) else { return };
        let hidden = |name: &str| {
            let messages = frames(&it).into_iter().flat_map(|frame| frame["messages"].as_array().unwrap().clone());
            let found: Vec<Value> = messages.filter(|message| message["name"] == name).collect();
            assert_eq!(found.len(), 1, "{mode}, {name}: {it:#}");
            found[0]["encrypted"].clone()
        };
        assert_eq!(hidden("LOGIN7"), login_hidden, "{mode}");
        assert_eq!(hidden("ERROR 18456"), answer_hidden, "{mode}");
        assert_eq!(hidden("PRELOGIN"), prelogin_hidden, "{mode}");
        assert_eq!(ends(&it).map(|(state, _)| state), [json!("close_wait"), json!("fin_wait_2")], "{mode}");
    }
}

#[test]
fn the_servers_side_is_gone_after_fin_timeout_and_the_clients_is_not() {
    let test = "the_servers_side_is_gone_after_fin_timeout_and_the_clients_is_not";
    let Some(it) = traced(test, &["--fin-timeout", "1s", "--wait", "2500ms"]) else { return };
    assert_eq!(ends(&it), [(json!("close_wait"), json!("close_wait")), (json!("fin_wait_2"), Value::Null)]);
    let remarks = it["connections"][0]["remarks"].as_array().unwrap().clone();
    let gone = remarks.iter().find(|remark| remark["kind"] == "kernel").unwrap();
    assert_eq!(gone["side"], "server");
    let fin = it["connections"][0]["missing"]["since_s"].as_f64().unwrap();
    let after = gone["at_s"].as_f64().unwrap() - fin;
    assert!((0.9..2.3).contains(&after), "gone {after} s after its FIN");
}

#[test]
fn a_scenario_s_arm_is_traced_and_two_are_compared() {
    let test = "a_scenario_s_arm_is_traced_and_two_are_compared";
    let wait = ["--wait", "50ms"];
    let name = |it: &Value, n: usize| it["connections"][n]["name"].clone();
    let Some(it) = traced(test, &[&["login-failure"][..], &wait].concat()) else { return };
    assert_eq!((name(&it, 0), &it["connections"][1]), (json!("leaky"), &Value::Null));
    let Some(it) = traced(test, &[&["login-failure", "--arm", "orderly"][..], &wait].concat()) else { return };
    assert_eq!(name(&it, 0), "orderly");
    let Some(it) = traced(test, &[&["--compare", "leaky,abortive"][..], &wait].concat()) else { return };
    assert_eq!((name(&it, 0), name(&it, 1)), (json!("leaky"), json!("abortive")));
}

#[test]
fn a_good_login_s_close_is_the_arm_s_own_for_good_logins() {
    // What broke: the table showed the client's RST, and called the client orderly.
    let test = "a_good_login_s_close_is_the_arm_s_own_for_good_logins";
    let Some(it) = traced(test, &["time-wait-churn", "--arm", "abortive", "--wait", "50ms"]) else { return };
    let connection = &it["connections"][0];
    assert_eq!((count(&it, "client", "RST"), &connection["outcome"]), (1, &json!("logged_in")), "{it:#}");
    let closes = ["close", "close_failed", "close_logged_in"].map(|key| connection[key].as_str().unwrap());
    assert_eq!(closes, ["abortive", "orderly", "abortive"]);
    let remarks = connection["remarks"].as_array().unwrap();
    assert!(remarks.iter().any(|it| it["text"] == "abortive (a good login): it has closed the socket"), "{remarks:#?}");
    assert_eq!(connection["tcp_tw_reuse"], 0, "the arm's own, as the kernel has it");
    let Some(done) = run(&["--fault", "none", "--wait", "50ms", "--columns", "120"], test) else { return };
    let text = done.stdout();
    assert!(text.contains("close orderly after a good login (leaky after a failed one), "), "{text}");
    assert!(text.contains("client: orderly (a good login): it has closed the socket"), "{text}");
}

#[test]
fn the_client_of_an_arm_has_no_more_descriptors_than_the_arm_gives() {
    let test = "the_client_of_an_arm_has_no_more_descriptors_than_the_arm_gives";
    let mut child = Command::new(program())
        .args(["trace", "descriptors-first", "--wait", "1m", "--quiet"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let is_limited = |pid: &u32| {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        limits.lines().any(|line| line.starts_with("Max open files") && line.split_whitespace().nth(3) == Some("300"))
    };
    let mut ended = None;
    wait_until("a part with 300 descriptors", || {
        ended = child.try_wait().unwrap();
        ended.is_some() || descendants(child.id()).iter().any(is_limited)
    });
    if ended.is_some_and(|status| status.code() == Some(3)) {
        return skipped(test, "no namespaces here, and so no right to capture");
    }
    assert_eq!(ended, None);
    kill(child.id(), "-INT");
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}

#[test]
fn the_table_says_what_is_missing_at_80_columns_and_beside_another_at_160() {
    let test = "the_table_says_what_is_missing_at_80_columns_and_beside_another_at_160";
    let Some(done) = run(&["--wait", "50ms"], test) else { return };
    let text = done.stdout();
    for said in
        ["MISSING: the FIN of the client", "→CLOSE_WAIT", "→FIN_WAIT_2", "ERROR 18456", "Severity: 14", "agrees"]
    {
        assert!(text.contains(said), "no {said:?} in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let Some(done) = run(&["--compare", "leaky,orderly", "--wait", "50ms", "--columns", "160"], test) else { return };
    let text = done.stdout();
    let beside = text.lines().filter(|line| line.contains(" │ ")).count();
    assert!(beside > 10 && text.lines().all(|line| line.chars().count() <= 160), "{text}");
    let prelogin = text.lines().find(|line| line.contains("PRELOGIN: ")).unwrap();
    assert_eq!(prelogin.matches("PRELOGIN: ").count(), 2, "aligned: {prelogin}");
}

#[test]
fn a_capture_has_a_comment_on_each_frame_and_the_secrets_before_the_first() {
    let test = "a_capture_has_a_comment_on_each_frame_and_the_secrets_before_the_first";
    let arguments = ["--tls", "strict", "--wait", "50ms", "--json", "-", "--quiet", "--pcapng", "t.pcapng"];
    let Some(done) = run(&arguments, test) else { return };
    let file = std::fs::read(done.dir.path().join("t.pcapng")).unwrap();
    let at = |text: &str| file.windows(text.len()).position(|window| window == text.as_bytes());
    let secrets = at("CLIENT_TRAFFIC_SECRET_0 ").unwrap();
    let first = at("SYN | client CLOSE -> SYN_SENT").unwrap();
    assert!(secrets < first);
    for frame in frames(&done.json()) {
        let what = frame["what"].as_str().unwrap().to_owned();
        assert!(at(&format!("{what} | client ")).is_some(), "no comment {what:?}");
    }
}

/// A trace that is ended as Ctrl-C does it, by a signal to its group, when so many of its parts are there and `after` has
/// passed; its document.
fn stopped(arguments: &[&str], parts: usize, after: Duration) -> Option<Value> {
    let mut child = Command::new(program())
        .args(["trace", "--quiet", "--json", "-"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() && descendants(child.id()).len() < parts {
        std::thread::yield_now();
    }
    std::thread::sleep(after);
    if child.try_wait().unwrap().is_none() {
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    }
    let output = child.wait_with_output().unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("no `two-hosts` sandbox") {
        return None;
    }
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    let it: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(it["complete"], false);
    Some(it)
}

#[test]
fn a_trace_that_is_broken_off_accuses_no_kernel() {
    // What broke: the last look was taken beside frames that were on their way; and a part that had not left the
    // terminal's session yet died of the signal.
    let test = "a_trace_that_is_broken_off_accuses_no_kernel";
    let mut begun = 0;
    for nth in 0..24 {
        let (parts, after) = (3 - nth % 3, Duration::from_millis(nth as u64 / 2));
        let Some(it) = stopped(&["--close", "orderly", "--wait", "5s"], parts, after) else {
            return skipped(test, "no namespaces here, and so no right to capture");
        };
        assert_eq!(it["agrees"], true, "{after:?}: {it:#}");
        for connection in it["connections"].as_array().unwrap() {
            begun += 1;
            let ends = ["client_end", "server_end"].map(|end| connection[end]["agrees"].clone());
            assert!(!ends.contains(&json!(false)), "{after:?}: {it:#}");
            assert!(connection["broken_off"] == false || connection["missing"].is_null(), "{it:#}");
        }
    }
    assert!(begun > 0, "not one connection was begun");
}

#[test]
fn a_login_that_is_broken_off_says_so_and_misses_no_fin() {
    let test = "a_login_that_is_broken_off_says_so_and_misses_no_fin";
    let Some(it) = stopped(&["--fault", "login-stall"], 3, Duration::from_millis(700)) else {
        return skipped(test, "no namespaces here, and so no right to capture");
    };
    let connection = &it["connections"][0];
    assert_eq!((&connection["broken_off"], &connection["outcome"]), (&json!(true), &Value::Null), "{it:#}");
    assert!(connection["missing"].is_null(), "{it:#}");
    let open = || (json!("established"), json!("established"));
    assert_eq!((ends(&it), &it["agrees"]), ([open(), open()], &json!(true)), "{it:#}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint() {
    for (arguments, says) in [
        (&["--compare", "leaky"][..], "two names are needed"),
        (&["--compare", "leaky,leeky"], "unknown close strategy"),
        (&["login-failure", "--arm", "nobody"], "the arms are"),
        (&["--arm", "leaky"], "--arm"),
        (&["no-such-scenario"], "closewait scenarios lists"),
        (&["--pcapng", "-"], "--pcapng trace.pcapng"),
        (&["--compare", "leaky,orderly", "--pcapng", "x"], "cannot be used with"),
        (&["--wait", "11m"], "--wait"),
        (&["--driver", "tcp", "--tls", "on"], "--driver tiberius"),
        (&["--json", "no/such/dir.json"], "mkdir -p no/such"),
    ] {
        closewait(&[&["trace"], arguments].concat()).done().exits(2).complains(&[says]);
    }
    let real = "[target]\naddress = \"127.0.0.1:1433\"\n[[arm]]\nname = \"a\"\ndriver = \"tcp\"\n";
    closewait(&["trace", "real.toml"]).file("real.toml", real).done().exits(2).complains(&["only the embedded server"]);
}
