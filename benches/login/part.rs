//! The processes of the bench: the server that is measured, the loop beside it, and the client that is the same for both.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The variable that makes a process of this program a part of the bench.
pub(crate) const ROLE: &str = "CLOSEWAIT_BENCH";

/// Threads of the loop and of the client.
pub(crate) const THREADS: usize = 16;

/// A server in a process of its own, ended when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// `closewait serve` with these arguments, as everybody runs it.
    pub(crate) fn ours(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_closewait"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        let (child, line) = start(command);
        let ready: serde_json::Value = serde_json::from_str(&line).expect("the server's first line is JSON");
        let address = ready["listening"].as_str().and_then(|text| text.parse().ok()).expect("where it listens");
        Self { child, address }
    }

    /// The blocking loop, which gives these answers.
    pub(crate) fn blocking_loop(answers: &[Vec<u8>; 2]) -> Self {
        let mut command = this_program("loop");
        command.args(answers.iter().map(|answer| hex(answer)));
        let (child, line) = start(command);
        Self { child, address: line.trim().parse().expect("where the loop listens") }
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> [Duration; 2] {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the server runs");
        // utime and stime are the 12th and 13th field behind the name, in hundredths of a second (proc_pid_stat(5)).
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        [fields[11], fields[12]].map(|ticks| Duration::from_millis(ticks.parse::<u64>().expect("a number") * 10))
    }

    /// The anonymous memory that it has touched, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server runs");
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It fails only when the server has gone already.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Another process of this program.
pub(crate) fn this_program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(ROLE, role);
    command
}

/// Starts a server and waits for its first line.
fn start(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("start a server");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output is a pipe");
    BufReader::new(output).read_line(&mut line).expect("the server says where it listens");
    (child, line)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}

/// The least that a server can do: it looks at nothing.
pub(crate) fn blocking_loop() {
    let [first, second] = [1, 2].map(|at| unhex(&std::env::args().nth(at).expect("an answer in hex")));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
    println!("{}", listener.local_addr().expect("an address"));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for stream in listener.incoming() {
                    // A client that has gone is no reason to stop.
                    let _ = stream.and_then(|stream| refuse(stream, &first, &second));
                }
            });
        }
    });
}

fn refuse(mut stream: TcpStream, first: &[u8], second: &[u8]) -> std::io::Result<()> {
    let mut room = [0; 4096];
    for answer in [first, second] {
        if stream.read(&mut room)? == 0 {
            return Ok(());
        }
        stream.write_all(answer)?;
    }
    stream.shutdown(Shutdown::Write)
}
