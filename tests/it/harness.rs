//! A small DSL that runs the real program and looks at what it leaves.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicU16, Ordering};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// The program, in a directory of its own that goes with it.
pub(crate) struct Closewait {
    pub(crate) dir: TempDir,
    command: Command,
}

/// What the program left.
pub(crate) struct Done {
    pub(crate) dir: TempDir,
    output: Output,
}

/// The program under test: cargo's, or the copy that `CLOSEWAIT_BIN` names for a user who may not read cargo's.
pub(crate) fn program() -> String {
    std::env::var("CLOSEWAIT_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_closewait").to_owned())
}

/// A port of loopback that nobody has, below the ephemeral ports: no client gets it next, or had it a moment ago and left a
/// TIME_WAIT that leads there.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(21_433);
    let mut ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed)).take(10_000);
    ports.find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok()).expect("a free port")
}

/// The program with these arguments.
pub(crate) fn closewait(arguments: &[&str]) -> Closewait {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(program());
    command.current_dir(dir.path()).args(arguments).env_remove("GITHUB_STEP_SUMMARY").env_remove("RUST_LOG");
    Closewait { dir, command }
}

impl Closewait {
    /// Puts a file into the program's directory.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.dir.path().join(name), text).expect("write a file of the test");
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end, within two minutes.
    pub(crate) fn done(mut self) -> Done {
        let output = self.command.timeout(std::time::Duration::from_secs(120)).output().expect("the program starts");
        Done { dir: self.dir, output }
    }
}

impl Done {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Asserts the exit code, and shows everything where it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout(), self.stderr());
        self
    }

    /// Asserts that stderr says all of these.
    #[track_caller]
    pub(crate) fn complains(self, texts: &[&str]) -> Self {
        let stderr = self.stderr();
        for text in texts {
            assert!(stderr.contains(text), "stderr does not say {text:?}:\n{stderr}");
        }
        self
    }

    /// Stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout())
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout(), self.stderr()))
    }

    /// The one result directory below the program's own.
    pub(crate) fn results(&self) -> PathBuf {
        let mut kept = std::fs::read_dir(self.dir.path().join("closewait-results")).expect("results are kept");
        kept.next().expect("one result").expect("it can be read").path()
    }
}

/// Says that a test was skipped and why, so that a skip is never silent.
pub(crate) fn skipped(test: &str, reason: &str) {
    use std::io::Write as _;

    // Written and not printed: what a passing test prints is thrown away.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// Says what a test measured, where a passing test's output is not thrown away.
pub(crate) fn measured(test: &str, what: &str) {
    use std::io::Write as _;

    let _ = writeln!(std::io::stderr(), "measured: {test}: {what}");
}
