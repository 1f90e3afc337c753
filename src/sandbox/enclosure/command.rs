//! The command itself: from a fork to its exec, with the step told that fails.

use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Gid, Pid, Resource, Rlimit, Signal, Uid};
use rustix::thread::UnshareFlags;

use super::report::{At, Failed};
use super::{EnclosureStep, Errand};

/// How the command becomes its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Become {
    /// It is that user already.
    Nothing,
    /// In a nested user namespace that maps back: the user is not known in this one.
    Nested,
    /// By `setuid`, as root may.
    Set,
}

impl Become {
    /// How this process can start a command as `uid` and `gid`.
    pub(super) fn choose(uid: u32, gid: u32) -> Self {
        let (own_uid, own_gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let is_mapped = |file, id| {
            let map = std::fs::read_to_string(file).unwrap_or_default();
            maps(&map, id)
        };
        if (own_uid, own_gid) == (uid, gid) {
            Self::Nothing
        } else if is_mapped("/proc/self/uid_map", uid) && is_mapped("/proc/self/gid_map", gid) {
            Self::Set
        } else {
            Self::Nested
        }
    }
}

/// Whether a user namespace with this `uid_map` or `gid_map` knows `id`.
fn maps(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(|word| word.parse::<u64>().unwrap_or(0));
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        first.zip(count).is_some_and(|(first, count)| (first..first + count).contains(&u64::from(id)))
    })
}

/// How a command is started.
pub(super) struct Start {
    pub(super) become_user: Become,
    /// Whether processes are bounded by `RLIMIT_NPROC`, which from Linux 5.14 on counts for a user namespace alone.
    pub(super) bounded: bool,
    /// Whether the command itself dies with the thread that calls.
    pub(super) dies_with_us: bool,
}

/// Starts the command; its process id.
#[expect(unsafe_code, reason = "namespaces and credentials change between fork and exec")]
pub(super) fn start(errand: &Errand, stdio: [OwnedFd; 3], how: &Start) -> Result<Pid, Failed> {
    let (seen, marks) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).at(EnclosureStep::Fork)?;
    let [input, output, error] = stdio;
    let mut command = Command::new(with_slash(&errand.program));
    command.args(&errand.arguments).env_clear().envs(errand.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(input).stdout(output).stderr(error).process_group(0);
    let mut steps = Steps::new(errand, how, marks);
    let before_exec = move || steps.walk().map_err(io::Error::from);
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(before_exec) };
    let started = command.spawn();
    // With it goes our copy of the pipe's other end.
    drop(command);
    match started {
        Ok(child) => Pid::from_raw(child.id().cast_signed()).ok_or(Errno::SRCH).at(EnclosureStep::Fork),
        Err(error) => Err(error).at(last_step(seen)),
    }
}

/// A name without a slash would be looked for in `PATH`.
fn with_slash(program: &Path) -> PathBuf {
    if program.components().count() == 1 && !program.has_root() { Path::new(".").join(program) } else { program.into() }
}

/// The step that a child was in, by the marks that it left.
fn last_step(seen: OwnedFd) -> EnclosureStep {
    let mut marks = Vec::new();
    // What cannot be read was not left.
    let _ = File::from(seen).read_to_end(&mut marks);
    marks.last().and_then(|mark| STEPS.get(usize::from(*mark))).copied().unwrap_or(EnclosureStep::Fork)
}

const STEPS: [EnclosureStep; 7] = [
    EnclosureStep::DieWithCaller,
    EnclosureStep::UserNamespace,
    EnclosureStep::IdMap,
    EnclosureStep::User,
    EnclosureStep::Limit,
    EnclosureStep::Directory,
    EnclosureStep::Program,
];

/// What lies between fork and exec; everything is written down before the fork.
struct Steps {
    marks: OwnedFd,
    become_user: Become,
    maps: [(&'static str, String); 3],
    uid: Uid,
    gid: Gid,
    limit: Option<Rlimit>,
    directory: PathBuf,
    parent: Option<Pid>,
}

impl Steps {
    fn new(errand: &Errand, how: &Start, marks: OwnedFd) -> Self {
        // Which of the two is what is mapped to in the outer namespace: there this process is the user that it is.
        let (outer_uid, outer_gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let bounded = |hard: Option<u64>| {
            let most = u64::from(errand.max_processes).min(hard.unwrap_or(u64::MAX));
            Rlimit { current: Some(most), maximum: Some(most) }
        };
        Self {
            marks,
            become_user: how.become_user,
            maps: id_maps((errand.uid, outer_uid), (errand.gid, outer_gid)),
            uid: Uid::from_raw(errand.uid),
            gid: Gid::from_raw(errand.gid),
            limit: how.bounded.then(|| bounded(rustix::process::getrlimit(Resource::Nproc).maximum)),
            directory: errand.directory.clone(),
            parent: how.dies_with_us.then(rustix::process::getpid),
        }
    }

    fn walk(&mut self) -> Result<(), Errno> {
        match self.become_user {
            Become::Nothing => {}
            Become::Nested => {
                self.mark(EnclosureStep::UserNamespace)?;
                unshare(UnshareFlags::NEWUSER)?;
                self.mark(EnclosureStep::IdMap)?;
                self.maps.iter().try_for_each(|(file, text)| write_file(file, text))?;
            }
            Become::Set => {
                self.mark(EnclosureStep::User)?;
                rustix::thread::set_thread_groups(&[self.gid])?;
                rustix::thread::set_thread_gid(self.gid)?;
                rustix::thread::set_thread_uid(self.uid)?;
            }
        }
        if let Some(parent) = self.parent {
            self.mark(EnclosureStep::DieWithCaller)?;
            // After the credentials, whose change clears it.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            if rustix::process::getppid() != Some(parent) {
                return Err(Errno::SRCH);
            }
        }
        if let Some(limit) = self.limit {
            self.mark(EnclosureStep::Limit)?;
            rustix::process::setrlimit(Resource::Nproc, limit)?;
        }
        self.mark(EnclosureStep::Directory)?;
        rustix::process::chdir(&self.directory)?;
        unblock_signals();
        self.mark(EnclosureStep::Program)
    }

    fn mark(&self, step: EnclosureStep) -> Result<(), Errno> {
        let at = STEPS.iter().position(|known| *known == step).and_then(|at| u8::try_from(at).ok());
        rustix::io::write(&self.marks, &[at.ok_or(Errno::INVAL)?]).map(drop)
    }
}

/// What to write, and where, so that the first id of each pair is what the second is outside. An unprivileged `gid_map`
/// needs `setgroups` forbidden first.
pub(super) fn id_maps(uid: (u32, u32), gid: (u32, u32)) -> [(&'static str, String); 3] {
    [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{} {} 1", uid.0, uid.1)),
        ("/proc/self/gid_map", format!("{} {} 1", gid.0, gid.1)),
    ]
}

pub(super) fn write_file(path: &str, text: &str) -> Result<(), Errno> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let written = rustix::io::write(&file, text.as_bytes())?;
    if written == text.len() { Ok(()) } else { Err(Errno::IO) }
}

#[expect(unsafe_code, reason = "rustix has no safe unshare, because of CLONE_FILES")]
pub(super) fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: only a user or a mount namespace is unshared, never the descriptor table.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// A runtime may have blocked some; the standard library lets them through an exec as they are.
#[expect(unsafe_code, reason = "rustix has no signal masks")]
fn unblock_signals() {
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the first call fills in the set that the second reads, and a null pointer asks for no old set.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_knows_the_ids_of_its_ranges() {
        let map = "         0       1000          1\n      1000     100000      65536\n";
        assert!([0, 1000, 66_535].into_iter().all(|id| maps(map, id)));
        assert!([1, 999, 66_536].into_iter().all(|id| !maps(map, id)));
        assert!(maps("0 0 4294967295\n", 65_534) && !maps("", 0));
    }

    #[test]
    fn a_bare_name_is_not_looked_for_in_path() {
        assert_eq!(with_slash(Path::new("tool")).as_os_str(), "./tool");
        assert_eq!(with_slash(Path::new("bin/tool")).as_os_str(), "bin/tool");
        assert_eq!(with_slash(Path::new("/tool")).as_os_str(), "/tool");
    }
}
