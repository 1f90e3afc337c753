//! A command under test that has too many processes, or that turns on whoever checks it.

use std::time::Duration;

use closewait::units::Monotonic;
use serde_json::{Value, json};

use crate::check::{anywhere, check, skip};
use crate::check_bad::theirs;
use crate::harness::{Closewait, measured};
use crate::kill::wait_until;

/// The one fault of a check that exits with 1, how long it took, and everything that was said; nobody may be left.
#[track_caller]
fn failed(check: Closewait, mark: &std::path::Path) -> (Value, Duration, String) {
    let begun = Monotonic::now();
    let document = check.done().exits(1).json();
    let took = Monotonic::now().since(begun);
    wait_until("nobody is left", || theirs(mark) == 0);
    (document["faults"][0].clone(), took, document.to_string())
}

const JSON: [&str; 3] = ["--quiet", "--json", "-"];

#[test]
fn one_that_multiplies_is_bounded_to_the_number_and_leaves_nobody() {
    let name = tempfile::tempdir().unwrap();
    let mark = name.path().to_str().unwrap();
    let bounds = ["--max-processes", "400", "--patience", "1s", "--timeout", "60s"];
    let command = ["--", "./manners", "multiply", mark];
    let Some(check) = check(&[&JSON[..], &bounds, &command].concat()) else { return };
    let (fault, took, said) = failed(check, name.path());
    assert_eq!(fault["verdict"], "timeout", "{fault:#}");
    if said.contains("does not bound") {
        return skip("processes cannot be bounded on this kernel");
    }
    let told = fault["output_tail"].as_str().unwrap();
    let born: u32 = told.trim().strip_prefix("born: ").expect(told).parse().unwrap();
    measured("check_bounds", &format!("{born} children of 1000 within a bound of 400, ended after {took:?}"));
    assert!((395..=400).contains(&born), "{born} of 1000");
}

#[test]
fn a_storm_of_forks_ends_by_the_patience() {
    for children in ["wait", "end", "spread"] {
        let name = tempfile::tempdir().unwrap();
        let mark = name.path().to_str().unwrap();
        let bounds = ["--max-processes", "300", "--patience", "2s", "--timeout", "60s"];
        let command = ["--", "./manners", "storm", children, mark];
        let Some(check) = check(&[&JSON[..], &bounds, &command].concat()) else { return };
        let (fault, took, said) = failed(check, name.path());
        let reason = fault["reason"].as_str().unwrap();
        measured("check_bounds", &format!("a storm ({children}) ended after {took:?}: {reason}"));
        // Where all of them want a processor nobody may come to count them: that ends it, too, somewhat later.
        let lost = children == "spread" && reason.contains("could not be counted any more");
        assert!(lost || reason.contains("forked without end: "), "{children}: {reason}");
        assert!(lost || said.contains("of the 300 that --max-processes allows"), "{children}: {said}");
        assert_eq!((&fault["verdict"], &fault["command_stopped"]), (&json!("timeout"), &json!(true)), "{fault:#}");
        assert!(took < Duration::from_secs(30), "{children}: {took:?}");
    }
}

#[test]
fn a_storm_behind_a_connection_is_a_timeout_that_says_so() {
    let name = tempfile::tempdir().unwrap();
    let script = format!("./fixed; exec ./manners storm wait {}", name.path().display());
    let bounds = ["--max-processes", "100", "--patience", "2s", "--timeout", "60s"];
    let Some(check) = check(&[&JSON[..], &bounds, &["--", "sh", "-c", &script]].concat()) else { return };
    let (fault, took, _) = failed(check, name.path());
    assert_eq!((&fault["verdict"], &fault["connections"]), (&json!("timeout"), &json!(5)), "{fault:#}");
    assert!(fault["reason"].as_str().unwrap().contains("forked without end"), "{fault:#}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// Nothing but this program holds it, which does not wait for the patience.
#[test]
fn without_a_sandbox_a_storm_ends_at_the_bound() {
    for children in ["wait", "end"] {
        let name = tempfile::tempdir().unwrap();
        let mark = name.path().to_str().unwrap();
        let bounds = ["--no-sandbox", "--max-processes", "200", "--patience", "60s"];
        let command = ["--", "./manners", "storm", children, mark];
        let Some(check) = anywhere(&[&JSON[..], &bounds, &command].concat()) else { return };
        let (fault, took, _) = failed(check, name.path());
        let reason = fault["reason"].as_str().unwrap();
        measured("check_bounds", &format!("a storm ({children}) without a sandbox ended after {took:?}: {reason}"));
        assert!(reason.contains("--max-processes allows 200"), "{reason}");
        assert_eq!((&fault["verdict"], &fault["command_stopped"]), (&json!("timeout"), &json!(true)), "{fault:#}");
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
}

/// It once ended in a message about a part that could not be heard, with exit code 3, and left its children.
#[test]
fn without_a_sandbox_one_that_kills_its_keeper_has_crashed_and_leaves_nobody() {
    for (signal, told) in [("9", "was killed by signal 9"), ("15", "was killed by signal 15")] {
        let name = tempfile::tempdir().unwrap();
        let mark = name.path().to_str().unwrap();
        let command = ["--no-sandbox", "--timeout", "60s", "--", "./manners", "kill-parent", signal, mark];
        let Some(check) = anywhere(&[&JSON[..], &command].concat()) else { return };
        let (fault, took, _) = failed(check, name.path());
        assert_eq!((&fault["verdict"], &fault["connections"]), (&json!("crash"), &json!(1)), "{fault:#}");
        let reason = fault["reason"].as_str().unwrap();
        assert!(reason.contains(told) && reason.contains("without a sandbox"), "{reason}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

/// Stopped, it says nothing any more: that is noticed by the patience, too.
#[test]
fn without_a_sandbox_one_that_stops_its_keeper_is_ended() {
    let name = tempfile::tempdir().unwrap();
    let mark = name.path().to_str().unwrap();
    let command =
        ["--no-sandbox", "--patience", "1s", "--timeout", "60s", "--", "./manners", "kill-parent", "19", mark];
    let Some(check) = anywhere(&[&JSON[..], &command].concat()) else { return };
    let (fault, took, _) = failed(check, name.path());
    assert!(fault["reason"].as_str().unwrap().contains("or it stopped what counts them"), "{fault:#}");
    assert!(took < Duration::from_secs(50), "{took:?}");
}
