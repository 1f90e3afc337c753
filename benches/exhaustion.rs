//! How long the whole default port range lasts: `full-range`'s two arms beside a bare connect loop of as many processes,
//! one after the other in one run, each in a sandbox of its own. Prints times and ratios, and asserts nothing.
//!
//! `cargo bench --bench exhaustion`

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use closewait::sandbox::{Level, Plan, Sandbox};
use closewait::units::{HostPort, Monotonic, PortRange};

/// As many processes as `full-range` takes at 20,000 descriptors each.
const PROCESSES: usize = 2;

fn main() {
    match std::env::var("CLOSEWAIT_BENCH").as_deref() {
        Ok("accept") => accept(),
        Ok("connect") => connect(),
        _ => compare(),
    }
}

/// The bare server: accepts and closes.
fn accept() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, HostPort::DEFAULT_PORT)).expect("listen");
    for stream in listener.incoming() {
        drop(stream);
    }
}

/// The bare client: connects and never closes, until no port is left. Prints how many it holds.
fn connect() {
    closewait::host::raise_descriptor_limit();
    let server: SocketAddr = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("the server's address");
    let mut held: Vec<OwnedFd> = Vec::new();
    let error = loop {
        match TcpStream::connect(server) {
            Ok(stream) => held.push(stream.into()),
            Err(error) => break error,
        }
    };
    println!("{} connections, then: {error}", held.len());
}

fn part(sandbox: &Sandbox, server: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let host = if server { sandbox.server() } else { sandbox.client() };
    command.env("CLOSEWAIT_BENCH", if server { "accept" } else { "connect" }).stdout(Stdio::inherit());
    command.arg(SocketAddr::from((sandbox.server().address(), HostPort::DEFAULT_PORT)).to_string());
    host.enter(&mut command);
    command.spawn().expect("start a process of the bench")
}

/// The bare loop: from its start to the last port.
fn bare() -> Duration {
    let plan = Plan { level: Some(Level::TwoHosts), ports: Some(PortRange::LINUX_DEFAULT), ..Plan::default() };
    let sandbox = Sandbox::build(&plan).expect("namespaces are needed for this bench");
    let mut server = part(&sandbox, true);
    std::thread::sleep(Duration::from_millis(300));
    let start = Monotonic::now();
    let mut clients: Vec<Child> = (0..PROCESSES).map(|_| part(&sandbox, false)).collect();
    for client in &mut clients {
        client.wait().expect("a client ends");
    }
    let took = Monotonic::now().since(start);
    server.kill().and_then(|()| server.wait()).expect("the server is ours to end");
    took
}

/// One arm of `full-range` alone: from its first attempt to its first without a port.
fn arm(port_search: &str, rate: &str) -> Duration {
    let dir = std::env::temp_dir().join(format!("closewait-bench-{}-{port_search}", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_closewait"))
        .args(["run", "--close", "leaky", "--attempts", "30000", "--in-flight", "10000", "--rate", rate])
        .args(["--ports", "32768-60999", "--port-search", port_search, "--json", "-", "--quiet"])
        .arg("--out")
        .arg(&dir)
        .output()
        .expect("start closewait");
    std::fs::remove_dir_all(&dir).expect("the results are ours to remove");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a summary");
    let arm = &summary["arms"][0];
    println!("{} outcomes {}", arm["sockets"]["client"]["close_wait"], arm["outcomes"]);
    Duration::from_secs_f64(arm["ports"]["exhausted_after_s"].as_f64().expect("every port was used"))
}

fn compare() {
    for round in 1..=3 {
        let (loop_took, kernel, per_socket) = (bare(), arm("kernel", "6000/s"), arm("per-socket", "6000/s"));
        println!(
            "round {round}: bare loop {loop_took:.2?}; kernel arm {kernel:.2?}, {:.2} times the loop; per-socket arm {per_socket:.2?}",
            kernel.as_secs_f64() / loop_took.as_secs_f64()
        );
    }
}
