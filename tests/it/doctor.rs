//! `closewait doctor`: its numbers against those of `ss`, `sysctl`, `ulimit` and `nproc`, in a namespace of the test's own.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{closewait, program, skipped};

/// A hundred ports, a server that closes every connection at once, and a shell that keeps ninety of them, with descriptors
/// enough for some more.
const SCRIPT: &str = r#"
set -eu
ip link set lo up
echo '40000 40099' > /proc/sys/net/ipv4/ip_local_port_range
"$CLOSEWAIT" serve --listen 127.0.0.1:1433 --fault connect-end > ready &
server=$!
until [ -s ready ]; do sleep 0.05; done
code=0; "$CLOSEWAIT" doctor --json healthy.json --quiet > healthy.out || code=$?
echo $code > healthy.code
for n in $(seq 90); do exec {fd}<>/dev/tcp/127.0.0.1/1433; done
until [ "$(ss -Htn state close-wait | wc -l)" = 90 ]; do sleep 0.05; done
# The server's ends wait for acknowledgements, which come late.
until grep -q ' tw 90 ' /proc/net/sockstat; do sleep 0.05; done
ulimit -Sn 110
code=0; "$CLOSEWAIT" doctor --pid $$ --target 127.0.0.1:1433 --json leaking.json > leaking.out || code=$?
echo $code > leaking.code
ss -Htan > ss-tan; ss -s > ss-s
sysctl -n net.ipv4.tcp_fin_timeout net.ipv4.tcp_tw_reuse net.core.somaxconn net.ipv4.tcp_max_tw_buckets > sysctl
ulimit -Sn > soft; ulimit -Hn > hard; nproc > nproc
# Without a pipe, which the shell itself would hold for a moment.
ls /proc/$$/fd > fds; wc -l < fds > descriptors
echo $$ > pid
kill $server; wait $server || true
"#;

/// Plays the script in a namespace; none where this machine has none to give, or lacks a program.
fn played(test: &str, dir: &Path) -> Option<()> {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let lacking: Vec<_> = ["bash", "ip", "ss", "sysctl"].into_iter().filter(|program| !has(program)).collect();
    if !lacking.is_empty() {
        skipped(test, &format!("no {}", lacking.join(", ")));
        return None;
    }
    let unshare = ["--user", "--map-root-user", "--net", "--"];
    if !Command::new("unshare").args(unshare).arg("true").output().is_ok_and(|output| output.status.success()) {
        skipped(test, "no unshare, or no user namespaces here");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(unshare).args(["bash", "-c", SCRIPT]).current_dir(dir).env("CLOSEWAIT", program());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// What the script left.
struct Left<'a>(&'a Path);

impl Left<'_> {
    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap().trim().to_owned()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }
}

fn wall<'a>(document: &'a Value, name: &str) -> &'a Value {
    named(&document["walls"], "name", name)
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|entry| entry[key] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

#[test]
fn a_leak_near_its_walls_is_found_and_its_numbers_are_those_of_ss() {
    let dir = tempfile::tempdir().unwrap();
    let test = "a_leak_near_its_walls_is_found_and_its_numbers_are_those_of_ss";
    let Some(()) = played(test, dir.path()) else { return };
    let left = Left(dir.path());
    let (healthy, leaking) = (left.json("healthy.json"), left.json("leaking.json"));
    let schema = closewait(&["schema", "doctor"]).done().exits(0).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for document in [&healthy, &leaking] {
        schema.validate(document).unwrap_or_else(|error| panic!("{error}"));
    }

    assert_eq!((left.text("healthy.code").as_str(), left.text("healthy.out").as_str()), ("0", ""));
    assert_eq!(healthy["passed"], true);
    assert_eq!((&wall(&healthy, "ports")["used"], &wall(&healthy, "ports")["limit"]), (&json!(0), &json!(100)));

    assert_eq!(left.text("leaking.code"), "1");
    let pid: u64 = left.text("pid").parse().unwrap();
    let ss = left.text("ss-tan");
    let rows = || ss.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mine = rows().filter(|row| row[3].starts_with("127.0.0.1:400") && row[4] == "127.0.0.1:1433").count();
    let (ports, waiting) = (wall(&leaking, "ports"), rows().filter(|row| row[0] == "CLOSE-WAIT").count());
    assert_eq!((mine, waiting), (90, 90), "{ss}");
    assert_eq!((&ports["used"], &ports["limit"], &ports["near"]), (&json!(mine), &json!(100), &json!(true)));
    assert_eq!(leaking["sockets"]["close_wait"], waiting);
    assert_eq!(leaking["target"]["states"], json!({ "close_wait": 90 }));
    assert_eq!((&leaking["target"]["source"], &leaking["target"]["interface"]), (&json!("127.0.0.1"), &json!("lo")));
    let timewait = left.text("ss-s").split_once("timewait ").unwrap().1.split([')', '/']).next().unwrap().to_owned();
    assert_eq!(wall(&leaking, "time_wait")["used"].to_string(), timewait, "the server's ends");

    let descriptors = wall(&leaking, "descriptors");
    assert_eq!(descriptors["used"].to_string(), left.text("descriptors"));
    assert_eq!((descriptors["limit"].to_string(), &descriptors["near"]), (left.text("soft"), &json!(true)));
    assert_eq!(leaking["process"]["hard_limit"].to_string(), left.text("hard"));
    assert_eq!(leaking["process"]["sockets"], json!({ "close_wait": 90 }));
    assert_eq!(leaking["host"]["cores"].to_string(), left.text("nproc"));
    let sysctl = left.text("sysctl");
    let settings = ["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_tw_reuse", "net.core.somaxconn"];
    for (name, value) in settings.iter().zip(sysctl.lines()) {
        assert_eq!(named(&leaking["settings"], "name", name)["value"], value, "{name}");
    }
    assert_eq!(Some(wall(&leaking, "time_wait")["limit"].to_string().as_str()), sysctl.lines().nth(3));

    let leak = &leaking["leak"]["walls"];
    assert_eq!(named(leak, "name", "ports")["after_s"], 1.0, "ten ports at ten a second");
    assert_eq!((&leak[0]["name"], &leak[0]["after_s"]), (&json!("port_search_slows"), &json!(0.0)));
    let near: Vec<_> = leaking["findings"].as_array().unwrap().iter().filter(|it| it["id"] == "near-wall").collect();
    let walls: Vec<_> = near.iter().map(|finding| finding["wall"].as_str().unwrap()).collect();
    assert_eq!(walls, ["ports", "descriptors"]);
    let held = named(&leaking["findings"], "id", "close-wait-held")["text"].as_str().unwrap();
    assert!(held.contains("90 sockets are in CLOSE_WAIT") && held.contains(&format!("pid {pid} bash")), "{held}");
    assert_eq!(leaking["place"]["first_network_namespace"], false);

    // Lines wrap.
    let text = left.text("leaking.out").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("NEAR: from 127.0.0.1 to 127.0.0.1:1433"), "{text}");
    assert!(
        text.ends_with("FAILED: ports and descriptors are near their walls; a leak of 10/s meets ports first, in 1s")
    );
}

#[test]
fn json_alone_is_on_stdout_and_the_report_beside_it() {
    let done = closewait(&["doctor", "--json", "-", "--near", "100"]).done();
    assert_eq!(done.json()["schema"], "closewait.doctor/1");
    assert!(done.stderr().contains("a leak of 10/s to"), "{}", done.stderr());
}

#[test]
fn what_is_not_there_is_the_command_lines_fault() {
    closewait(&["doctor", "--pid", "4294967295"]).done().exits(2).complains(&["find process 4294967295", "hint:"]);
    let name = "no-such-host.invalid:1433";
    closewait(&["doctor", "--target", name])
        .done()
        .exits(2)
        .complains(&["resolve no-such-host.invalid:1433", "getent"]);
    closewait(&["doctor", "--rate", "0/s"]).done().exits(2).complains(&["above zero"]);
    closewait(&["doctor", "--near", "0"]).done().exits(2).complains(&["--near"]);
    closewait(&["doctor", "--json", "no/such/doctor.json"]).done().exits(2).complains(&["hint:"]);
}

/// The walls of the caller's own namespace once stood in for those of the process, with PASSED below them.
#[test]
fn a_process_that_may_not_be_looked_into_is_not_answered_for() {
    use std::os::unix::fs::PermissionsExt as _;

    let test = "a_process_that_may_not_be_looked_into_is_not_answered_for";
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("closewait");
    std::fs::copy(program(), &own).unwrap();
    for path in [dir.path(), &own] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    // This test's own process: root's, or else it may be read and there is nothing to see.
    let pid = std::process::id().to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&own).current_dir("/");
    let Ok(output) = command.args(["doctor", "--pid", &pid]).output() else { return skipped(test, "no setpriv") };
    let told = String::from_utf8_lossy(&output.stderr);
    if told.contains("setpriv:") {
        return skipped(test, &told);
    }
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{told}");
    assert!(told.contains(&format!("network namespace of process {pid}: Permission denied")), "{told}");
    assert!(told.contains(&format!("sudo closewait doctor --pid {pid}")), "{told}");
}
