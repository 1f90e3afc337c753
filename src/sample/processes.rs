//! The processes of a command, look by look: which live, what they hold, and how long they could run.
//!
//! A process once found stays known, by its open directory below `/proc`, until it is a zombie or gone: a daemon leaves
//! its parent and stays the command's. Nothing is asked twice that cannot have changed. The choice not taken: a cgroup,
//! which would hold every descendant without a search, but is given only to who may write one.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::CWD;
use rustix::io::Errno;

use super::holdings::{Descriptor, descriptors};
use super::kin::{Scan, children, children_are_told};
use super::proc_dir::{Program, Stat, contents, hold, list, number, numbers};

/// The longest command line that is told, in characters.
const MOST_CHARACTERS: usize = 200;

/// The living processes of a tree, look by look.
#[derive(Default)]
pub struct Processes {
    /// Whose tree it is; none before it was first found.
    root: Option<u32>,
    known: Vec<Process>,
    /// Whether the kernel lists children; decided by the first look.
    children_are_told: Option<bool>,
    scan: Scan,
}

/// A living process as one look found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessLook {
    /// Its number in the PID namespace of the caller's `/proc`.
    pub pid: u32,
    /// When it was started, in ticks since boot: tells a number that was given anew.
    pub started: u64,
    /// The command line, words joined by spaces, at most 200 characters; `[comm]` where there is none. A control
    /// character counts as a space.
    pub command: String,
    /// What it holds, by ascending number; empty when the caller may not look into it.
    pub descriptors: Vec<Descriptor>,
    /// Whether it was on its way out when its descriptors had been read: then they may have been closed by that.
    pub exiting: bool,
    /// Its threads' times. Empty on a kernel without `schedstat`.
    pub threads: Vec<ThreadTime>,
}

/// What a thread did with its time since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadTime {
    /// Its number in the PID namespace of the caller's `/proc`.
    pub thread: u32,
    /// How long it ran.
    pub ran: Duration,
    /// How long it waited for a processor; a wait counts from its end on.
    pub waited: Duration,
}

impl Processes {
    /// Every living process that is `root` or descends from it, with its descriptors; `root` itself only `with_root`.
    ///
    /// Numbers are those of the caller's `/proc`. A descendant that lost its parent before any look saw it is found
    /// only where `root` adopts orphans, as the first process of a PID namespace does. Another `root` than before
    /// begins anew. What cannot be read is left out.
    pub fn look(&mut self, root: u32, with_root: bool) -> Vec<ProcessLook> {
        if self.root != Some(root) {
            self.known.clear();
            self.scan = Scan::default();
            // Once found it is not opened again: its number may become another's.
            self.root = self.meet(root).then_some(root);
        } else {
            // Before the search, which must not take a dead one's number for a process that it knows.
            self.known.retain_mut(Process::lives);
        }
        self.discover();
        let mut looks = Vec::with_capacity(self.known.len());
        for process in &mut self.known {
            if with_root || process.pid != root {
                looks.extend(process.look());
            }
        }
        looks
    }

    fn discover(&mut self) {
        if self.known.is_empty() {
            return;
        }
        if *self.children_are_told.get_or_insert_with(children_are_told) {
            let mut at = 0;
            // It grows as it is walked.
            while let Some(process) = self.known.get(at) {
                for pid in children(process.directory.as_fd()) {
                    self.meet(pid);
                }
                at += 1;
            }
        } else {
            let family: BTreeSet<u32> = self.known.iter().map(|process| process.pid).collect();
            for pid in self.scan.newcomers(family) {
                self.meet(pid);
            }
        }
    }

    /// Adds a process unless it is known, is not there, or is a zombie; tells whether it is known now.
    fn meet(&mut self, pid: u32) -> bool {
        if self.known.iter().any(|process| process.pid == pid) {
            return true;
        }
        let process = Process::open(pid);
        let met = process.is_some();
        self.known.extend(process);
        met
    }
}

/// A process that was found.
struct Process {
    pid: u32,
    /// Below `/proc`: held open, it never becomes another process of the same number.
    directory: OwnedFd,
    stat: Stat,
    /// The command line, and the program whose it is; none before it was read, or while there is none.
    command: Option<(Program, String)>,
}

impl Process {
    fn open(pid: u32) -> Option<Self> {
        let directory = hold(CWD, format!("/proc/{pid}")).ok()?;
        let stat = Stat::read(&directory, "stat").ok().filter(|stat| stat.living)?;
        Some(Self { pid, directory, stat, command: None })
    }

    /// Looks again; only a process that is a zombie or gone does not live, whatever else may fail.
    fn lives(&mut self) -> bool {
        match Stat::read(&self.directory, "stat") {
            Ok(stat) => self.stat = stat,
            Err(Errno::NOENT | Errno::SRCH) => return false,
            Err(errno) => tracing::debug!(pid = self.pid, %errno, "a process does not tell its state"),
        }
        self.stat.living
    }

    /// None when it died since it was found to live.
    fn look(&mut self) -> Option<ProcessLook> {
        let descriptors =
            if self.stat.headless { self.left_to_threads() } else { descriptors(&self.directory).ok()? };
        let exiting = Stat::read(&self.directory, "stat").map_or(true, |stat| stat.exiting || !stat.living);
        let (command, threads) = (self.command(), self.threads());
        Some(ProcessLook { pid: self.pid, started: self.stat.started, command, descriptors, exiting, threads })
    }

    /// What the threads of a process hold whose first one has ended; they share one table.
    fn left_to_threads(&self) -> Vec<Descriptor> {
        let Ok(tasks) = list(&self.directory, "task") else { return Vec::new() };
        let tables = numbers(&tasks).into_iter().filter_map(|thread| hold(&tasks, thread.to_string()).ok());
        tables.filter_map(|thread| descriptors(thread).ok()).find(|table| !table.is_empty()).unwrap_or_default()
    }

    fn command(&mut self) -> String {
        if let Some((program, command)) = &self.command
            && *program == self.stat.program
        {
            return command.clone();
        }
        // The longest that is told, were every character one of four bytes.
        let mut buffer = [0; 4 * MOST_CHARACTERS];
        let words = contents(&self.directory, "cmdline", &mut buffer).unwrap_or_default();
        if let Some(command) = command_line(words) {
            self.command = Some((self.stat.program.clone(), command));
        }
        // One that is about to exit has no words any more, and is known by those that it had.
        match &self.command {
            Some((_, command)) => command.clone(),
            None => format!("[{}]", printable(&self.stat.program.comm)),
        }
    }

    fn threads(&self) -> Vec<ThreadTime> {
        let Ok(tasks) = list(&self.directory, "task") else { return Vec::new() };
        let mut found = Vec::new();
        let mut buffer = [0; 128];
        for thread in numbers(&tasks) {
            match contents(&tasks, format!("{thread}/schedstat"), &mut buffer) {
                Ok(text) => {
                    found.extend(schedstat(text).map(|(ran, waited)| ThreadTime { thread, ran, waited }));
                }
                // This thread has ended, or this kernel has no such file: then the next one fails as cheaply.
                Err(_) => continue,
            }
        }
        found
    }
}

/// Whether the process of this number lives, and is the one that was started then, as a [`ProcessLook`] tells it.
#[must_use]
pub fn lives(pid: u32, started: u64) -> bool {
    Stat::read(CWD, format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.living && stat.started == started)
}

/// Words that zeros end as one line; none when there is no word.
pub(super) fn command_line(words: &[u8]) -> Option<String> {
    let end = words.iter().rposition(|byte| *byte != 0)? + 1;
    Some(printable(&words[..end]))
}

/// Text of one line, whatever the bytes.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().take(MOST_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The first two fields: nanoseconds on a processor, and nanoseconds waiting for one.
fn schedstat(text: &[u8]) -> Option<(Duration, Duration)> {
    let mut fields = text.split(u8::is_ascii_whitespace).map(number::<u64>);
    Some((Duration::from_nanos(fields.next()??), Duration::from_nanos(fields.next()??)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Child, Command, Stdio};
    use std::thread::sleep;

    use rustix::process::{Pid, Signal, kill_process};

    use super::super::DescriptorKind;
    use super::*;
    use crate::testbed::spawn;

    /// A shell that a test leads by its standard input.
    struct Shell(Child);

    impl Shell {
        fn start(script: &str) -> Self {
            let mut command = Command::new("sh");
            Self(spawn(command.arg("-c").arg(script).stdin(Stdio::piped()).stdout(Stdio::null())))
        }

        fn go_on(&mut self) {
            self.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        }
    }

    impl Drop for Shell {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn kill(pid: u32) {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }

    /// Looks until it sees what it waits for.
    fn until(processes: &mut Processes, root: u32, seen: impl Fn(&[ProcessLook]) -> bool) -> Vec<ProcessLook> {
        let mut looks = Vec::new();
        for _ in 0..2000 {
            looks = processes.look(root, true);
            if seen(&looks) {
                return looks;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("not seen within ten seconds: {looks:#?}");
    }

    fn commands(looks: &[ProcessLook]) -> Vec<&str> {
        let mut commands: Vec<&str> = looks.iter().map(|look| look.command.as_str()).collect();
        commands.sort_unstable();
        commands
    }

    fn pid_of(looks: &[ProcessLook], command: &str) -> u32 {
        looks.iter().find(|look| look.command == command).unwrap().pid
    }

    /// As this kernel has it, and by the scan that every kernel allows.
    fn both_ways() -> [Processes; 2] {
        [Processes::default(), Processes { children_are_told: Some(false), ..Processes::default() }]
    }

    #[test]
    fn a_tree_is_seen_and_its_dead_are_not() {
        for mut processes in both_ways() {
            let shell = Shell::start("sleep 41 & sh -c 'sleep 42 & read x'; read x");
            let root = shell.0.id();
            let all = ["sh -c sleep 41 & sh -c 'sleep 42 & read x'; read x", "sh -c sleep 42 & read x"];
            let all = [all[0], all[1], "sleep 41", "sleep 42"];
            let looks = until(&mut processes, root, |looks| commands(looks) == all);
            assert!(looks.iter().all(|look| look.started > 0 && look.descriptors.len() >= 3), "{looks:#?}");
            let pipe = Descriptor { number: 0, kind: DescriptorKind::Other("pipe".to_owned()) };
            assert_eq!(looks.iter().find(|look| look.pid == root).unwrap().descriptors[0], pipe);
            if std::fs::exists("/proc/self/schedstat").unwrap() {
                assert!(looks.iter().all(|look| look.threads[0].thread == look.pid), "{looks:#?}");
            }
            assert_eq!(commands(&processes.look(root, false)), all[1..], "without its root");

            let (one, two) = (pid_of(&looks, "sleep 41"), pid_of(&looks, "sleep 42"));
            kill(two);
            until(&mut processes, root, |looks| commands(looks) == all[..3]);
            // The shell is busy and does not reap it: a zombie is as dead.
            kill(one);
            until(&mut processes, root, |looks| commands(looks) == all[..2]);
        }
    }

    #[test]
    fn a_zombie_does_not_live() {
        let shell = Shell::start("read x");
        let root = shell.0.id();
        let mut processes = Processes::default();
        assert_eq!(processes.look(root, true).len(), 1);
        kill(root);
        until(&mut processes, root, <[ProcessLook]>::is_empty);
        let stat = Stat::read(CWD, format!("/proc/{root}/stat")).unwrap();
        assert!(!stat.living, "nobody has reaped it");
        assert_eq!(Processes::default().look(root, true), []);
    }

    #[test]
    fn a_daemon_stays_known_when_it_has_another_parent() {
        for mut processes in both_ways() {
            let mut shell = Shell::start("setsid sh -c 'sleep 43 & read x'; read x; read x");
            let root = shell.0.id();
            let looks = until(&mut processes, root, |looks| looks.iter().any(|look| look.command == "sleep 43"));
            let daemon = pid_of(&looks, "sleep 43");
            assert_eq!(looks.len(), 3);
            shell.go_on();
            let looks = until(&mut processes, root, |looks| looks.len() == 2);
            assert_eq!(pid_of(&looks, "sleep 43"), daemon);
            let parent = Stat::read(CWD, format!("/proc/{daemon}/stat")).unwrap().parent;
            assert!(looks.iter().all(|look| look.pid != parent), "it has left the tree");
            drop(shell);
            assert_eq!(commands(&processes.look(root, true)), ["sleep 43"], "it outlives the root");
            kill(daemon);
            until(&mut processes, root, <[ProcessLook]>::is_empty);
        }
    }

    #[test]
    fn a_process_that_becomes_another_program_is_told_anew() {
        let mut shell = Shell::start("read x; exec sh -c 'read y'");
        let root = shell.0.id();
        let mut processes = Processes::default();
        until(&mut processes, root, |looks| commands(looks) == ["sh -c read x; exec sh -c 'read y'"]);
        shell.go_on();
        until(&mut processes, root, |looks| commands(looks) == ["sh -c read y"]);
    }

    #[test]
    fn another_root_begins_anew() {
        let (one, two) = (Shell::start("read x"), Shell::start("read x"));
        let mut processes = Processes::default();
        for root in [one.0.id(), two.0.id()] {
            let pids: Vec<u32> = processes.look(root, true).iter().map(|look| look.pid).collect();
            assert_eq!(pids, [root]);
        }
        assert_eq!(processes.look(u32::MAX, true), []);
    }

    #[test]
    fn odd_bytes_make_a_line() {
        assert_eq!(command_line(b"a\0b c\0\xff\n\0\0").unwrap(), "a b c \u{fffd} ");
        assert_eq!(command_line(&[0xf0; 900]).unwrap().chars().count(), 200);
        assert_eq!((command_line(b""), command_line(b"\0\0")), (None, None));
        assert_eq!(schedstat(b"5 7 1\n"), Some((Duration::from_nanos(5), Duration::from_nanos(7))));
        assert_eq!((schedstat(b"5"), schedstat(b"\xff 1"), schedstat(b"")), (None, None, None));
    }
}
