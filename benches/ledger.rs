//! What the connection ledger costs: real connections between two hosts of a sandbox, as fast as they come, with the
//! ledger in the client's host and without it. Prints CPU time, rates and what was lost, and asserts nothing but that
//! every connection is in the ledger or counted as lost.
//!
//! `cargo bench --bench ledger`

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use closewait::capture::{FoldedLedger, Tap};
use closewait::host::cpu_time;
use closewait::record::LedgerInterval;
use closewait::sandbox::{Host, Level, Plan, Sandbox};
use closewait::units::{HostPort, Monotonic, PortRange};

/// Connections of one round.
const CONNECTIONS: u32 = 120_000;
/// Client threads, each one connection after the other.
const THREADS: u32 = 8;
/// The rate that the ledger's share of a core is told for.
const RATE: f64 = 15_000.0;
/// No reading is further from the next, as in a run.
const BETWEEN: Duration = Duration::from_millis(20);

fn main() {
    match std::env::var("CLOSEWAIT_BENCH").as_deref() {
        Ok("server") => serve(),
        Ok("client") => connect(),
        Ok("ledger") => keep(),
        _ => compare(),
    }
}

fn server() -> SocketAddr {
    std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("the server's address")
}

/// Accepts and closes: the server's FIN comes first, as after a refused login.
fn serve() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, HostPort::DEFAULT_PORT)).expect("listen");
    println!("ready");
    // Ends with its standard input.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| listener.incoming().for_each(drop));
        }
    });
}

/// Connects, waits for the server's FIN, closes.
fn connect() {
    let server = server();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..CONNECTIONS / THREADS {
                    let mut stream = TcpStream::connect(server).expect("a port is free");
                    assert_eq!(stream.read(&mut [0]).expect("an orderly close"), 0);
                }
            });
        }
    });
}

/// The ledger as a run has it, until its standard input ends; prints CPU nanoseconds and what it noted.
fn keep() {
    let mut tap = Tap::towards(server()).expect("a packet socket");
    let mut ledger = FoldedLedger::new(server(), None);
    println!("ready");
    let waiter = std::thread::spawn(|| std::io::stdin().read(&mut [0]));
    let (begun, mut told, mut segments) = (cpu_time(), LedgerInterval::default(), 0);
    let mut next = Monotonic::now().after(Duration::from_secs(1));
    loop {
        let last = waiter.is_finished();
        segments += tap.read(&mut |segment| ledger.note(&segment));
        if last || next.remaining().is_zero() {
            let interval = ledger.take();
            // What a run does with it once a second.
            assert!(!serde_json::to_vec(&interval).expect("plain data").is_empty());
            told.then(&interval);
            next = Monotonic::now().after(Duration::from_secs(1));
        }
        if last {
            break;
        }
        std::thread::sleep(BETWEEN);
    }
    let cpu = (cpu_time() - begun).as_nanos();
    let lost = tap.lost().expect("the kernel counts");
    println!("{cpu} {segments} {} {} {} {lost}", told.opened, told.ended, told.closed_first.server_fin);
    let of = |quantile| told.close_wait_time.at(quantile).unwrap_or_default();
    eprintln!("   CLOSE_WAIT p50 {:.1?}, p99 {:.1?}, max {:.1?}", of(0.5), of(0.99), of(1.0));
}

fn part(host: &Host, role: &str, server: SocketAddr) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env("CLOSEWAIT_BENCH", role).arg(server.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    host.enter(&mut command);
    command.spawn().expect("start a process of the bench")
}

fn ready(child: &mut Child) {
    let mut said = [0; 6];
    child.stdout.as_mut().expect("it is piped").read_exact(&mut said).expect("it says that it is ready");
}

/// Ends a part by its standard input; the rest of what it said.
fn end(mut child: Child) -> String {
    drop(child.stdin.take());
    let mut said = String::new();
    child.stdout.take().expect("it is piped").read_to_string(&mut said).expect("text");
    let status = child.wait().expect("it ends");
    assert!(status.success() && status.signal().is_none(), "a part of the bench ended with {status}");
    said
}

/// CPU time of all children that have ended.
fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("procfs");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("a name in brackets").1.split(' ').collect();
    // proc_pid_stat(5): cutime and cstime are fields 16 and 17; the state is field 3. A tick is 10 ms on every Linux.
    let ticks: u64 = [fields[13], fields[14]].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// One round: rate, and CPU time of client and server a connection.
struct Round {
    rate: f64,
    peers: Duration,
}

fn round(with_ledger: bool) -> Round {
    let ports = PortRange::new(10_000, 60_999).expect("a range");
    let plan = Plan { level: Some(Level::TwoHosts), ports: Some(ports), ..Plan::default() };
    let sandbox = Sandbox::build(&plan).expect("namespaces are needed for this bench");
    let address = SocketAddr::from((sandbox.server().address(), HostPort::DEFAULT_PORT));
    let mut server = part(sandbox.server(), "server", address);
    ready(&mut server);
    let ledger = with_ledger.then(|| {
        let mut ledger = part(sandbox.client(), "ledger", address);
        ready(&mut ledger);
        ledger
    });
    let (before, start) = (children(), Monotonic::now());
    end(part(sandbox.client(), "client", address));
    let took = Monotonic::now().since(start);
    end(server);
    let peers = (children() - before) / CONNECTIONS;
    let rate = f64::from(CONNECTIONS) / took.as_secs_f64();
    if let Some(ledger) = ledger {
        // What the last connection sent has passed: the client has seen its end.
        told(&end(ledger), rate);
    }
    Round { rate, peers }
}

fn told(said: &str, rate: f64) {
    let numbers: Vec<u64> = said.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let [cpu, segments, opened, ended, server_fin, lost] = numbers[..] else { panic!("six numbers: {said}") };
    let (cpu_us, connections) = (cpu as f64 / 1e3, opened.max(1) as f64);
    println!(
        "   ledger: {:.3} us of CPU a connection, {:.3} us a segment; {:.1} % of a core at {RATE} /s, {:.1} % at {rate:.0} /s",
        cpu_us / connections,
        cpu_us / segments.max(1) as f64,
        cpu_us / connections * RATE / 1e4,
        cpu_us / connections * rate / 1e4,
    );
    println!(
        "   {opened} opened, {ended} ended, {server_fin} closed by the server first, {segments} segments, {lost} lost"
    );
    assert!(lost > 0 || (opened, ended) == (CONNECTIONS.into(), CONNECTIONS.into()), "a connection is nowhere");
}

fn compare() {
    for number in 1..=3 {
        let without = round(false);
        println!(
            "round {number}: without {:.0} /s, {:.2?} of client and server a connection",
            without.rate, without.peers
        );
        let with = round(true);
        println!(
            "round {number}: with    {:.0} /s, {:.2?} of client and server a connection: {:.3} times",
            with.rate,
            with.peers,
            with.peers.as_secs_f64() / without.peers.as_secs_f64()
        );
    }
}
