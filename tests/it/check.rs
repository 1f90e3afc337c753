//! A command under test: its verdicts, where it runs, and services. Its bad manners are in `check_bad`.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::{Closewait, Done, closewait, free_port, program, skipped};

/// Commands in C, by the name that a command line knows them by. They are part of this program, so that a user who may
/// not read the source tree can be the one who runs it.
const IN_C: &[(&str, &str)] = &[
    ("leaky", include_str!("../apps/c/leaky.c")),
    ("fixed", include_str!("../apps/c/fixed.c")),
    ("manners", include_str!("manners.c")),
    ("symptoms", include_str!("symptoms.c")),
];
const TDS_H: &str = include_str!("../apps/c/tds.h");

/// Says that the running test was skipped.
pub(crate) fn skip(reason: &str) {
    skipped(std::thread::current().name().unwrap_or("check"), reason);
}

/// Compiles into `dir` the commands that these arguments name; whether there is a compiler.
pub(crate) fn compiled(dir: &Path, arguments: &[&str]) -> bool {
    std::fs::write(dir.join("tds.h"), TDS_H).unwrap();
    let is_named = |name: &str| arguments.iter().any(|argument| argument.contains(&format!("./{name}")));
    for (name, source) in IN_C.iter().filter(|(name, _)| is_named(name)) {
        let file = format!("{name}.c");
        std::fs::write(dir.join(&file), source).unwrap();
        match Command::new("cc").args(["-o", name, &file]).current_dir(dir).output() {
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                skip(&format!("cc: {error}"));
                return false;
            }
        }
    }
    true
}

/// Whether a command gets a sandbox on this machine.
pub(crate) fn has_sandbox() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    let has = *HAS.get_or_init(|| {
        closewait(&["check", "-q", "--json", "-", "--", "true"]).done().exits(1).json()["sandbox"] != "none"
    });
    if !has {
        skip("no sandbox on this machine");
    }
    has
}

/// A check of a command in a sandbox; none, and said so, where it cannot be made.
pub(crate) fn check(arguments: &[&str]) -> Option<Closewait> {
    if has_sandbox() { anywhere(arguments) } else { None }
}

/// A check of a command, with a sandbox or without.
pub(crate) fn anywhere(arguments: &[&str]) -> Option<Closewait> {
    let check = closewait(&[&["check"], arguments].concat()).env("LINGER", "1");
    compiled(check.dir.path(), arguments).then_some(check)
}

/// The document, and the one fault in it, of a check that exits so.
#[track_caller]
fn judged(check: Closewait, code: i32) -> (Value, Value, Done) {
    let done = check.done().exits(code);
    let document = done.json();
    let fault = document["faults"][0].clone();
    (document, fault, done)
}

const JSON: [&str; 3] = ["--quiet", "--json", "-"];

/// Checks a command with these options, and asserts the exit code and the verdict.
#[track_caller]
pub(crate) fn verdict(options: &[&str], command: &[&str], code: i32, verdict: &str) -> Option<Value> {
    let (_, fault, _) = judged(check(&[&JSON, options, &["--"], command].concat())?, code);
    assert_eq!(fault["verdict"], verdict, "{fault:#}");
    Some(fault)
}

/// Everything that a person must know, of the document and of its fault.
fn notices(document: &Value) -> String {
    format!("{}{}", document["notices"], document["faults"][0]["notices"])
}

/// Where it must be decided soon that something is a leak. What is clean gets the default, for a machine that is busy.
const SOON: [&str; 2] = ["--grace", "300ms"];

mod verdicts {
    use super::*;

    #[test]
    fn a_leak_is_found_and_its_document_fits_the_schema() {
        let Some(check) = check(&[&JSON[..], &SOON, &["--", "./leaky"]].concat()) else { return };
        let (document, fault, _) = judged(check, 1);
        let schema = closewait(&["schema", "check"]).done().exits(0).json();
        let schema = jsonschema::validator_for(&schema).unwrap();
        schema.validate(&document).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(document["command"], json!(["./leaky"]));
        assert_eq!((&document["complete"], &document["passed"]), (&json!(true), &json!(false)));
        assert_eq!((&fault["verdict"], &fault["command_exit"]), (&json!("leak"), &json!(0)), "{fault:#}");
        assert_eq!((&fault["connections"], &fault["leaked"]), (&json!(5), &json!(5)));
        assert_eq!(fault["held_states"], json!({"close_wait": 5}));
        assert_eq!(fault["ended_by"]["process_exit"], 5);
        assert_eq!((&fault["processes"][0]["held"], &fault["processes"][0]["command"]), (&json!(5), &json!("./leaky")));
        assert_eq!(fault["disagreements"], json!([]));
        assert!(fault["held_ms"]["p50"].as_f64() > Some(900.0), "it lingered for a second: {fault:#}");
    }

    #[test]
    fn what_closes_is_clean() {
        let Some(fault) = verdict(&[], &["./fixed"], 0, "clean") else { return };
        assert_eq!((&fault["connections"], &fault["ended_by"]["client_fin"]), (&json!(5), &json!(5)), "{fault:#}");
    }

    #[test]
    fn what_ends_too_soon_is_undecided_and_may_be_allowed() {
        let quick = |options: &[&str]| check(&[options, &["--", "./leaky"]].concat()).map(|it| it.env("LINGER", "0"));
        let Some(check) = quick(&[]) else { return };
        let report = check.done().exits(1).stdout();
        assert!(report.contains("UNDECIDED") && report.contains("keep the program running"), "{report}");
        let allowed = quick(&["--allow-undecided", "--quiet"]).unwrap().done().exits(0);
        assert_eq!((&*allowed.stdout(), &*allowed.stderr()), ("", ""));
    }

    /// What winds up for 60 ms behind its last close may be an interpreter that closes what its script has kept.
    #[test]
    fn what_ends_right_behind_its_last_close_is_undecided_whoever_closed() {
        for (options, manners) in
            [(&[][..], "closes"), (&[], "keeps"), (&["--no-sandbox"], "closes"), (&["--no-sandbox"], "keeps")]
        {
            let Some(fault) = verdict(options, &["./manners", manners], 1, "undecided") else { return };
            assert_eq!(fault["leaked"], 0, "{fault:#}");
            verdict(&[options, &["--allow-undecided"]].concat(), &["./manners", manners], 0, "undecided");
        }
    }

    #[test]
    fn a_leak_shows_in_whatever_state_the_server_left_it() {
        for (fault, state) in [("login-18456:end=hold", "established"), ("login-18456:end=reset", "close")] {
            let Some(fault) = verdict(&[&SOON[..], &["--fault", fault]].concat(), &["./leaky"], 1, "leak") else {
                return;
            };
            assert_eq!(fault["held_states"], json!({state: 5}), "{fault:#}");
        }
    }

    #[test]
    fn a_server_that_is_not_there_leaves_nothing_to_leak() {
        let Some(fault) = verdict(&["--fault", "connect-refuse"], &["./leaky"], 0, "clean") else { return };
        assert_eq!((&fault["connections"], &fault["ended_by"]["refused"]), (&json!(5), &json!(5)), "{fault:#}");
    }

    #[test]
    fn a_command_that_never_came_is_told_how() {
        let Some(fault) = verdict(&[], &["true"], 1, "no-connection") else { return };
        assert!(fault["reason"].as_str().unwrap().contains("CLOSEWAIT_HOST"), "{fault:#}");
    }

    #[test]
    fn a_crash_stands_above_all_and_an_exit_code_does_not_matter() {
        let Some(fault) = verdict(&SOON, &["sh", "-c", "./leaky; kill -SEGV $$"], 1, "crash") else { return };
        assert_eq!((&fault["command_signal"], &fault["leaked"]), (&json!(11), &json!(5)), "{fault:#}");
        let failed = verdict(&[], &["sh", "-c", "./fixed; exit 7"], 0, "clean").unwrap();
        assert_eq!(failed["command_exit"], 7);
    }

    #[test]
    fn a_login_that_never_ends_hangs_a_client_that_waits_for_ever() {
        let options = ["--fault", "login-stall", "--patience", "2s"];
        let Some(fault) = verdict(&options, &["./manners", "wait"], 1, "hang") else { return };
        assert!(fault["command_wall_s"].as_f64() >= Some(2.0), "{fault:#}");
        assert_eq!((&fault["command_stopped"], &fault["ended_by"]["harness"]), (&json!(true), &json!(1)), "{fault:#}");
        let timeout = ["--fault", "login-stall", "--timeout", "1s"];
        assert_eq!(verdict(&timeout, &["./manners", "wait"], 1, "timeout").unwrap()["command_stopped"], true);
    }

    #[test]
    fn a_fault_of_tls_does_not_reach_a_client_in_clear() {
        let tls = ["--fault", "tls-garbage"];
        if verdict(&tls, &["./fixed"], 0, "not-reached").is_some() {
            verdict(&[&tls[..], &["--fail-on", "not-reached"]].concat(), &["./fixed"], 1, "not-reached");
        }
    }

    #[test]
    fn several_faults_are_a_table_and_a_case_each() {
        let faults = ["login-18456", "login-4060:end=hold", "tls-garbage", "connect-refuse"];
        let named: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
        let files = ["--json", "c.json", "--junit", "j.xml", "--markdown", "m.md"];
        let Some(check) = check(&[&SOON[..], &named, &files, &["--", "./leaky"]].concat()) else { return };
        let done = check.done().exits(1);
        let read = |file: &str| std::fs::read_to_string(done.dir.path().join(file)).unwrap();
        let (table, junit, markdown) = (done.stdout(), read("j.xml"), read("m.md"));
        let document: Value = serde_json::from_str(&read("c.json")).unwrap();
        let told: Vec<_> =
            document["faults"].as_array().unwrap().iter().map(|it| it["fault"].as_str().unwrap()).collect();
        assert_eq!(told, faults, "in the order asked for");
        for fault in faults {
            assert!(table.contains(fault) && markdown.contains(fault), "{fault}:\n{table}\n{markdown}");
            assert!(junit.contains(&format!("<testcase name=\"{fault}\"")), "{fault}: {junit}");
        }
        assert_eq!(junit.matches("<failure").count(), 2, "{junit}");
        assert!(table.contains("FAILED: 2 of 4 faults") && markdown.contains("FAILED: 2 of 4 faults"), "{table}");
    }

    #[test]
    fn a_baseline_passes_what_it_knows_and_nothing_else() {
        let Some(first) = check(&[&SOON[..], &["--quiet", "--json", "-", "--", "./leaky"]].concat()) else { return };
        let known = first.done().exits(1).stdout();
        let again = |faults: &[&str]| {
            let options = [&JSON[..], &SOON, &["--baseline", "known.json"], faults, &["--", "./leaky"]].concat();
            check(&options).unwrap().file("known.json", &known)
        };
        let (document, fault, _) = judged(again(&[]), 0);
        assert_eq!(
            (&document["passed"], &fault["verdict"], &fault["known"]),
            (&json!(true), &json!("leak"), &json!(true))
        );
        let (document, fault, _) = judged(again(&["--fault", "login-18456", "--fault", "login-4060"]), 1);
        assert_eq!((&fault["known"], &document["faults"][1]["known"]), (&json!(true), &json!(false)));
    }

    #[test]
    fn this_program_is_judged_as_any_other() {
        let program = program();
        let run = [&*program, "run", "--target", "{host}:{port}", "--allow-remote", "--user", "app"];
        let load = ["--password-env", "CLOSEWAIT_PASSWORD", "--attempts", "4", "--rate", "1/s", "--close"];
        for (close, code, expected) in [("leaky", 1, "leak"), ("orderly", 0, "clean")] {
            let command = [&run[..], &load, &[close]].concat();
            let options: &[&str] = if code == 1 { &SOON } else { &[] };
            let Some(fault) = verdict(options, &command, code, expected) else { return };
            assert!(fault["connections"].as_u64() >= Some(4), "{fault:#}");
            assert!(code == 0 || fault["leaked"].as_u64() >= Some(3), "{fault:#}");
        }
    }
}

mod places {
    use super::*;

    /// A leak of a command that writes down how it knows its server and the world; its document and what it wrote.
    fn seen(check: Option<Closewait>) -> Option<(Value, String)> {
        let (document, fault, done) = judged(check?, 1);
        assert_eq!((&fault["verdict"], &fault["leaked"]), (&json!("leak"), &json!(5)), "{fault:#}");
        Some((document, std::fs::read_to_string(done.dir.path().join("seen")).unwrap()))
    }

    const LOOK: [&str; 4] =
        ["--", "sh", "-c", "./leaky; { echo $CLOSEWAIT_HOST:$CLOSEWAIT_PORT; cat /etc/hosts /proc/net/route; } >seen"];

    #[test]
    fn the_server_is_a_name_an_address_or_localhost_and_the_only_one_there_is() {
        for alias in ["db.prod.example:14333", "10.1.2.3:1444", "localhost:1433"] {
            let Some((document, seen)) = seen(check(&[&JSON[..], &SOON, &["--as", alias], &LOOK].concat())) else {
                return;
            };
            assert_eq!((document["target"].as_str(), seen.lines().next()), (Some(alias), Some(alias)));
            assert_eq!(seen.contains(" db.prod.example\n"), alias.starts_with("db."), "{seen}");
            let default = |line: &&str| line.split_whitespace().nth(1) == Some("00000000");
            assert_eq!(seen.lines().find(default), None, "a default route: {seen}");
        }
    }

    #[test]
    fn this_machines_own_listeners_are_out_of_reach() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let Some(fault) = verdict(&[], &["./manners", "use", &port], 1, "no-connection") else { return };
        assert_eq!(fault["command_exit"], 1, "it could not connect: {fault:#}");
    }

    #[test]
    fn without_a_sandbox_the_same_leak_is_found_and_what_is_weaker_is_said() {
        let Some((document, seen)) = seen(anywhere(&[&JSON[..], &SOON, &["--no-sandbox"], &LOOK].concat())) else {
            return;
        };
        assert_eq!(document["sandbox"], "none");
        assert!(seen.starts_with("127.0.0.1:"), "{seen}");
        assert!(notices(&document).contains("no sandbox: the command runs on this machine"), "{document:#}");
    }

    #[test]
    fn on_this_machines_network_a_name_is_the_server() {
        let port = free_port();
        let alias = format!("db.test:{port}");
        let options = [&JSON[..], &SOON, &["--allow-network", "--as", &alias], &LOOK].concat();
        let Some((document, seen)) = seen(check(&options)) else { return };
        assert_eq!(
            (document["sandbox"].as_str(), document["target"].as_str()),
            (Some("shared-network"), Some(&*alias))
        );
        assert!(seen.contains("127.0.0.1 db.test\n"), "{seen}");
        assert!(notices(&document).contains("shares this machine's network"), "{document:#}");
        let own = std::fs::read_to_string("/proc/net/route").unwrap();
        assert!(seen.ends_with(&own), "the same routes: {seen}");
    }
}

mod services {
    use super::*;

    #[test]
    fn its_time_begins_when_it_is_ready_and_ends_by_a_sigterm() {
        let options = ["--ready-line", "it is up", "--for", "1s"];
        let command = ["sh", "-c", "./fixed; echo it is up; exec sleep 1000"];
        let Some(fault) = verdict(&options, &command, 0, "clean") else { return };
        assert_eq!((&fault["command_stopped"], &fault["command_signal"]), (&json!(true), &json!(15)), "{fault:#}");
        assert!(fault["command_wall_s"].as_f64() >= Some(2.0), "it lingered, and had its second: {fault:#}");
    }

    #[test]
    fn one_that_ignores_sigterm_is_killed_and_that_is_said() {
        let options = [&JSON[..], &["--for", "3s", "--kill-after", "1s"]].concat();
        let command = ["--", "sh", "-c", "trap '' TERM; LINGER=1 ./fixed; while :; do sleep 1; done"];
        let Some(check) = check(&[&options[..], &command].concat()) else { return };
        let (document, fault, _) = judged(check, 0);
        assert_eq!((&fault["verdict"], &fault["command_signal"]), (&json!("clean"), &json!(9)), "{fault:#}");
        assert!(notices(&document).contains("did not end within 1s of a SIGTERM and was killed"), "{document:#}");
    }

    #[test]
    fn it_is_driven_from_inside_once_it_listens() {
        let look = "readlink /proc/self/ns/net /proc/self/ns/pid";
        let drive = format!("./manners use 8080 && ./manners use 8080 && echo driven >driven; {look} >>driven");
        let serve = format!("{look} >served; exec ./manners serve 8080");
        let service = ["--ready-port", "8080", "--drive", &drive, "--", "sh", "-c", &serve];
        let Some(check) = check(&[&JSON[..], &SOON, &service].concat()) else { return };
        let (_, fault, done) = judged(check, 1);
        assert_eq!((&fault["verdict"], &fault["leaked"]), (&json!("leak"), &json!(2)), "{fault:#}");
        let read = |file: &str| std::fs::read_to_string(done.dir.path().join(file)).unwrap();
        let (driven, served) = (read("driven"), read("served"));
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
        assert_eq!((&*lines(&driven)[0], &lines(&driven)[1]), ("driven", &lines(&served)[0]), "one network");
        assert_ne!(lines(&served)[0], own, "and not this machine's");
    }

    #[test]
    fn a_drive_that_fails_and_a_service_that_is_never_ready_are_said() {
        let drive = [&JSON[..], &SOON, &["--drive", "exit 3", "--", "sleep", "1000"]].concat();
        let Some(drive) = check(&drive) else { return };
        let (document, _, _) = judged(drive, 1);
        assert!(notices(&document).contains("--drive ended with exit code 3"), "{document:#}");
        // It once had the whole --timeout for it, and was then told to end sooner.
        for (bound, within) in [(["--ready-within", "1s"], "1s"), (["--timeout", "500ms"], "500ms")] {
            let ready = ["--ready-line", "up", "--for", "60s", "--drive", "true"];
            let options = [&JSON[..], &ready, &bound, &["--", "./leaky"]].concat();
            let (_, fault, _) = judged(check(&options).unwrap().env("LINGER", "1000"), 1);
            assert_eq!((&fault["verdict"], &fault["connections"]), (&json!("timeout"), &json!(5)), "{fault:#}");
            let told = fault["reason"].as_str().unwrap();
            assert!(told.contains(&format!("never ready: it did not print `up` within {within}")), "{told}");
        }
        let port = ["--ready-port", "8080", "--for", "60s", "--ready-within", "1s"];
        let fault = verdict(&[&port[..], &["--fault", "login-stall"]].concat(), &["sleep", "1000"], 1, "timeout");
        let told = fault.unwrap()["reason"].to_string();
        assert!(told.contains("nobody listened on port 8080 of its host within 1s"), "{told}");
    }

    #[test]
    fn a_daemon_that_outlives_its_starter_leaks_for_ever() {
        let Some(fault) = verdict(&SOON, &["./manners", "daemon"], 1, "leak") else { return };
        assert_eq!((&fault["command_exit"], &fault["leaked"]), (&json!(0), &json!(2)), "{fault:#}");
        assert_eq!(
            (&fault["ended_by"]["never"], &fault["held_states"]),
            (&json!(2), &json!({"close_wait": 2})),
            "{fault:#}"
        );
    }
}
