//! What watching 100,000 sockets costs: CPU at the default rate, from a key to the screen, and one look beside `ss -tan`.
//! Six processes hold the sockets in a sandbox, `closewait watch` runs there on a terminal of its own. Prints times and
//! ratios, and asserts nothing.
//!
//! `cargo bench --bench watch`

mod pty;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use closewait::sandbox::{Level, Plan, Sandbox};
use closewait::units::{Monotonic, PortRange};

use crate::pty::Screen;

/// As many as 20,000 descriptors a process allow, two sockets a connection.
const HOLDERS: u8 = 6;
const CONNECTIONS: usize = 8_334;
/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(40);
const KEYS: usize = 40;

fn main() {
    match std::env::var("CLOSEWAIT_BENCH").as_deref() {
        Ok("hold") => hold(),
        _ => measure(),
    }
}

/// Holds both ends of many connections, a third ESTABLISHED, the rest CLOSE_WAIT with FIN_WAIT_2, until stdin ends.
fn hold() {
    closewait::host::raise_descriptor_limit();
    let ip: u8 = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("which one it is");
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 10 + ip), 1433)).expect("listen");
    let address: SocketAddr = listener.local_addr().expect("an address");
    let mut held = Vec::new();
    for nth in 0..CONNECTIONS {
        let client = TcpStream::connect(address).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        if !nth.is_multiple_of(3) {
            server.shutdown(Shutdown::Write).expect("shut down");
        }
        held.extend([client, server]);
    }
    println!("{}", held.len());
    std::io::stdin().read_to_end(&mut Vec::new()).expect("stdin");
}

fn holder(sandbox: &Sandbox, nth: u8) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env("CLOSEWAIT_BENCH", "hold").arg(nth.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    sandbox.client().enter(&mut command);
    command.spawn().expect("start a holder")
}

/// CPU time (user and system) of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    // The kernel counts in hundredths of a second (USER_HZ).
    let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    Duration::from_millis(10 * ticks)
}

/// CPU time of a command, the best of three.
fn cost(sandbox: &Sandbox, program: &str, arguments: &[&str]) -> Duration {
    let once = || {
        let before = of_children();
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null());
        sandbox.client().enter(&mut command);
        command.status().expect("it runs");
        of_children() - before
    };
    (0..3).map(|_| once()).min().expect("three")
}

/// CPU time of the children that have ended.
fn of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this process");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks: u64 = fields[13].parse::<u64>().expect("cutime") + fields[14].parse::<u64>().expect("cstime");
    Duration::from_millis(10 * ticks)
}

fn measure() {
    let plan = Plan { level: Some(Level::OneHost), ports: Some(PortRange::LINUX_DEFAULT), ..Plan::default() };
    let sandbox = Sandbox::build(&plan).expect("namespaces are needed for this bench");
    let mut holders: Vec<Child> = (0..HOLDERS).map(|nth| holder(&sandbox, nth)).collect();
    let mut sockets = 0;
    for holder in &mut holders {
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("it holds");
        sockets += line.trim().parse::<usize>().expect("a count");
    }
    println!("{sockets} sockets in {HOLDERS} processes");
    let program = env!("CARGO_BIN_EXE_closewait");
    let (ss, ours) = (cost(&sandbox, "ss", &["-tan"]), cost(&sandbox, program, &["watch", "--once"]));
    let whole = cost(&sandbox, "ss", &["-tanp"]);
    println!("CPU of one look with its processes: {ours:.2?}; ss -tan {ss:.2?}, ss -tanp {whole:.2?}");
    println!("ratio to ss -tan {:.2}, to ss -tanp {:.3}", ratio(ours, ss), ratio(ours, whole));

    let mut command = Command::new(program);
    command.arg("watch");
    sandbox.client().enter(&mut command);
    let mut screen = Screen::start(command, 160, 50);
    screen.wait_for("a look takes");
    std::thread::sleep(Duration::from_secs(10));
    let (before, began) = (cpu(screen.pid()), Monotonic::now());
    std::thread::sleep(WATCHED);
    let (spent, lasted) = (cpu(screen.pid()) - before, Monotonic::now().since(began));
    println!("watch at its default rate: {:.2} % of a core over {lasted:.0?}", 100.0 * ratio(spent, lasted));
    let mut delays: Vec<Duration> = (0..KEYS).map(|nth| screen.delay(nth)).collect();
    delays.sort_unstable();
    println!("from a key to the screen: p50 {:.1?}, max {:.1?}", delays[KEYS / 2], delays[KEYS - 1]);
    let mut sorts: Vec<Duration> = (0..6).map(|_| screen.delay_of("s", "▼")).collect();
    sorts.sort_unstable();
    println!("from a key that sorts all of them: p50 {:.1?}, max {:.1?}", sorts[3], sorts[5]);
    drop(screen);
    for holder in &mut holders {
        drop(holder.stdin.take());
        holder.wait().expect("it ends with its stdin");
    }
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64().max(1e-9)
}
