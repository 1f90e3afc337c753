//! `closewait serve` in a process of its own, and what the kernel says about that process.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::program;

/// A server in a process of its own, ended when this goes.
pub(crate) struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
    /// Its first line.
    pub(crate) ready: Value,
    pub(crate) dir: TempDir,
}

/// A server on a free port with these arguments more.
pub(crate) fn serve(arguments: &[&str]) -> Served {
    start(Command::new(program()), arguments)
}

/// The same with at most `limit` descriptors.
pub(crate) fn serve_below(limit: u32, arguments: &[&str]) -> Served {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\""), &program()]);
    start(command, arguments)
}

fn start(mut command: Command, arguments: &[&str]) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let mut child = command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env("PW", "right")
        .env_remove("RUST_LOG")
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(dir.path().join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let ready = line(&mut stdout);
    assert_eq!((ready["schema"].as_str(), ready["pid"].as_u64()), (Some("closewait.serve/1"), Some(child.id().into())));
    Served { child, stdout, address: ready["listening"].as_str().unwrap().to_owned(), ready, dir }
}

fn line(stdout: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// Waits until something holds, at most half a minute.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to this: {what}");
}

impl Served {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The line that it prints on SIGUSR1.
    pub(crate) fn line(&mut self) -> Value {
        self.signal(Signal::USR1);
        line(&mut self.stdout)
    }

    /// Its counts now.
    pub(crate) fn counts(&mut self) -> Value {
        self.line()["served"].clone()
    }

    /// Asks for lines by SIGUSR1 and reads none, until no further line fits into the pipe.
    pub(crate) fn fill_stdout(&mut self) {
        let length = u64::try_from(self.line().to_string().len()).unwrap();
        let pipe = u64::try_from(rustix::pipe::fcntl_getpipe_size(self.stdout.get_ref()).unwrap()).unwrap();
        // A line lies in one page of the pipe, so that less than a line is left free in each.
        let full = pipe - pipe / 4096 * (length + 1);
        until("the pipe of stdout is full", || {
            self.signal(Signal::USR1);
            rustix::io::ioctl_fionread(self.stdout.get_ref()).unwrap() >= full
        });
        self.signal(Signal::USR1);
    }

    /// Ends it by SIGTERM, and gives its last line.
    pub(crate) fn end(&mut self) -> (Value, PathBuf) {
        use std::os::unix::process::ExitStatusExt as _;

        self.signal(Signal::TERM);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(15), "the signal is raised again");
        let last = serde_json::from_str(&rest).unwrap_or_else(|error| panic!("{error}: {rest:?}"));
        (last, self.dir.path().to_owned())
    }

    /// Sends SIGTERM until it has ended, and reads nothing.
    pub(crate) fn end_unread(&mut self) {
        until("the server has ended", || {
            self.signal(Signal::TERM);
            self.child.try_wait().unwrap().is_some()
        });
    }

    /// Ends it by SIGTERM, and gives every line that was not read yet.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        self.signal(Signal::TERM);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// Its anonymous memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(self.proc("stat")).unwrap();
        // Fields 14 and 15, counted behind the name, which may hold spaces (proc(5)).
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // USER_HZ, which is 100 wherever this program runs.
        Duration::from_millis(ticks * 10)
    }

    /// A file that it writes.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already where `end` was called.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's stderr:\n{}", self.file("stderr"));
        }
    }
}
