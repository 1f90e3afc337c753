//! Bad input gets a clear message, a position or a hint, and the documented exit code; nothing is started.

use crate::harness::{closewait, free_port, program};

#[test]
fn every_error_of_a_scenario_is_shown_at_once_with_its_place() {
    let scenario = r#"
name = "bad"
expect = ["leaky: ports.exausted == true", "nobody: ports.exhausted == true"]
[base]
arivals = { constant = { rate = "10/s" } }
timeout = "5 parsecs"
[[arm]]
name = "leaky"
close = "leeky"
[[arm]]
ports = "80-90"
"#;
    closewait(&["run", "bad.toml"]).file("bad.toml", scenario).done().exits(2).complains(&[
        "bad.toml:5:1",
        "arivals",
        "arrivals",
        "bad.toml:6:11",
        "bad.toml:9:9",
        "leaky",
        "privileged",
    ]);
}

#[test]
fn an_expectation_that_names_no_field_or_no_arm_is_told_the_nearest() {
    let scenario =
        "expect = [\"leaky: ports.exausted == true\", \"leeky: ports.exhausted == true\"]\n[[arm]]\nname = \"leaky\"\n";
    closewait(&["run", "bad.toml"])
        .file("bad.toml", scenario)
        .done()
        .exits(2)
        .complains(&["ports.exhausted", "`leaky`"]);
}

#[test]
fn two_arms_of_one_name_and_an_arm_without_one() {
    let scenario = "[[arm]]\nname = \"a\"\n[[arm]]\nname = \"a\"\n";
    closewait(&["run", "bad.toml"]).file("bad.toml", scenario).done().exits(2).complains(&["bad.toml:4:8"]);
    closewait(&["run", "bad.toml"])
        .file("bad.toml", "[[arm]]\nclose = \"leaky\"\n")
        .done()
        .exits(2)
        .complains(&["bad.toml:1", "name"]);
}

#[test]
fn a_rate_of_zero() {
    closewait(&["run", "--close", "leaky", "--rate", "0/s"]).done().exits(2).complains(&["above zero"]);
    let scenario = "[[arm]]\nname = \"a\"\narrivals = { constant = { rate = \"0/s\" } }\nattempts = 1\n";
    closewait(&["run", "bad.toml"]).file("bad.toml", scenario).done().exits(2).complains(&["bad.toml:3", "above zero"]);
}

#[test]
fn an_unknown_scenario_is_told_the_nearest() {
    closewait(&["run", "login-failur"]).done().exits(2).complains(&["login-failur", "login-failure", "hint:"]);
    closewait(&["run", "missing.toml"]).done().exits(2).complains(&["missing.toml"]);
    closewait(&["run", "."]).done().exits(2);
}

#[test]
fn a_scenario_of_ten_megabytes_is_not_parsed() {
    let large = format!("# {}\n", "x".repeat(10 << 20));
    closewait(&["run", "large.toml"]).file("large.toml", &large).done().exits(2).complains(&["larger than"]);
}

#[test]
fn a_host_that_does_not_resolve() {
    // RFC 6761: `.invalid` never resolves.
    closewait(&["run", "--target", "nobody.invalid:1433", "--driver", "tcp", "--allow-remote", "--attempts", "1"])
        .done()
        .exits(3)
        .complains(&["nobody.invalid:1433", "hint:"]);
}

#[test]
fn a_target_that_refuses_and_one_that_is_another_machine() {
    closewait(&["run", "--target", &format!("127.0.0.1:{}", free_port()), "--driver", "tcp", "--attempts", "1"])
        .done()
        .exits(3)
        .complains(&["refused", "hint:", "closewait serve"]);
    // 192.0.2.0/24 is no machine's (RFC 5737), and nothing is sent: it stops before.
    closewait(&["run", "--target", "192.0.2.1:1433", "--driver", "tcp", "--attempts", "1"])
        .done()
        .exits(2)
        .complains(&["192.0.2.1:1433", "--allow-remote"]);
}

#[test]
fn a_password_has_no_option_and_a_missing_variable_is_named() {
    closewait(&["run", "--target", "127.0.0.1:1433", "--user", "a", "--password", "secret"]).done().exits(2);
    closewait(&[
        "run",
        "--target",
        "127.0.0.1:1433",
        "--user",
        "a",
        "--password-env",
        "NO_SUCH_VARIABLE",
        "--close",
        "leaky",
    ])
    .done()
    .exits(2)
    .complains(&["NO_SUCH_VARIABLE", "hint:"]);
}

#[test]
fn a_login_without_a_target_and_a_run_without_ports() {
    closewait(&["run", "--user", "app"]).done().exits(2).complains(&["--user", "hint: add --target"]);
    closewait(&["run", "--close", "leaky", "--password-env", "PW"]).done().exits(2).complains(&["hint: add --target"]);
    closewait(&["run", "--max-ports", "0"]).done().exits(2).complains(&["--max-ports"]);
}

#[test]
fn a_result_directory_that_cannot_be_written() {
    let file = closewait(&["run", "--close", "orderly", "--attempts", "1", "--out", "taken"]).file("taken", "a file");
    file.done().exits(3).complains(&["taken", "hint:"]);
    let full = closewait(&["run", "--close", "orderly", "--attempts", "1", "--out", "full"]);
    std::fs::create_dir(full.dir.path().join("full")).unwrap();
    full.file("full/old.json", "{}").done().exits(2).complains(&["full", "hint:"]);
    closewait(&["run", "--close", "orderly", "--attempts", "1", "--out", "/proc/closewait"])
        .done()
        .exits(3)
        .complains(&["/proc/closewait"]);
}

#[test]
fn a_document_that_cannot_be_written() {
    // A device whose every write fails with ENOSPC. `limits.rs` fills the disk of the results themselves.
    let full = closewait(&["run", "--close", "orderly", "--attempts", "1", "--json", "/dev/full"]);
    full.done().exits(3).complains(&["/dev/full", "No space left"]);
}

#[test]
fn a_descriptor_limit_of_64() {
    let program = program();
    let script = format!("ulimit -n 64 && exec '{program}' run --close leaky --attempts 5000 --rate 5000/s");
    let dir = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("64 descriptors") && stderr.contains("hint:"), "{stderr}");
}

#[test]
fn one_document_of_several_scenarios_and_two_documents_on_one_stdout() {
    closewait(&["run", "login-failure", "half-closed", "--json", "-"])
        .done()
        .exits(2)
        .complains(&["2 results", "hint:"]);
    closewait(&["run", "--json", "-", "--junit", "-"]).done().exits(2).complains(&["two documents", "hint:"]);
    closewait(&["run", "--json", "no/such/dir.json"]).done().exits(2).complains(&["no/such/dir.json"]);
    let same = closewait(&["run", "half-closed", "half-closed", "--out", "kept"]).done().exits(2);
    assert!(same.stderr().contains("one name"), "{}", same.stderr());
}

#[test]
fn an_argument_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt as _;

    let name = std::ffi::OsStr::from_bytes(b"\xff.toml");
    let output = std::process::Command::new(program()).arg("run").arg(name).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_run_that_measured_nothing_leaves_its_place_free() {
    let done = closewait(&["run", "--target", "127.0.0.1:1", "--driver", "tcp", "--attempts", "1", "--out", "kept"])
        .done()
        .exits(3);
    assert!(!done.dir.path().join("kept").exists());
}
