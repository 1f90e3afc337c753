//! Connections that no look fell into, as on a machine where many want a processor: what is still known of them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::check::{compiled, has_sandbox};
use crate::harness::program;
use crate::kill::{descendants, kill, wait_until};

/// The fault of a check whose lookout is held up while the command makes its logins; none where it cannot be made.
fn held_up(manner: &str) -> Option<Value> {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("./manners {manner}; exit 7");
    if !has_sandbox() || !compiled(dir.path(), &[&script]) {
        return None;
    }
    let mut check = Command::new(program())
        .args(["check", "--quiet", "--json", "c.json", "--", "sh", "-c", &script])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let file = |name: &str| dir.path().join(name);
    wait_until("the command is there", || file("there").exists());
    // Looks are 10 ms apart, and births are told ten times a second.
    std::thread::sleep(Duration::from_millis(500));
    let lookout = descendants(check.id()).into_iter().find(|pid| is_lookout(*pid)).unwrap();
    kill(lookout, "-STOP");
    std::fs::write(file("go"), "").unwrap();
    wait_until("the command has made its logins", || file("gone").exists());
    kill(lookout, "-CONT");
    check.wait().unwrap();
    let document: Value = serde_json::from_slice(&std::fs::read(file("c.json")).unwrap()).unwrap();
    let fault = document["faults"][0].clone();
    assert_eq!((&fault["command_exit"], &fault["connections"]), (&7.into(), &2.into()), "{fault:#}");
    assert!(fault["rows"].as_array().unwrap().iter().all(|row| row["pid"].is_null()), "one was seen: {fault:#}");
    Some(fault)
}

fn is_lookout(pid: u32) -> bool {
    let line = std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("check-lookout")
}

#[test]
fn who_was_all_there_ran_on_and_so_it_closed_them() {
    let Some(fault) = held_up("go") else { return };
    assert_eq!(fault["verdict"], "clean", "{fault:#}");
}

#[test]
fn a_child_that_came_and_went_may_have_closed_them_by_its_exit() {
    let Some(fault) = held_up("go-by-child") else { return };
    assert_eq!(fault["verdict"], "undecided", "{fault:#}");
}
