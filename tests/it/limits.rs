//! Walls of the machine, each met on purpose: forbidden namespaces, a full disk.

use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{program, skipped};

/// Runs a shell script in namespaces of its own, where it may forbid and mount; none where this machine has none to give.
fn inside(test: &str, unshare: &[&str], script: &str) -> Option<Output> {
    let probe = Command::new("unshare").args(unshare).args(["sh", "-c", "true"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        skipped(test, "no unshare, or no user namespaces here");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    Some(Command::new("unshare").args(unshare).args(["sh", "-c", script]).current_dir(dir.path()).output().unwrap())
}

/// A user namespace that may make no further namespace, as a container's seccomp profile would have it.
const FORBIDDEN: &str = "echo 0 > /proc/sys/user/max_net_namespaces && echo 0 > /proc/sys/user/max_user_namespaces";

#[test]
fn where_namespaces_are_forbidden_it_falls_back_and_says_why() {
    let program = program();
    let script =
        format!("{FORBIDDEN} && exec {program} run --close leaky --attempts 60 --ports 40000-40049 --json - --quiet");
    let test = "where_namespaces_are_forbidden_it_falls_back_and_says_why";
    let Some(output) = inside(test, &["--user", "--map-root-user"], &script) else { return };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["arms"][0]["sandbox"], "port-range");
    assert_eq!(summary["arms"][0]["ports"]["exhausted"], true);
    let notices = summary["notices"].to_string();
    assert!(notices.contains("two-hosts") && notices.contains("one-host"), "{notices}");
}

#[test]
fn a_level_that_was_asked_for_and_cannot_be_had_is_the_machines_fault() {
    let program = program();
    let script = format!("{FORBIDDEN} && exec {program} run --close leaky --attempts 5 --sandbox two-hosts --quiet");
    let test = "a_level_that_was_asked_for_and_cannot_be_had_is_the_machines_fault";
    let Some(output) = inside(test, &["--user", "--map-root-user"], &script) else { return };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("two-hosts") && stderr.contains("hint:"), "{stderr}");
}

#[test]
fn a_disk_that_fills_up_ends_the_run_and_says_so() {
    let program = program();
    let script = format!(
        "mkdir small && mount -t tmpfs -o size=16k none small && \
         exec {program} run --close orderly --rate 500/s --duration 30s --out small/kept --quiet"
    );
    let test = "a_disk_that_fills_up_ends_the_run_and_says_so";
    let Some(output) = inside(test, &["--user", "--map-root-user", "--mount"], &script) else { return };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("No space left") && stderr.contains("hint:"), "{stderr}");
}

#[test]
fn a_directory_that_is_read_only_is_told_before_anything_starts() {
    let program = program();
    let script = format!(
        "mkdir fixed && mount -t tmpfs -o ro none fixed && exec {program} run --close orderly --out fixed/kept --quiet"
    );
    let test = "a_directory_that_is_read_only_is_told_before_anything_starts";
    let Some(output) = inside(test, &["--user", "--map-root-user", "--mount"], &script) else { return };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("Read-only") && stderr.contains("hint:"), "{stderr}");
}
