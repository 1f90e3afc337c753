//! What a run's findings say, held against what was done to it.

use serde_json::Value;

use crate::harness::closewait;

/// The summary of a scenario of these arms.
fn played(arms: &str) -> Value {
    let scenario = format!("# What it shows: findings.\n# What must happen: they are true.\n{arms}");
    let arguments = ["run", "told.toml", "--json", "-", "--quiet"];
    closewait(&arguments).file("told.toml", &scenario).done().exits(0).json()
}

/// The text of a finding of an arm, if there is one.
fn told<'a>(summary: &'a Value, id: &str, arm: &str) -> Option<&'a str> {
    let findings = summary["findings"].as_array().unwrap();
    findings.iter().find(|it| it["id"] == id && it["arm"] == arm).map(|it| it["text"].as_str().unwrap())
}

#[track_caller]
fn says(summary: &Value, id: &str, arm: &str, parts: &[&str]) {
    let text = told(summary, id, arm).unwrap_or_else(|| panic!("no {id} of {arm}: {}", summary["findings"]));
    for part in parts {
        assert!(text.contains(part), "{arm} does not say {part:?}: {text}");
    }
}

/// Only a cap keeps an attempt from starting, and so the cap was always to blame.
#[test]
fn each_of_client_server_and_cap_can_be_to_blame() {
    let summary = played(
        r#"
[base]
faults = ["none"]
[[arm]]
name = "server"
arrivals = { constant = { rate = "400/s" } }
attempts = 400
in_flight = 50
faults = ["slow:for=600ms"]
[[arm]]
name = "tight"
arrivals = { burst = { every = "200ms", size = 50 } }
attempts = 250
in_flight = 1
[[arm]]
name = "held"
arrivals = { constant = { rate = "400/s" } }
attempts = 200
max_held = 20
close_logged_in = "leaky"
[[arm]]
name = "client"
arrivals = { constant = { rate = "500000/s" } }
attempts = 4000
in_flight = 100000
"#,
    );
    let id = "rate-not-reached";
    says(&summary, id, "server", &["The server is to blame: an attempt is under way for 1", "400 a second take 4"]);
    says(&summary, id, "tight", &["The cap is to blame", "one takes only"]);
    says(&summary, id, "held", &["The cap is to blame: 180 attempts", "(20 at the most) had filled it"]);
    says(&summary, id, "client", &["The client is to blame: an open loop waits for no answer"]);
}

/// It said of every storm that 18456 does not heal.
#[test]
fn a_retry_storms_advice_follows_its_outcomes() {
    let summary = played(
        r#"
[base]
arrivals = { constant = { rate = "200/s" } }
attempts = 30
retry = { fixed = { delay = "20ms", times = 5 } }
[[arm]]
name = "18456"
[[arm]]
name = "40613"
faults = ["login-40613"]
[[arm]]
name = "refused"
faults = ["connect-refuse"]
[[arm]]
name = "stalled"
faults = ["login-stall"]
timeout = "100ms"
"#,
    );
    let id = "retry-storm";
    says(&summary, id, "18456", &["150 of the 18456 arm's 180 attempts", "(error 18456)", "do not retry error 18456"]);
    says(&summary, id, "40613", &["(error 40613)", "takes error 40613 for transient", "back-off"]);
    says(&summary, id, "refused", &["came to refused 180", "back-off"]);
    says(&summary, id, "stalled", &["came to timed_out 180", "back-off"]);
    for arm in ["40613", "refused", "stalled"] {
        assert!(!told(&summary, id, arm).unwrap().contains("18456"), "{arm}: {}", summary["findings"]);
    }
}

/// Unread bytes were named where the server reset on purpose.
#[test]
fn a_reset_is_told_with_its_cause() {
    let summary = played(
        r#"
[base]
arrivals = { constant = { rate = "400/s" } }
attempts = 60
close = "leaky"
ports = "40000-40499"
[[arm]]
name = "abortive"
server_close = "abortive"
[[arm]]
name = "end"
faults = ["login-18456:end=reset"]
[[arm]]
name = "unread"
server_close = "unread"
"#,
    );
    let id = "rst-hides-the-leak";
    says(&summary, id, "abortive", &["60 sockets", "on purpose (`server_close = \"abortive\"`)"]);
    says(&summary, id, "end", &["60 sockets", "on purpose (`login-18456:end=reset`)"]);
    says(&summary, id, "unread", &["60 sockets", "with request bytes unread"]);
}

/// A burst is in CLOSE_WAIT for some milliseconds, which tables miss and the wire does not.
#[test]
fn clean_is_told_with_the_most_that_the_wire_saw() {
    let burst = "[[arm]]\nname = \"burst\"\nclose = \"drain\"\nattempts = 900\n\
                 arrivals = { burst = { every = \"300ms\", size = 300 } }\n";
    let summary = played(burst);
    let arm = &summary["arms"][0];
    let table = arm["sockets"]["client"]["close_wait"]["peak"].as_u64().unwrap();
    let most = arm.get("ledger").map_or(table, |ledger| ledger["close_wait"]["peak"].as_u64().unwrap().max(table));
    match told(&summary, "clean", "burst") {
        Some(text) => assert!(most < 100 && text.contains(&format!("at most {most} sockets")), "{most}: {text}"),
        None => assert!(most >= 100, "{arm}"),
    }
}
