//! For tests of several rooms: a network namespace of the test's own, with nobody's sockets and packets but the test's.

use std::process::{Child, Command, Stdio};
use std::sync::{PoisonError, RwLock};
use std::thread;

use netlink_sys::protocols::NETLINK_ROUTE;
use rustix::io::Errno;
use rustix::thread::UnshareFlags;

/// Set in the copy of this program that runs in a user namespace.
const INSIDE: &str = "CLOSEWAIT_TEST_IN_USER_NAMESPACE";

/// Runs `body`, the test of this name with its modules, in a network namespace of its own: a thread's when this user may make
/// one, else that of a copy of this test program in a user namespace. Where neither is allowed the test is skipped by name.
pub(crate) fn in_a_namespace(test: &str, body: fn()) {
    let held = SPAWNING.read().unwrap_or_else(PoisonError::into_inner);
    let inside = thread::spawn(move || unshared().map(|()| body())).join();
    drop(held);
    match inside {
        Ok(Ok(())) => return,
        Ok(Err(Errno::PERM)) if std::env::var_os(INSIDE).is_none() => (),
        Ok(Err(errno)) => return crate::skipped(test, format_args!("no network namespace: {errno}")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    let mapped = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", program]).stdin(Stdio::null());
        command
    };
    if !mapped("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return crate::skipped(test, "no user namespace");
    }
    let this = std::env::current_exe().unwrap();
    let mut copy = mapped(this.to_str().unwrap());
    copy.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = copy.output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
    errors.lines().filter(|line| line.starts_with("skipped: ")).for_each(|line| eprintln!("{line}"));
}

/// Written while a child is on its way to `execve`, where it holds every socket of this process, closed or not: who
/// tells states by who has closed reads it.
static SPAWNING: RwLock<()> = RwLock::new(());

/// Starts a process without disturbing [`in_a_namespace`].
pub(crate) fn spawn(command: &mut Command) -> Child {
    let _alone = SPAWNING.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

/// Gives the calling thread a network namespace of its own, with its loopback up.
#[expect(unsafe_code, reason = "unshare is unsafe")]
pub(crate) fn unshared() -> Result<(), Errno> {
    // SAFETY: only the network namespace is unshared, never the descriptor table.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET)? };
    // RTM_NEWLINK (16) for interface 1, which is always `lo`: set and change IFF_UP (1).
    let mut message = [0u8; 32];
    for (at, word) in [(0, 32u32), (4, 16 | 5 << 16), (20, 1), (24, 1), (28, 1)] {
        message[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    let netlink = netlink_sys::Socket::new(NETLINK_ROUTE).unwrap();
    netlink.send(&message, 0).unwrap();
    let mut answer = Vec::with_capacity(256);
    netlink.recv(&mut answer, 0).unwrap();
    assert_eq!(answer[16..20], [0; 4], "the kernel takes lo up");
    Ok(())
}
