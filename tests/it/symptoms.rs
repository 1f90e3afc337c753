//! Each symptom of a command under test, shown by a real program, and what is most like it and shows none.

use serde_json::{Value, json};

use crate::check::{check, skip, verdict};

/// The symptoms of a command that closes every socket, so that its verdict is never worse than `clean`; none where it
/// cannot be played. What shows one fails by it where that was asked for, and by no other.
#[track_caller]
fn symptoms(options: &[&str], conduct: &str) -> Option<(Value, String)> {
    let fault = verdict(options, &["./symptoms", conduct], 0, "clean")?;
    assert_eq!(fault["command_exit"], 0, "{fault:#}");
    Some((fault["symptoms"].clone(), fault["symptoms_seen"].to_string()))
}

/// Asserts that a conduct shows this symptom alone, with this evidence, and fails by it where that was asked for.
#[track_caller]
fn shows(options: &[&str], conduct: &str, symptom: &str, evidence: &str) {
    let Some((seen, told)) = symptoms(options, conduct) else { return };
    assert_eq!(seen, json!([symptom]), "{conduct}: {told}");
    assert!(told.contains(evidence), "{conduct}: {told}");
    let asked = [options, &["--fail-on", symptom]].concat();
    let fault = verdict(&asked, &["./symptoms", conduct], 1, "clean").unwrap();
    assert_eq!(fault["failed"], true, "{fault:#}");
}

/// Asserts that a conduct shows no symptom, even where one would fail it.
#[track_caller]
fn shows_none(options: &[&str], conduct: &str, symptom: &str) {
    let Some((seen, told)) = symptoms(&[options, &["--fail-on", symptom]].concat(), conduct) else { return };
    assert_eq!(seen, json!([]), "{conduct}: {told}");
}

/// Whoever holds a dead connection for two seconds leaks it by the default grace.
const LATE: [&str; 2] = ["--grace", "10s"];

#[test]
fn a_thread_that_is_busy_with_a_dead_connection_spins() {
    shows(&LATE, "spins", "spin", "wanted a processor");
}

#[test]
fn who_waits_or_is_busy_with_something_else_does_not_spin() {
    for conduct in ["waits", "computes"] {
        shows_none(&LATE, conduct, "spin");
    }
}

#[test]
fn an_eventfd_that_each_failed_login_leaves_is_growth() {
    shows(&[], "grows", "descriptors_grow", "eventfd");
}

#[test]
fn one_eventfd_for_all_logins_is_no_growth() {
    shows_none(&[], "shares", "descriptors_grow");
}

#[test]
fn a_request_behind_a_refusal_took_it_for_a_login() {
    for fault in ["login-18456", "login-18456:end=close", "login-18456:end=hold"] {
        // Where nobody answers it waits for three seconds.
        shows(
            &[&LATE[..], &["--fault", fault]].concat(),
            "takes",
            "took_refusal_for_login",
            "3 connections sent a request",
        );
    }
}

#[test]
fn a_request_behind_a_login_that_a_retry_got_is_none() {
    shows_none(&["--fault", "login-18456:first=1"], "retries", "took_refusal_for_login");
}

const MISMATCH: [&str; 2] = ["--fault", "prelogin-encryption-mismatch"];

#[test]
fn who_asked_for_encryption_and_logs_in_without_went_on_in_clear() {
    shows(&MISMATCH, "uncovers", "continued_in_clear", "1 connection asked for encryption");
}

#[test]
fn who_gives_up_or_never_asked_for_encryption_did_not_go_on_in_clear() {
    for conduct in ["declines", "knows-no-tls"] {
        shows_none(&MISMATCH, conduct, "continued_in_clear");
    }
}

const ENDED: [&str; 4] = ["--fault", "session-end", "--grace", "700ms"];

#[test]
fn a_session_kept_behind_its_end_is_dead() {
    shows(&ENDED, "keeps", "keeps_dead_session", "1 connection kept a session");
}

#[test]
fn a_session_closed_at_its_end_is_not() {
    shows_none(&ENDED, "drops", "keeps_dead_session");
}

#[test]
fn more_connections_than_logins_are_retries() {
    shows(&["--logins", "1"], "retries", "retried", "3 connections for 1 logins");
}

#[test]
fn as_many_connections_as_logins_are_none() {
    shows_none(&["--logins", "3"], "retries", "retried");
}

/// On a busy machine programs were said to leak that got no processor to close by.
#[test]
fn who_gets_no_processor_to_close_by_leaks_nothing() {
    for fault in ["login-18456", "login-18456:end=reset"] {
        let options = ["-q", "--json", "-", "--grace", "700ms", "--fail-on", "spin", "--fault", fault];
        let Some(check) = check(&[&options[..], &["--", "./symptoms", "starves"]].concat()) else { return };
        let document = check.done().exits(0).json();
        assert_eq!(document["faults"][0]["verdict"], "clean", "{document:#}");
        if !document["faults"][0]["held_ms"]["max"].as_f64().is_some_and(|held| held > 700.0) {
            return skip("nothing kept it from its processor");
        }
        let told = document["notices"].to_string();
        // The next look may have been late, too.
        let words = ["of them for a processor", ", so it is not called a leak"];
        assert!(words.iter().all(|words| told.contains(words)), "{document:#}");
    }
}
