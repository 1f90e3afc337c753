//! How many descriptors the processes of a side have open.
//!
//! Since Linux 6.2 the size of `/proc/PID/fd` is their number, which costs nothing. Before, they must be counted one by
//! one, which is left to the full tables.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, statat};
use rustix::io::Errno;

/// The processes whose descriptors count.
#[derive(Default)]
pub(super) struct Descriptors(Vec<Process>);

/// A process by its directory below `/proc`: held open, it never becomes another process of the same number.
struct Process {
    pid: u32,
    directory: OwnedFd,
}

impl Descriptors {
    /// Adds the processes that live; one that is gone holds nothing, and one that is known is not added twice.
    pub(super) fn add(&mut self, pids: &[u32]) {
        self.forget_the_dead();
        for &pid in pids {
            if self.0.iter().any(|process| process.pid == pid) {
                continue;
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            match openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()) {
                Ok(directory) => self.0.push(Process { pid, directory }),
                Err(errno) => tracing::debug!(pid, %errno, "a process is not there to count its descriptors"),
            }
        }
    }

    /// The sum over the processes that live; none when there are none, or when the kernel does not tell it cheaply.
    pub(super) fn sum(&mut self) -> Option<u64> {
        self.total(Process::size)
    }

    /// The same, counting entries where the kernel does not tell.
    pub(super) fn counted(&mut self) -> Option<u64> {
        self.total(|process| match process.size()? {
            Some(size) => Ok(Some(size)),
            None => process.entries().map(Some),
        })
    }

    /// None as soon as one process is there and cannot be read: a sum that misses one is no sum.
    fn total(&mut self, read: impl Fn(&Process) -> Result<Option<u64>, Errno>) -> Option<u64> {
        let (mut sum, mut dead) = (0, false);
        for process in &self.0 {
            match read(process) {
                Ok(count) => sum += count?,
                Err(Errno::NOENT | Errno::SRCH) => dead = true,
                Err(_) => return None,
            }
        }
        if dead {
            self.forget_the_dead();
        }
        (!self.0.is_empty()).then_some(sum)
    }

    fn forget_the_dead(&mut self) {
        self.0.retain(|process| !matches!(process.size(), Err(Errno::NOENT | Errno::SRCH)));
    }
}

impl Process {
    /// The size of `fd`; none on a kernel that does not tell (and, without harm, of a process that has none).
    fn size(&self) -> Result<Option<u64>, Errno> {
        let stat = statat(&self.directory, "fd", AtFlags::empty())?;
        Ok(u64::try_from(stat.st_size).ok().filter(|size| *size > 0))
    }

    fn entries(&self) -> Result<u64, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut count = 0;
        for entry in Dir::new(openat(&self.directory, "fd", flags, Mode::empty())?)? {
            if entry?.file_name().to_bytes().first().is_some_and(u8::is_ascii_digit) {
                count += 1;
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::testbed::spawn;

    /// A process whose descriptors nobody else changes: it sleeps in a read of its own standard input.
    fn sleeper() -> Child {
        let mut child = spawn(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()));
        // Its answer says that it is no longer being loaded, which opens and closes libraries.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn sums_over_processes_until_they_are_gone() {
        let (one, two) = (sleeper(), sleeper());
        let mut descriptors = Descriptors::default();
        assert_eq!((descriptors.sum(), descriptors.counted()), (None, None));
        descriptors.add(&[one.id(), two.id(), one.id(), u32::MAX]);
        assert_eq!(descriptors.0.len(), 2, "known and impossible processes are not added");
        let both: u64 = descriptors.0.iter().map(|process| process.entries().unwrap()).sum();
        assert!(both >= 6, "each has at least its three");
        assert_eq!(descriptors.counted(), Some(both));
        if let Some(sum) = descriptors.sum() {
            assert_eq!(sum, both, "the size is the number of entries");
        } else {
            crate::skipped("sums_over_processes_until_they_are_gone", "this kernel gives /proc/PID/fd no size");
        }
        end(one);
        assert!(descriptors.counted().is_some_and(|rest| rest < both), "the dead one no longer counts");
        end(two);
        assert_eq!(descriptors.counted(), None);
        assert!(descriptors.0.is_empty());
    }

    #[test]
    fn it_sees_what_a_process_opens() {
        let mut descriptors = Descriptors::default();
        descriptors.add(&[std::process::id()]);
        let many: Vec<File> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        let seen = descriptors.counted().unwrap();
        assert!(seen >= many.len() as u64, "{seen}");
    }
}
