//! Processes that are about to exit, each held for as long as it takes to look at what it still has open: what a process
//! closed itself is told from what its end closed by that look, and by nothing else.
//!
//! A seccomp filter hands `exit_group` over to whoever reads its listener, and no other system call; every descendant
//! inherits it. A process that a signal ends does not come here. The choices not taken: `ptrace`, which debuggers and
//! leak sanitizers need for themselves; and the times of FIN and exit alone, between which a busy machine puts as much as
//! a program does.

use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::init::NAME;

/// Reads who is about to exit.
#[derive(Debug)]
pub struct Exits {
    listener: OwnedFd,
    /// One that came before the start was told: its message and its process.
    early: Cell<Option<(u64, u32)>>,
}

/// A process that is about to exit. Dropped, it goes on.
#[derive(Debug)]
pub struct Exiting<'a> {
    listener: BorrowedFd<'a>,
    id: u64,
    pid: u32,
}

/// `seccomp_data` begins with the number of the system call, behind which the architecture stands.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// What audit calls the architecture whose system calls are meant; none where nobody has looked it up.
const NATIVE: Option<u32> = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
    Some(0xC000_003E)
} else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
    Some(0xC000_00B7)
} else {
    None
};

/// Without the second flag (Linux 5.19) a signal could break into an exit that is looked at, and make it fail. The third
/// keeps the command as fast as it was on old kernels, which slow down what is filtered.
const FLAGS: libc::c_ulong = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER
    | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;

/// Lets every exit of the calling process's future children, and its own, wait for a reader.
///
/// # Errors
/// `INVAL` on a kernel before 5.19, `ACCES` without `CAP_SYS_ADMIN` in this user namespace, `BUSY` where a filter of this
/// kind is there already, `OPNOTSUPP` on a processor whose numbers are not known here.
#[expect(unsafe_code, reason = "the standard library has no seccomp")]
pub(super) fn watch() -> Result<OwnedFd, Errno> {
    let native = NATIVE.ok_or(Errno::OPNOTSUPP)?;
    let exit_group = u32::try_from(libc::SYS_exit_group).map_err(|_| Errno::OPNOTSUPP)?;
    let load = |at| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, (0, 0), at);
    let unless = |value, skipped| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (0, skipped), value);
    let verdict = |value| instruction(libc::BPF_RET | libc::BPF_K, (0, 0), value);
    let mut filter = [
        load(ARCHITECTURE),
        unless(native, 3),
        load(NUMBER),
        unless(exit_group, 1),
        verdict(libc::SECCOMP_RET_USER_NOTIF),
        verdict(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 6, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel reads the program, which lives until the call returns, and writes nothing.
    let listener =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, FLAGS, &raw const program) };
    match i32::try_from(listener) {
        // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
        Ok(listener) if listener >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(listener) }),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOSYS)),
    }
}

fn instruction(code: u32, (jt, jf): (u8, u8), k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code.try_into().expect("codes are small"), jt, jf, k }
}

/// The kernel's message, with room for what a newer one adds.
#[repr(C)]
struct Message {
    known: libc::seccomp_notif,
    added: [u64; 32],
}

impl Exits {
    pub(super) const fn new(listener: OwnedFd) -> Self {
        Self { listener, early: Cell::new(None) }
    }

    /// The next process that is about to exit. It waits for one unless [`are_there`](Self::are_there), or the descriptor was
    /// readable; none when that one has been killed meanwhile.
    #[must_use]
    pub fn next(&self) -> Option<Exiting<'_>> {
        let (id, pid) = self.early.take().or_else(|| self.read())?;
        Some(Exiting { listener: self.listener.as_fd(), id, pid })
    }

    /// Whether one waits already, of which the descriptor says nothing.
    #[must_use]
    pub fn are_there(&self) -> bool {
        let early = self.early.take();
        self.early.set(early);
        early.is_some()
    }

    /// Before the start is told: a child of init's that cannot become the command goes on, so that init hears of it; what the
    /// command itself has already come to is kept.
    pub(super) fn during_the_start(&self) {
        let Some(exiting) = self.next() else { return };
        let name = std::fs::read_to_string(format!("/proc/{}/comm", exiting.pid)).unwrap_or_default();
        if name.trim_end() != NAME {
            self.early.set(Some((exiting.id, exiting.pid)));
            std::mem::forget(exiting);
        }
    }

    /// The next message, and whose it is.
    #[expect(unsafe_code, reason = "rustix has no ioctl of seccomp")]
    fn read(&self) -> Option<(u64, u32)> {
        // SAFETY: integers alone; and the kernel wants zeros.
        let mut message: Message = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes its message, for which there is room.
        let read = unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut message) };
        let (id, thread) = (message.known.id, message.known.pid);
        (read == 0).then(|| (id, process_of(thread)))
    }
}

impl AsFd for Exits {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Exiting<'_> {
    /// The process's number in the PID namespace of this process.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }
}

impl Drop for Exiting<'_> {
    #[expect(unsafe_code, reason = "rustix has no ioctl of seccomp")]
    fn drop(&mut self) {
        let go_on = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).expect("it is one bit");
        let mut answer = libc::seccomp_notif_resp { id: self.id, val: 0, error: 0, flags: go_on };
        // SAFETY: the kernel reads the answer. It refuses it when the process has been killed meanwhile, which is no less an end.
        unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    }
}

/// The kernel tells the thread that exits, and the number of a process is that of its first one.
fn process_of(thread: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
    group.unwrap_or(thread)
}
