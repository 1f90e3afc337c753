//! Real drivers in other languages, where they are installed: a good login, and each refusal by its number.

use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::tests::{faults, in_time, with_server};
use crate::server::Config;

/// Runs `command` with `input`; none when it is not installed.
async fn run(command: &mut Command, input: &str) -> Option<Output> {
    use std::process::Stdio;
    let spawned =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let mut child = spawned.ok()?;
    let mut stdin = child.stdin.take().unwrap();
    // A driver that was refused does not read what it was to ask.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    Some(
        tokio::time::timeout(Duration::from_secs(15), child.wait_with_output()).await.expect("a driver hangs").unwrap(),
    )
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn tsql(address: SocketAddr, version: &str, config: &str) -> Option<String> {
    let mut command = Command::new("tsql");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    command.args(["-H", &host, "-p", &port, "-U", "x", "-P", "y"]).env("TDSVER", version).env("FREETDSCONF", config);
    run(&mut command, "SELECT 1\ngo\nSELECT * FROM t\ngo\nexit\n").await.map(|output| text(&output))
}

#[tokio::test]
async fn freetds_in_every_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freetds.conf");
    std::fs::write(&path, "[global]\nencryption = off\n").unwrap();
    let config = path.to_str().unwrap();
    for version in ["7.0", "7.1", "7.2", "7.3", "7.4"] {
        let _ = in_time(with_server(Config::default(), async |address, _| {
            let Some(said) = tsql(address, version, config).await else {
                crate::skipped("freetds_in_every_version", "tsql is not installed");
                return;
            };
            assert!(said.contains("1 row affected") && said.contains("Msg 208 (severity 16"), "{version}: {said}");
        }))
        .await;
        for number in ["18456", "18486", "4060", "40613"] {
            let _ = in_time(with_server(faults(&[&format!("login-{number}")]), async |address, _| {
                let Some(said) = tsql(address, version, config).await else { return };
                assert!(said.contains(&format!("Msg {number} (severity")), "{version}: {said}");
            }))
            .await;
        }
    }
}

/// A script that logs in once and prints the answer to SELECT 1, or the error's number.
const PYMSSQL: &str = "
import sys, pymssql
try:
    c = pymssql.connect('127.0.0.1', 'x', 'y', 'master', port=int(sys.argv[1]), login_timeout=5, encryption='off')
    k = c.cursor(); k.execute('SELECT 1'); print('row', k.fetchall()[0][0]); c.commit(); c.close()
except pymssql.Error as e:
    print('error', e.args[0] if isinstance(e.args[0], int) else e.args[0][0])
";

const PYTDS: &str = "
import sys, pytds
try:
    c = pytds.connect('127.0.0.1', 'master', 'x', 'y', port=int(sys.argv[1]), login_timeout=2)
    k = c.cursor(); k.execute('SELECT 1'); print('row', k.fetchall()[0][0]); c.commit(); c.close()
except (pytds.Error, TimeoutError) as e:
    # It tries again on 4060 and 40613 until its time is up, and keeps the error as the cause.
    e = e if isinstance(e, pytds.Error) else e.__cause__
    print('error', getattr(e, 'number', None) or getattr(e, 'msg_no', None))
";

async fn python(test: &str, module: &str, script: &str) {
    let probe = run(Command::new("python3").args(["-c", &format!("import {module}")]), "").await;
    if !probe.is_some_and(|output| output.status.success()) {
        crate::skipped(test, format_args!("python3 has no {module}"));
        return;
    }
    for (fault, expected) in [
        ("none", "row 1"),
        ("login-18456", "error 18456"),
        ("login-18486", "error 18486"),
        ("login-4060", "error 4060"),
        ("login-40613", "error 40613"),
    ] {
        let _ = in_time(with_server(faults(&[fault]), async |address, _| {
            let port = address.port().to_string();
            let output = run(Command::new("python3").args(["-c", script, &port]), "").await.unwrap();
            assert_eq!(text(&output).trim(), expected, "{module}, {fault}");
        }))
        .await;
    }
}

#[tokio::test]
async fn pymssql() {
    python("pymssql", "pymssql", PYMSSQL).await;
}

#[tokio::test]
async fn python_tds() {
    python("python_tds", "pytds", PYTDS).await;
}
