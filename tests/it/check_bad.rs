//! A command under test that cannot be run, that misbehaves, or whose checker is killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::check::{check, compiled, has_sandbox, skip};
use crate::harness::{closewait, program};
use crate::kill::{all_namespaces, descendants, kill, namespaces, wait_until, wait_within};

/// A check under way.
fn started(dir: &Path, arguments: &[&str]) -> Child {
    Command::new(program())
        .args([&["check", "--quiet"], arguments].concat())
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Processes of a command that were given this directory as an argument, which no others know.
pub(crate) fn theirs(dir: &Path) -> usize {
    let mark = format!("\0{}\0", dir.display());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.filter(|line| line.starts_with("./manners\0") && line.contains(&mark)).count()
}

fn document(dir: &Path, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join(file)).unwrap()).unwrap()
}

mod input {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_a_usage_error_with_a_hint() {
        for (command, complaint) in [
            ("no-such-command", "find the command `no-such-command`"),
            ("./no-such", "find the command `./no-such`"),
            ("./", "it is a directory"),
            ("./text", "permission denied"),
        ] {
            let done = closewait(&["check", "--", command]).file("text", "not a program").done();
            done.exits(2).complains(&[complaint, "hint:"]);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_usage_error() {
        for (options, complaint) in [
            (&["--as", "-x:1433", "--", "true"][..], "-x"),
            (&["--as=-x:1433", "--", "true"], "take `-x` for a host"),
            (&["--as", "db.test:99999", "--", "true"], "HOST:PORT"),
            (&["--as", "db.test:1433", "--no-sandbox", "--", "true"], "hint: leave out --no-sandbox"),
            (&["python3", "app.py"], "hint: put `--` before your command: closewait check -- python3 app.py"),
            (&["--no-sandbox", "--allow-network", "--", "true"], "cannot be used with"),
            (&["--fault", "login-nonsense", "--", "true"], "login-nonsense"),
            (&["--fail-on", "nonsense", "--", "true"], "known are"),
            (&["--baseline", "none.json", "--", "true"], "hint: a baseline is"),
            (&["--max-processes", "0", "--", "true"], "max-processes"),
            (&["--jobs", "0", "--", "true"], "at least 1"),
            (&["--"], "<COMMAND>"),
            (&[], "<COMMAND>"),
        ] {
            closewait(&[&["check"], options].concat()).done().exits(2).complains(&[complaint]);
        }
    }

    /// It was once said behind the line that the trial had begun, and twice.
    #[test]
    fn a_name_that_nothing_can_be_is_refused_before_anything_begins() {
        let refused = closewait(&["check", "--as", "db.test:1433", "--no-sandbox", "--", "true"]).done().exits(2);
        assert!(!refused.stderr().contains("checking under"), "{}", refused.stderr());
        // A user namespace of its own can have none of the network below it.
        let forbid = "echo 0 >/proc/sys/user/max_net_namespaces || exit 77; exec \"$0\" \"$@\"";
        let program = program();
        let check = |arguments: &[&str]| {
            let command = [&["-Ur", "sh", "-c", forbid, &program, "check"], arguments].concat();
            let output = Command::new("unshare").args(command).output().ok().filter(|it| {
                let code = it.status.code();
                code != Some(77) && code.is_some() && !String::from_utf8_lossy(&it.stderr).starts_with("unshare:")
            });
            output.map(|it| (it.status.code(), String::from_utf8_lossy(&it.stderr).into_owned()))
        };
        let Some((code, stderr)) = check(&["--as", "db.test:1433", "--", "true"]) else {
            return skip("no user namespace to forbid others in");
        };
        assert_eq!((code, stderr.contains("checking under")), (Some(3), false), "{stderr}");
        for words in ["{host} and {port}", "CLOSEWAIT_HOST and CLOSEWAIT_PORT", "max_net_namespaces"] {
            assert_eq!(stderr.matches(words).count(), 1, "{words}: {stderr}");
        }
        let (code, stderr) = check(&["--json", "-", "--", "true"]).unwrap();
        assert_eq!(code, Some(1), "without a name it is checked, if weaker: {stderr}");
        let unwrapped = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(unwrapped.matches("create a network namespace").count(), 1, "{stderr}");
    }

    #[test]
    fn a_working_directory_that_is_gone_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let gone = "mkdir gone; cd gone; rmdir ../gone; exec \"$0\" check -- true";
        let output = Command::new("sh").args(["-c", gone, &program()]).current_dir(dir.path()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("working directory") && stderr.contains("hint: the directory was deleted"), "{stderr}");
    }

    #[test]
    fn a_script_without_its_interpreter_is_told_apart() {
        if !has_sandbox() {
            return;
        }
        let script =
            "printf '#!/no/such/interpreter\\n' >script; chmod +x script; exec \"$0\" check --quiet -- ./script";
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new("sh").args(["-c", script, &program()]).current_dir(dir.path()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("its interpreter is missing") && stderr.contains("hint:"), "{stderr}");
    }
}

mod manners {
    use super::*;

    #[test]
    fn gigabytes_of_output_pass_through_a_small_memory() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = started(dir.path(), &["--json", "c.json", "--", "head", "-c", "3000000000", "/dev/zero"]);
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        let mut ended = None;
        // A busy machine may take half a minute.
        wait_within(Duration::from_secs(110), "it ends", || {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
            most = most.max(line.split_whitespace().next().unwrap().parse::<u64>().unwrap());
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        assert_eq!(ended.unwrap().code(), Some(1));
        assert!((1..100_000).contains(&most), "{most} kB");
        let fault = &document(dir.path(), "c.json")["faults"][0];
        assert_eq!(
            (&fault["verdict"], &fault["command_exit"]),
            (&json!("no-connection"), &json!(0)),
            "it came to its end"
        );
        assert!(fault["output_tail"].as_str().unwrap().len() < 100_000);
    }

    #[test]
    fn what_it_prints_and_what_it_is_called_break_no_format() {
        let files = ["--quiet", "--json", "c.json", "--junit", "j.xml", "--markdown", "m.md"];
        let command = ["--", "sh", "-c", "printf '\\001\\033[31m\\377\\000]]>&<|x\\n' # \u{1}|`<x>"];
        let Some(check) = check(&[&files[..], &command].concat()) else { return };
        let done = check.done().exits(1);
        let read = |file: &str| std::fs::read_to_string(done.dir.path().join(file)).unwrap();
        let document: Value = serde_json::from_str(&read("c.json")).unwrap();
        assert_eq!(document["faults"][0]["output_tail"], "\u{1}\u{1b}[31m\u{fffd}\0]]>&<|x\n");
        for file in ["j.xml", "m.md"] {
            assert!(!read(file).contains(['\0', '\u{1}', '\u{1b}']), "{file}: {:?}", read(file));
        }
        assert!(!read("j.xml").contains("]]>"));
    }

    #[test]
    fn one_that_kills_whomever_it_can_kills_itself_alone() {
        // Never where it could kill others.
        let own = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let inside = format!("own=$(readlink /proc/self/ns/pid); test -n \"$own\" -a \"$own\" != '{}'", own.display());
        let script = format!("{inside} || exit 9; kill -9 1; kill -9 -1; exit 3");
        let Some(check) = check(&["--quiet", "--json", "-", "--", "sh", "-c", &script]) else { return };
        let document = check.done().exits(1).json();
        assert_eq!(document["faults"][0]["command_exit"], 3, "{document:#}");
    }
}

mod leftovers {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_signal_leaves_the_partial_document_and_is_raised_again() {
        let dir = tempfile::tempdir().unwrap();
        let faults = ["--fault", "login-stall", "--fault", "login-18456", "--jobs", "1", "--json", "c.json"];
        let command = ["--", "./manners", "wait", dir.path().to_str().unwrap()];
        if !has_sandbox() || !compiled(dir.path(), &command) {
            return;
        }
        let mut child = started(dir.path(), &[&faults[..], &command].concat());
        wait_until("the command runs", || theirs(dir.path()) > 0);
        kill(child.id(), "-INT");
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(2), "{status}");
        let document = document(dir.path(), "c.json");
        assert_eq!((&document["complete"], &document["passed"]), (&json!(false), &json!(false)), "{document:#}");
        let faults = document["faults"].as_array().unwrap();
        assert_eq!(faults.len(), 1, "with one job nothing more was begun: {document:#}");
        assert_eq!(faults[0]["command_stopped"], true);
        assert!(faults[0]["reason"].as_str().unwrap().contains("The check was stopped"), "{document:#}");
        wait_until("nobody is left", || theirs(dir.path()) == 0);
    }

    /// Kills a checker; nobody of its command and no network of it may be left.
    fn killed(options: &[&str], script: &str, processes: usize) {
        let dir = tempfile::tempdir().unwrap();
        let script = script.replace("MARK", dir.path().to_str().unwrap());
        if !compiled(dir.path(), &[&script]) {
            return;
        }
        let mut child = started(dir.path(), &[options, &["--", "sh", "-c", &script]].concat());
        wait_until("the command runs", || theirs(dir.path()) == processes);
        let parts = descendants(child.id());
        let mut networks = namespaces(&parts);
        networks.remove(&std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string());
        kill(child.id(), "-9");
        child.wait().unwrap();
        wait_until("nobody is left", || theirs(dir.path()) == 0);
        let gone =
            |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |it| it.contains(") Z "));
        wait_until("every part is gone", || parts.iter().all(gone));
        wait_until("every namespace is gone", || all_namespaces().is_disjoint(&networks));
    }

    #[test]
    fn nothing_is_left_after_kill_9_not_even_daemons() {
        if !has_sandbox() {
            return;
        }
        let script = "./manners daemon MARK; ./manners daemon MARK; exec sleep 1000";
        killed(&[], script, 2);
        killed(&["--allow-network"], script, 2);
    }

    #[test]
    fn without_a_sandbox_the_commands_own_processes_end_with_their_checker() {
        killed(&["--no-sandbox", "--fault", "login-stall"], "./manners wait MARK & ./manners wait MARK; wait", 2);
    }
}
