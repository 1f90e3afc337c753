//! What a directory below `/proc` says: its entries that are numbers, its small files, and `stat`.
//!
//! Everything is read relative to an open directory, which belongs to one process for ever: its files fail once that
//! process is gone, and never speak of another one of the same number. The choice not taken: the crate `procfs`, which
//! reads forty fields where four are asked for, and parses text that may be no UTF-8.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, RawDir, openat};
use rustix::io::{Errno, read};
use rustix::path::Arg;

/// Opens a directory to hold it; nothing can be listed through it, which costs the least.
pub(super) fn hold(at: impl AsFd, path: impl Arg) -> Result<OwnedFd, Errno> {
    openat(at, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens a directory for [`numbers`].
pub(super) fn list(at: impl AsFd, path: impl Arg) -> Result<OwnedFd, Errno> {
    openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The entries from here on whose names are numbers, ascending; what comes after an error is left out.
pub(super) fn numbers(directory: impl AsFd) -> Vec<u32> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut found = Vec::new();
    while let Some(Ok(entry)) = entries.next() {
        found.extend(number::<u32>(entry.file_name().to_bytes()));
    }
    found.sort_unstable();
    found
}

/// Digits as a number; none of anything else.
pub(super) fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// A file from its beginning, as far as the buffer goes.
pub(super) fn contents(at: impl AsFd, path: impl Arg, buffer: &mut [u8]) -> Result<&[u8], Errno> {
    let file = openat(at, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut filled = 0;
    while filled < buffer.len() {
        match read(&file, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(&buffer[..filled])
}

/// What is needed of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    /// Neither a zombie nor dead; or its first thread has ended alone, and others live.
    pub(super) living: bool,
    /// Whether its first thread has ended: then `fd` is empty, whatever the others hold.
    pub(super) headless: bool,
    /// On its way out: it runs nothing of its program any more, and its descriptors are closed, or are about to be.
    pub(super) exiting: bool,
    pub(super) parent: u32,
    /// In ticks since boot.
    pub(super) started: u64,
    pub(super) program: Program,
}

/// What changes when a process becomes another program, or renames itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Program {
    pub(super) comm: Vec<u8>,
    /// Where the words of the command line begin and end: elsewhere after each `execve`, since the kernel places a
    /// stack at random. Zeros when they are not told.
    arguments: (u64, u64),
}

/// `PF_EXITING` of the kernel's flags of a task.
const EXITING: u32 = 0x4;

impl Stat {
    /// Reads it; one that cannot be understood counts as not there.
    pub(super) fn read(at: impl AsFd, path: impl Arg) -> Result<Self, Errno> {
        // 52 numbers of at most 20 digits, and a name of at most 64 bytes.
        let mut buffer = [0; 2048];
        Self::parse(contents(at, path, &mut buffer)?).ok_or(Errno::SRCH)
    }

    /// A name may hold anything, brackets and spaces too: the last bracket is the one that ends it.
    fn parse(text: &[u8]) -> Option<Self> {
        let begin = text.iter().position(|byte| *byte == b'(')? + 1;
        let end = text.iter().rposition(|byte| *byte == b')').filter(|end| *end >= begin)?;
        // The first one is the third field of proc_pid_stat(5).
        let mut fields = text[end + 1..].split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let headless = matches!(fields.next()?, b"Z" | b"X" | b"x");
        let parent = number(fields.next()?)?;
        let exiting = number::<u32>(fields.nth(4)?)? & EXITING != 0;
        // Of a process that is dead as a whole it is one, or none.
        let threads: u32 = number(fields.nth(10)?)?;
        let started = number(fields.nth(1)?)?;
        let arguments = (fields.nth(25).and_then(number).unwrap_or(0), fields.next().and_then(number).unwrap_or(0));
        let (living, program) = (!headless || threads > 1, Program { comm: text[begin..end].to_vec(), arguments });
        Some(Self { living, headless, exiting, parent, started, program })
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::CWD;

    use super::*;

    #[test]
    fn a_name_does_not_hide_the_fields_behind_it() {
        let tail: Vec<String> = (5..=52).map(|field| field.to_string()).collect();
        let text = format!("12 (a) Z 1 (b) S 4 {}\n", tail.join(" "));
        let stat = Stat::parse(text.as_bytes()).unwrap();
        assert_eq!(stat.program, Program { comm: b"a) Z 1 (b".to_vec(), arguments: (48, 49) });
        assert_eq!((stat.living, stat.exiting, stat.parent, stat.started), (true, false, 4, 22));
        assert!(Stat::parse(text.replace(" 8 9 10 ", " 8 4196620 10 ").as_bytes()).unwrap().exiting);
        let dead = text.replace(") S", ") Z");
        assert!(Stat::parse(dead.as_bytes()).unwrap().living, "it has twenty threads");
        let dead = Stat::parse(dead.replace(" 19 20 21 ", " 19 1 21 ").as_bytes()).unwrap();
        assert!(!dead.living && dead.headless);
    }

    #[test]
    fn odd_bytes_are_no_stat() {
        let whole = b"1 (\xff\xfe) R 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20";
        assert_eq!(Stat::parse(whole).unwrap().program, Program { comm: vec![0xff, 0xfe], arguments: (0, 0) });
        // Without its last field, or any before.
        for end in 0..whole.len() - 1 {
            assert_eq!(Stat::parse(&whole[..end]), None, "{end} bytes");
        }
        for text in [&b")("[..], b"1 (a) R -1 3", b"\0\0", b"1 (a) \xff \xff"] {
            assert_eq!(Stat::parse(text), None);
        }
    }

    #[test]
    fn it_reads_its_own_process() {
        let own = hold(CWD, "/proc/self").unwrap();
        let stat = Stat::read(&own, "stat").unwrap();
        assert!(stat.living && stat.started > 0);
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert_ne!(stat.program.arguments, (0, 0), "field 48 is where the arguments start");
        assert!(numbers(list(&own, "fd").unwrap()).starts_with(&[0, 1, 2]));
        assert_eq!(contents(&own, "stat", &mut [0; 3]).unwrap().len(), 3);
    }
}
