//! Enclosures on the real kernel. A user namespace and the clone that becomes init need a process with a single thread,
//! so each test does its work in a fork of its own, [`alone`].

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitOptions};

use super::command::{id_maps, unshare, write_file};
use super::*;

mod births;

/// One at a time: a fork holds copies of the pipes of all others, and so keeps them from ending.
static ALONE: Mutex<()> = Mutex::new(());

const SKIP: &str = "skip: ";

/// Starts `work` in a fork of this thread.
#[expect(unsafe_code, reason = "the standard library has no fork")]
fn fork(work: impl FnOnce() -> String) -> (Pid, File) {
    let (from, to) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    // SAFETY: libc's fork leaves its allocator usable in the child, which does no more than `work` and leaves.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            format!(
                "panic: {}",
                text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
            )
        });
        let _ = File::from(to).write_all(text.as_bytes());
        // SAFETY: always sound; it ends the process.
        unsafe { libc::_exit(0) };
    }
    (Pid::from_raw(pid).unwrap(), File::from(from))
}

/// What `work` says in a process of its own; `None` when the machine forbids it.
fn alone(test: &str, work: impl FnOnce() -> String) -> Option<String> {
    let _one = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (pid, mut from) = fork(work);
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    rustix::process::waitpid(Some(pid), WaitOptions::empty()).unwrap();
    assert!(!text.starts_with("panic: "), "{text}");
    match text.strip_prefix(SKIP) {
        Some(reason) => {
            crate::skipped(test, reason);
            None
        }
        None => Some(text),
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn enclosure() -> Enclosure {
    Enclosure { namespaces: true, user_namespace: !is_root(), hosts: None, offline: false }
}

fn weak() -> Enclosure {
    Enclosure { namespaces: false, user_namespace: false, hosts: None, offline: false }
}

fn with_hosts() -> Enclosure {
    let hosts = vec![("198.18.0.2".parse().unwrap(), "db.closewait.test".to_owned())];
    Enclosure { hosts: Some(hosts), offline: true, ..enclosure() }
}

fn shell(script: &str) -> Errand {
    Errand {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap()), ("OURS".into(), "as it was".into())],
        directory: "/usr".into(),
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        max_processes: 200,
    }
}

fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

/// Starts it with its output in a pipe, or says why this machine does not let it.
fn start(enclosure: &Enclosure, errand: &Errand) -> Result<(Enclosed, File), String> {
    let (from, to) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    match enclose(enclosure, errand, [null(), to, null()]) {
        Ok(enclosed) => Ok((enclosed, from.into())),
        Err(error @ EnclosureError::Step { .. }) => Err(format!("{SKIP}{error}: {:?}", error.hint())),
        Err(error) => panic!("{error:?}"),
    }
}

fn wait(enclosed: &mut Enclosed) -> CommandEnd {
    let fd = enclosed.ended_fd();
    let limit = Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(rustix::event::poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&limit)), Ok(1), "it goes on");
    let end = enclosed.ended().expect("it is readable once the command has ended");
    assert_eq!(enclosed.ended(), Some(end));
    end
}

/// What a script prints, with its exit code before it.
fn run(enclosure: &Enclosure, errand: &Errand) -> String {
    let (mut enclosed, mut output) = match start(enclosure, errand) {
        Ok(started) => started,
        Err(skip) => return skip,
    };
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    let end = wait(&mut enclosed);
    format!("{:?} {:?} {:?}\n{text}", end.code, end.signal, enclosed.notices())
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// The processes whose command line holds `mark`.
fn marked(mark: &str) -> Vec<String> {
    let has = |path: PathBuf| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(mark))
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let names = entries.filter(|entry| has(entry.path())).map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|pid| is_alive(pid)).collect()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Monotonic::now().after(Duration::from_secs(20));
    while !is_so() {
        assert!(Monotonic::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_command_is_who_and_where_it_was() {
    let script = "id -u; id -g; pwd; echo $OURS; env | wc -l; grep NSpid /proc/self/status; ls /proc | grep -c '^[0-9]'; \
                  cat /proc/sys/kernel/pid_max; grep 'Max processes' /proc/self/limits";
    let pid_max = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap();
    let Some(text) = alone("a_command_is_who_and_where_it_was", || run(&enclosure(), &shell(script))) else { return };
    let lines: Vec<&str> = text.lines().collect();
    let errand = shell("");
    assert_eq!(lines[0], "Some(0) None []", "{text}");
    assert_eq!(lines[1..5], [&*errand.uid.to_string(), &*errand.gid.to_string(), "/usr", "as it was"]);
    assert!(lines[5].trim().parse::<u32>().unwrap() <= 5, "PATH, OURS and what the shell adds: {text}");
    let own: u32 = lines[6].split_whitespace().last().unwrap().parse().unwrap();
    assert!(own < 320, "a number in a PID namespace of its own, behind those that are given out once: {text}");
    assert!(lines[7].parse::<u32>().unwrap() < 8, "only its own processes: {text}");
    assert!(lines[8] == "500" || super::init::kernel() < (6, 14), "{text}");
    assert!(is_root() || lines[9].split_whitespace().nth(2) == Some("200"), "{text}");
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap(), pid_max, "this machine's own");
}

/// A sandbox has made this user uid 0 already; the command is itself again in a namespace nested in that.
#[test]
fn a_command_is_itself_inside_a_sandbox_too() {
    if is_root() {
        // Nothing is lacking: root needs no user namespace, and is itself in any case. CI runs this as nobody, too.
        return;
    }
    let errand = shell("id -u; id -g; cat /proc/self/uid_map");
    let work = || {
        let (uid, gid) = (errand.uid, errand.gid);
        if let Err(errno) = unshare(rustix::thread::UnshareFlags::NEWUSER) {
            return format!("{SKIP}{errno}");
        }
        for (file, text) in id_maps((0, uid), (0, gid)) {
            write_file(file, &text).unwrap();
        }
        let text = run(&Enclosure { user_namespace: false, ..with_hosts() }, &errand);
        format!("{text}{:?}", std::fs::read_to_string("/etc/hosts").unwrap().contains("closewait.test"))
    };
    let Some(text) = alone("a_command_is_itself_inside_a_sandbox_too", work) else { return };
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1..3], [&*errand.uid.to_string(), &*errand.gid.to_string()], "{text}");
    assert_eq!(lines[4], "false", "its caller sees the machine's own /etc: {text}");
}

#[test]
fn root_starts_a_command_as_another_user_without_its_own_groups() {
    let name = "root_starts_a_command_as_another_user_without_its_own_groups";
    if !is_root() {
        return crate::skipped(name, "only root becomes another user");
    }
    for enclosure in [with_hosts(), weak()] {
        let errand = Errand { uid: 65_534, gid: 65_534, ..shell("id -u; id -G; grep CapEff /proc/self/status") };
        let Some(text) = alone(name, || run(&enclosure, &errand)) else { continue };
        assert!(text.ends_with("\n65534\n65534\nCapEff:\t0000000000000000\n"), "{enclosure:?}: {text}");
    }
}

#[test]
fn names_are_private_and_leave_this_machine_as_it_was() {
    let read = |file: &str| std::fs::read_to_string(Path::new("/etc").join(file)).unwrap_or_default();
    let before = ["hosts", "nsswitch.conf", "resolv.conf"].map(read);
    let script = "cat /etc/hosts; if command -v getent >/dev/null; then getent hosts db.closewait.test; else echo 198.18.0.2; fi; \
                  grep hosts: /etc/nsswitch.conf; cat /etc/resolv.conf; mount | grep -c 'tmpfs on /proc'";
    let work = || run(&with_hosts(), &shell(script));
    let Some(text) = alone("names_are_private_and_leave_this_machine_as_it_was", work) else { return };
    for words in ["127.0.0.1 localhost\n", "198.18.0.2 db.closewait.test\n", "\n198.18.0.2 "] {
        assert!(text.contains(words), "{words}: {text}");
    }
    for (file, words) in [("nsswitch.conf", "\nhosts: files\n"), ("resolv.conf", "\noptions timeout:1 attempts:1\n")] {
        assert!(text.contains(words) || !Path::new("/etc").join(file).exists(), "{text}");
    }
    assert!(text.ends_with("\n0\n"), "the tmpfs of the files is gone: {text}");
    assert_eq!(["hosts", "nsswitch.conf", "resolv.conf"].map(read), before);
}

#[test]
fn an_end_is_told_by_code_or_signal() {
    for (script, expected) in [("exit 7", "Some(7) None "), ("kill -TERM $$", "None Some(15) ")] {
        for enclosure in [enclosure(), weak()] {
            let Some(text) = alone("an_end_is_told_by_code_or_signal", || run(&enclosure, &shell(script))) else {
                return;
            };
            assert!(text.starts_with(expected), "{script} {enclosure:?}: {text}");
        }
    }
}

#[test]
fn a_program_that_cannot_start_is_told_by_kind() {
    let script = std::env::temp_dir().join(format!("closewait-enclosure-{}", std::process::id()));
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut wrong = Vec::new();
    for (program, directory, expected) in [
        ("/no/such", "/", "start /no/such NotFound true"),
        ("no-such", "/", "start no-such NotFound true"),
        ("/usr", "/", "start /usr PermissionDenied true"),
        (script.to_str().unwrap(), "/", ": its interpreter is missing NotFound true"),
        ("/bin/sh", "/no/such", "enter the directory /no/such NotFound true"),
    ] {
        for enclosure in [enclosure(), weak()] {
            let errand = Errand { program: program.into(), directory: directory.into(), ..shell("") };
            let work = || match enclose(&enclosure, &errand, [null(), null(), null()]) {
                Err(error @ EnclosureError::Step { .. }) => format!("{SKIP}{error}"),
                Err(error) => {
                    let source = std::error::Error::source(&error).unwrap();
                    let kind = source.downcast_ref::<std::io::Error>().unwrap().kind();
                    let left = tree::descendants(rustix::process::getpid()).is_empty();
                    assert!(!error.is_of_this_machine());
                    format!("{error} {kind:?} {left}")
                }
                Ok(_) => "started".to_owned(),
            };
            let text = alone("a_program_that_cannot_start_is_told_by_kind", work);
            wrong.extend(text.filter(|text| !text.ends_with(expected)));
        }
    }
    std::fs::remove_file(script).unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_kill_takes_the_daemons_too() {
    for (enclosure, seconds) in [(enclosure(), "31415926"), (weak(), "31415927")] {
        let script = format!("setsid sh -c 'sleep {seconds} & sleep {seconds} & exit'; echo up; exit 3");
        let work = || {
            let (mut enclosed, mut output) = match start(&enclosure, &shell(&script)) {
                Ok(started) => started,
                Err(skip) => return skip,
            };
            output.read_exact(&mut [0; 3]).unwrap();
            wait_until("two daemons", || marked(&format!("sleep\0{seconds}")).len() == 2);
            assert_eq!(wait(&mut enclosed).code, Some(3), "the command has ended, its daemons have not");
            let root = if enclosure.namespaces { enclosed.root() } else { std::process::id() };
            assert_eq!(enclosed.root(), root);
            enclosed.kill();
            assert_eq!(enclosed.ended().unwrap().code, Some(3));
            format!("{:?} {:?}", marked(&format!("sleep\0{seconds}")), tree::descendants(rustix::process::getpid()))
        };
        let Some(text) = alone("a_kill_takes_the_daemons_too", work) else { continue };
        assert_eq!(text, "[] []", "{enclosure:?}");
    }
}

#[test]
fn a_killed_command_is_an_end_too() {
    for enclosure in [enclosure(), weak()] {
        let work = || {
            let (mut enclosed, _output) = match start(&enclosure, &shell("sleep 27182818")) {
                Ok(started) => started,
                Err(skip) => return skip,
            };
            assert!(is_alive(&enclosed.command().to_string()) && enclosed.ended().is_none());
            // The caller judges the command by its descriptors.
            assert!(std::fs::read_dir(format!("/proc/{}/fd", enclosed.command())).unwrap().count() >= 3);
            enclosed.kill();
            format!("{:?} {}", enclosed.ended().unwrap().signal, is_alive(&enclosed.command().to_string()))
        };
        let Some(text) = alone("a_killed_command_is_an_end_too", work) else { continue };
        assert_eq!(text, "Some(9) false", "{enclosure:?}");
    }
}

#[test]
fn a_signal_goes_to_the_command_or_to_all() {
    for (whole, enclosure) in [(false, enclosure()), (true, enclosure()), (false, weak()), (true, weak())] {
        // The shell waits for its child, which ends only by a signal to all.
        let script = "(trap 'echo child; exit' TERM; echo up; while :; do sleep 0.01; done) & \
                      trap 'echo command; exit 5' TERM; wait";
        let work = || {
            let (mut enclosed, mut output) = match start(&enclosure, &shell(script)) {
                Ok(started) => started,
                Err(skip) => return skip,
            };
            output.read_exact(&mut [0; 3]).unwrap();
            // The command sets its trap at about the time of its child's word.
            std::thread::sleep(Duration::from_millis(100));
            enclosed.signal(Signal::TERM.as_raw(), whole);
            let end = wait(&mut enclosed);
            std::thread::sleep(Duration::from_millis(if whole { 200 } else { 0 }));
            enclosed.kill();
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            format!("{:?} {}", end.code, text.contains("child"))
        };
        let Some(text) = alone("a_signal_goes_to_the_command_or_to_all", work) else { continue };
        assert_eq!(text, format!("Some(5) {whole}"), "{enclosure:?}");
    }
}

#[test]
fn nothing_outlives_a_killed_caller() {
    let _one = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (caller, mut from) = fork(|| {
        let script = "setsid sleep 16180339 & sleep 16180339 & wait";
        match start(&with_hosts(), &shell(script)) {
            Ok((_enclosed, _output)) => {
                wait_until("two daemons", || marked("sleep\x0016180339").len() == 2);
                rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).unwrap();
                unreachable!()
            }
            Err(skip) => skip,
        }
    });
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    let (_, status) = rustix::process::waitpid(Some(caller), WaitOptions::empty()).unwrap().unwrap();
    if let Some(reason) = text.strip_prefix(SKIP) {
        return crate::skipped("nothing_outlives_a_killed_caller", reason);
    }
    assert_eq!((status.terminating_signal(), &*text), (Some(9), ""));
    wait_until("a process outlives its caller", || marked("16180339").is_empty());
}

#[test]
fn processes_are_bounded_and_their_numbers_are_used_again() {
    // More than there are numbers, one after the other, and then more than there may be at once.
    let script = "i=0; while [ $i -lt 700 ]; do /bin/true || exit 9; i=$((i+1)); done; echo again; \
                  i=0; while [ $i -lt 600 ]; do sleep 14142135 >/dev/null & i=$((i+1)); done; echo not bounded";
    let errand = Errand { max_processes: 50, ..shell(script) };
    let name = "processes_are_bounded_and_their_numbers_are_used_again";
    let Some(text) = alone(name, || run(&enclosure(), &errand)) else { return };
    if text.contains("does not bound") {
        return crate::skipped(name, text);
    }
    assert!(text.ends_with("\nagain\n"), "{text}");
    assert!(!text.starts_with("Some(0)"), "{text}");
}

#[test]
fn an_errand_crosses_a_process_border_whatever_its_bytes() {
    let odd: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(vec![b'/', 0xff]);
    let errand = Errand { program: odd.clone().into(), arguments: vec![odd.clone()], ..shell("") };
    let text = serde_json::to_string(&errand).unwrap();
    let back: Errand = serde_json::from_str(&text).unwrap();
    assert_eq!((back.program.into_os_string(), &back.arguments[0]), (odd.clone(), &odd));
}
