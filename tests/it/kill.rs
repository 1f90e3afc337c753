//! After kill -9 of any of its processes no process and no namespace is left; after a signal the partial result is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use closewait::units::Monotonic;

use crate::harness::{closewait, program};

/// A run that would go on for a minute.
fn long_run(dir: &Path) -> Child {
    Command::new(program())
        .args(["run", "--close", "leaky", "--rate", "50/s", "--duration", "60s", "--out", "kept", "--quiet"])
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Every descendant of a process, by pid.
pub(crate) fn descendants(pid: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut left = vec![pid];
    while let Some(pid) = left.pop() {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            left.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok())
                    .filter(|child| found.insert(*child)),
            );
        }
    }
    found
}

pub(crate) fn namespaces(pids: &BTreeSet<u32>) -> BTreeSet<String> {
    let read =
        |pid: &u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok().map(|link| link.display().to_string());
    pids.iter().filter_map(read).collect()
}

pub(crate) fn all_namespaces() -> BTreeSet<String> {
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    namespaces(&pids)
}

#[track_caller]
pub(crate) fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    wait_within(Duration::from_secs(20), what, holds);
}

#[track_caller]
pub(crate) fn wait_within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let end = Monotonic::now().after(limit);
    while !holds() {
        assert!(Monotonic::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn kill(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn alive(pid: u32) -> bool {
    // A zombie is dead: its parent just has not looked yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn events(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("kept/events.jsonl")).unwrap_or_default()
}

/// A run under way: the server, a load worker, the sampler and the connection ledger are there, and something was measured.
fn started(dir: &Path) -> (Child, BTreeSet<u32>) {
    let child = long_run(dir);
    wait_until("events are written", || events(dir).contains("\"load\""));
    let parts = descendants(child.id());
    assert_eq!(parts.len(), 4, "server, load worker, sampler, connection ledger");
    (child, parts)
}

#[test]
fn nothing_is_left_after_kill_9_of_the_conductor() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, parts) = started(dir.path());
    let mut theirs = namespaces(&parts);
    theirs.remove(&std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string());
    kill(child.id(), "-9");
    child.wait().unwrap();
    wait_until("every part is gone", || parts.iter().all(|part| !alive(*part)));
    wait_until("every namespace is gone", || all_namespaces().is_disjoint(&theirs));
    // What was measured until then can be reported.
    let report = Command::new(program())
        .args(["report", "kept", "--json", "-", "--quiet"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&report.stdout).expect("a killed run can be reported");
    assert_eq!((summary["complete"].as_bool(), report.status.code()), (Some(false), Some(1)));
    assert!(summary["arms"][0]["attempts"].as_u64() > Some(0));
}

#[test]
fn nothing_is_left_after_kill_9_of_any_part() {
    for nth in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let (child, parts) = started(dir.path());
        let pid = child.id();
        kill(*parts.iter().nth(nth).unwrap(), "-9");
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains("ended early") && stderr.contains("hint:"), "{stderr}");
        wait_until("every part is gone", || parts.iter().all(|part| !alive(*part)) && descendants(pid).is_empty());
        assert!(events(dir.path()).contains("\"load\""));
    }
}

#[test]
fn a_signal_ends_the_run_with_its_partial_result_and_is_raised_again() {
    use std::os::unix::process::ExitStatusExt as _;

    for (signal, number) in [("-INT", 2), ("-TERM", 15)] {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, parts) = started(dir.path());
        kill(child.id(), signal);
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(number), "{status}");
        wait_until("every part is gone", || parts.iter().all(|part| !alive(*part)));
        let summary: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.path().join("kept/summary.json")).unwrap()).unwrap();
        assert_eq!(summary["complete"], false);
        let held = summary["arms"][0]["sockets"]["client"]["close_wait"]["final"].as_u64();
        assert!(held > Some(0), "the last table was read before the sockets were let go: {held:?}");
    }
}

#[test]
fn a_signal_between_an_arms_last_outcome_and_its_last_table_keeps_the_next_arm_from_starting() {
    use std::os::unix::process::ExitStatusExt as _;

    let scenario = "[base]\nattempts = 20\nsettle = \"30s\"\n[[arm]]\nname = \"first\"\n[[arm]]\nname = \"second\"\n";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("two.toml"), scenario).unwrap();
    let mut child = Command::new(program())
        .args(["run", "two.toml", "--out", "kept", "--quiet"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("events are written", || events(dir.path()).contains("\"load\""));
    kill(child.id(), "-INT");
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    let summary = std::fs::read(dir.path().join("kept/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!((summary["complete"].as_bool(), summary["passed"].as_bool()), (Some(false), Some(false)));
    assert_eq!(summary["arms"].as_array().unwrap().len(), 1);
}

#[test]
fn a_part_that_does_not_answer_ends_the_run_and_not_its_results() {
    let runs: Vec<_> = (0..3).map(|nth| std::thread::spawn(move || stopped_part(nth))).collect();
    runs.into_iter().for_each(|run| run.join().unwrap());
}

/// Stops the load worker, the sampler or the ledger; a server that is stopped is what a run is there to measure.
fn stopped_part(nth: usize) {
    let dir = tempfile::tempdir().unwrap();
    let (child, parts) = started(dir.path());
    kill(*parts.iter().nth(nth + 1).unwrap(), "-STOP");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("has not answered") && stderr.contains("hint:"), "{stderr}");
    wait_until("every part is gone", || parts.iter().all(|part| !alive(*part)));
    assert!(dir.path().join("kept/summary.json").exists());
}

#[test]
fn a_stderr_that_nobody_reads_is_no_bug_of_ours() {
    let mut child = Command::new(program()).args(["run", "no-such"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn a_report_of_no_result_is_a_usage_error() {
    closewait(&["report", "nowhere"]).done().exits(2).complains(&["nowhere"]);
}
