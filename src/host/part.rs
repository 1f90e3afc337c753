//! A part of this program, from the conductor's side.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::setsid;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sandbox::Host;

use super::inside::ARGUMENT;
use super::{End, Error, Process, Receiver, Sender, channel, handover};

/// A part of this program, running inside a host. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Part {
    sender: Sender,
    receiver: Receiver,
    process: Process,
}

impl Part {
    /// Starts this program once more, inside `host`, as the part `name` with `role`; `extra` descriptors arrive in
    /// order at [`super::Inside::take_fds`]. Its standard error is ours, its standard output joins it, and its
    /// environment is ours.
    ///
    /// The part dies with the *thread* that calls this, so call it on the main thread, inside a current-thread runtime.
    ///
    /// # Errors
    /// When the process cannot be started inside the host, or ends before it has taken its role over.
    pub fn start<R: Serialize + ?Sized>(
        host: &Host,
        name: &str,
        role: &R,
        extra: &[BorrowedFd<'_>],
    ) -> Result<Self, Error> {
        // Not `current_exe`: this also names a program whose file was replaced or removed meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("closewait").args([ARGUMENT, name]);
        Self::start_command(host, command, name, role, extra)
    }

    /// Starts any command as a part.
    pub(super) fn start_command<R: Serialize + ?Sized>(
        host: &Host,
        mut command: Command,
        name: &str,
        role: &R,
        extra: &[BorrowedFd<'_>],
    ) -> Result<Self, Error> {
        let failed = |source| Error::Start { name: name.to_owned(), source };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::from(io::stderr()));
        leave_the_session(&mut command);
        host.enter(&mut command);
        // The command is dropped there, and with it our copy of the part's end, which would hide the part's death.
        let process = Process::start(name, command).map_err(failed)?;
        handover::give(&ours, role, extra)?;
        let (sender, receiver) = channel::open(ours)?;
        Ok(Self { sender, receiver, process })
    }

    /// The part's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// The part's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends it one message; see [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send<M: Serialize + ?Sized>(&mut self, message: &M) -> Result<(), Error> {
        self.sender.send(message).await
    }

    /// Its next message, `None` when it has closed its end; cancel-safe, see [`Receiver::recv`].
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    pub async fn recv<M: DeserializeOwned>(&mut self) -> Result<Option<M>, Error> {
        self.receiver.recv().await
    }

    /// Kills it, unless it has ended.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits for its end; cancel-safe, see [`Process::wait`].
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub async fn wait(&mut self) -> io::Result<End> {
        self.process.wait().await
    }

    /// The two directions of the channel and the process, so that several parts can be heard at once.
    #[must_use]
    pub fn split(self) -> (Sender, Receiver, Process) {
        (self.sender, self.receiver, self.process)
    }
}

/// Makes `command` leave the conductor's session before it is anything else, so that a Ctrl-C in the terminal, or a signal
/// that `timeout` sends to the whole group, reaches the conductor only, which then decides when the part ends. (Neither
/// does Ctrl-Z stop it: it runs on until the channel is full.) Behind the exec it would be too late: what a program needs
/// to start is time enough for a signal.
#[expect(unsafe_code, reason = "setsid belongs between fork and exec")]
fn leave_the_session(command: &mut Command) {
    // SAFETY: the closure makes one system call; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
}

/// Parts that really run: this test binary once more, with [`tests::acts_as_a_part`] as its only test.
#[cfg(test)]
mod tests {
    use std::env;
    use std::os::fd::AsFd;

    use rustix::process::{Signal, getpid, getsid};
    use serde::Deserialize;

    use super::super::{BlockingChannel, Crew, Heard, Inside, Polled, cpu_time};
    use super::*;
    use crate::sandbox::{Level, Plan, Sandbox};
    use crate::units::{Monotonic, PortRange};

    const MARK: &str = "CLOSEWAIT_TEST_PART";

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Role {
        Echo { greeting: String },
        Loop,
        Linger,
        StartLinger,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Facts {
        greeting: String,
        pid: u32,
        session_of_its_own: bool,
        ports: String,
        inodes: Vec<u64>,
        standard_input: String,
        used_cpu: bool,
    }

    fn start(host: &Host, role: &Role, extra: &[BorrowedFd<'_>]) -> Part {
        let mut command = Command::new("/proc/self/exe");
        command.args(["--exact", "host::part::tests::acts_as_a_part", "--nocapture"]).env(MARK, "1");
        Part::start_command(host, command, "echo", role, extra).unwrap()
    }

    fn no_sandbox() -> Sandbox {
        Sandbox::build(&Plan { level: Some(Level::None), ..Plan::default() }).unwrap()
    }

    fn inode(fd: impl AsFd) -> u64 {
        rustix::fs::fstat(fd).unwrap().st_ino
    }

    fn facts(greeting: String, descriptors: &[OwnedFd]) -> Facts {
        Facts {
            greeting,
            pid: std::process::id(),
            session_of_its_own: getsid(None).unwrap() == getpid(),
            ports: std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap(),
            inodes: descriptors.iter().map(inode).collect(),
            standard_input: std::fs::read_link("/proc/self/fd/0").unwrap().to_string_lossy().into_owned(),
            used_cpu: !cpu_time().is_zero(),
        }
    }

    async fn echo(mut to: Sender, mut from: Receiver, greeting: String, descriptors: Vec<OwnedFd>) {
        to.send(&facts(greeting, &descriptors)).await.unwrap();
        while let Some(text) = from.recv::<String>().await.unwrap() {
            to.send(&text).await.unwrap();
        }
    }

    fn count(mut channel: BlockingChannel) {
        for number in 0_u64.. {
            match channel.try_recv::<String>().unwrap() {
                Polled::Message(text) => channel.send(&(text, number)).unwrap(),
                Polled::Nothing => continue,
                Polled::Closed => return,
            }
        }
    }

    /// Not a test by itself: what the started parts do.
    #[test]
    fn acts_as_a_part() {
        if env::var_os(MARK).is_none() {
            return;
        }
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut inside = Inside::from_stdin("echo".to_owned()).unwrap();
        let descriptors = inside.take_fds();
        match inside.role().unwrap() {
            Role::Echo { greeting } => runtime().block_on(async {
                let (to, from) = inside.channel().unwrap();
                echo(to, from, greeting, descriptors).await;
            }),
            Role::Loop => count(inside.blocking_channel().unwrap()),
            Role::Linger => std::thread::sleep(std::time::Duration::from_secs(1000)),
            Role::StartLinger => runtime().block_on(async {
                let part = start(no_sandbox().client(), &Role::Linger, &[]);
                inside.channel().unwrap().0.send(&part.pid()).await.unwrap();
                std::future::pending::<()>().await;
            }),
        }
    }

    #[tokio::test]
    async fn a_part_lives_in_its_host_with_its_role_and_descriptors() {
        let ports = PortRange::new(40000, 40009).unwrap();
        let plan = Plan { level: Some(Level::TwoHosts), ports: Some(ports), ..Plan::default() };
        let Ok(sandbox) = Sandbox::build(&plan) else {
            return crate::skipped("a_part_lives_in_its_host_with_its_role_and_descriptors", "no namespaces");
        };
        let (a, b) = UnixStream::pair().unwrap();
        let role = Role::Echo { greeting: "hello".repeat(100_000) };
        let mut part = start(sandbox.client(), &role, &[a.as_fd(), b.as_fd()]);
        let facts: Facts = part.recv().await.unwrap().unwrap();
        assert_eq!((role, facts.pid), (Role::Echo { greeting: facts.greeting }, part.pid()));
        assert_eq!(facts.ports, "40000\t40009\n");
        assert_eq!(facts.inodes, [inode(&a), inode(&b)]);
        assert_eq!(facts.standard_input, "/dev/null");
        assert!(facts.session_of_its_own && facts.used_cpu);
        part.send("twice").await.unwrap();
        assert_eq!(part.recv::<String>().await.unwrap().as_deref(), Some("twice"));
        assert_eq!(part.name(), "echo");
        let (to, mut from, mut process) = part.split();
        drop(to);
        assert_eq!(from.recv::<String>().await.unwrap(), None, "it ends itself when we close");
        assert!(process.wait().await.unwrap().is_success());
    }

    #[tokio::test]
    async fn a_part_without_a_runtime_speaks_the_same_channel() {
        let sandbox = no_sandbox();
        let mut part = start(sandbox.client(), &Role::Loop, &[]);
        for text in ["a", "b"] {
            part.send(text).await.unwrap();
            assert_eq!(part.recv::<(String, u64)>().await.unwrap().unwrap().0, text);
        }
        let (to, _from, mut process) = part.split();
        drop(to);
        assert!(process.wait().await.unwrap().is_success());
    }

    #[tokio::test]
    async fn a_crew_is_heard_as_one_and_each_end_is_told() {
        let sandbox = no_sandbox();
        let heard = async {
            let mut crew = Crew::new();
            for who in ["lingers", "speaks"] {
                let role = if who == "speaks" { Role::Loop } else { Role::Linger };
                crew.add(who, start(sandbox.client(), &role, &[]));
            }
            crew.tell("nobody", "a word").await.unwrap();
            for number in 0..200 {
                crew.tell("speaks", &number.to_string()).await.unwrap();
                let (who, word) = crew.hear().await;
                let Heard::<(String, u64)>::Word((text, _)) = word else { panic!("{word:?}") };
                assert_eq!((who, text), ("speaks", number.to_string()));
            }
            let (name, pid, _) = crew.about("lingers").unwrap();
            assert_eq!((name, crew.about("nobody")), ("echo", None));
            rustix::process::kill_process(rustix::process::Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL)
                .unwrap();
            // Asked with no time to hear it, it is not lost.
            let mut gone = None;
            while gone.is_none() {
                gone = tokio::time::timeout(std::time::Duration::ZERO, crew.hear()).await.ok();
            }
            let (who, Heard::Gone(end)) = gone.unwrap() else { panic!("it was killed") };
            assert_eq!((who, end.starts_with("was killed by signal 9")), ("lingers", true), "{end}");
            crew.about("speaks").unwrap().1
        };
        let speaks = tokio::task::LocalSet::new().run_until(heard).await;
        assert!(!is_alive(speaks), "dropped with its crew");
    }

    #[tokio::test]
    async fn a_killed_part_is_an_end_of_the_channel_with_a_reason() {
        let sandbox = no_sandbox();
        let mut part = start(sandbox.client(), &Role::Linger, &[]);
        part.kill();
        assert_eq!(part.recv::<String>().await.unwrap(), None);
        assert!(part.wait().await.unwrap().to_string().starts_with("was killed by signal 9"));
    }

    fn is_alive(pid: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie is dead: whoever inherited it has only not looked yet.
        !stat.is_empty() && !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    }

    #[tokio::test]
    async fn a_part_dies_with_a_conductor_that_was_killed() {
        let sandbox = no_sandbox();
        let mut conductor = start(sandbox.client(), &Role::StartLinger, &[]);
        let part: u32 = conductor.recv().await.unwrap().unwrap();
        assert!(is_alive(part));
        conductor.kill();
        conductor.wait().await.unwrap();
        let deadline = Monotonic::now().after(std::time::Duration::from_secs(20));
        while is_alive(part) {
            assert!(Monotonic::now() < deadline, "the part outlives its conductor");
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let sandbox = no_sandbox();
        let error = Part::start_command(sandbox.client(), Command::new("/no/such"), "loads", &(), &[]).unwrap_err();
        assert_eq!(error.to_string(), "start the part `loads`");
    }
}
