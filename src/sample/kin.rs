//! Finds the children of processes: in the kernel's own list of them, or by asking every process for its parent.
//!
//! Neither sees the tree of one instant. `/proc/PID/task/TID/children` may leave out a child while another one exits,
//! and what a dying parent leaves behind has another parent: who wants a tree keeps those that were found. The choice
//! not taken: the proc connector, which tells every fork as it happens, but only to who may administer the network of
//! the first namespace.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};

use super::proc_dir::{Stat, list, number, numbers};

/// After so many scans every process is asked again: one that was no kin may have been adopted, or have left its number
/// to another one between two scans.
const SCANS_TO_DOUBT: u32 = 100;

/// Whether this kernel lists children (`CONFIG_PROC_CHILDREN`).
pub(super) fn children_are_told() -> bool {
    statat(CWD, "/proc/thread-self/children", AtFlags::empty()).is_ok()
}

/// The children of the process whose directory this is; none when it is gone.
pub(super) fn children(process: BorrowedFd<'_>) -> Vec<u32> {
    let Ok(tasks) = list(process, "task") else { return Vec::new() };
    let mut found = Vec::new();
    let mut text = Vec::new();
    // A child belongs to the thread that made it.
    for thread in numbers(&tasks) {
        text.clear();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(file) = openat(tasks.as_fd(), format!("{thread}/children"), flags, Mode::empty()) else { continue };
        // What was read before an error still counts.
        let _ = File::from(file).read_to_end(&mut text);
        found.extend(text.split(|byte| *byte == b' ').filter_map(number::<u32>));
    }
    found
}

/// The scan of all processes, which asks only those that it has not judged before.
#[derive(Default)]
pub(super) struct Scan {
    /// Listed by the last scan, and no kin of the family.
    strangers: BTreeSet<u32>,
    scans: u32,
}

impl Scan {
    /// The living processes that descend from a family, and are not in it, parents before children.
    pub(super) fn newcomers(&mut self, mut family: BTreeSet<u32>) -> Vec<u32> {
        let (Ok(proc), Ok(base)) = (list(CWD, "/proc"), super::proc_dir::hold(CWD, "/proc")) else { return Vec::new() };
        let listed = numbers(&proc);
        if self.scans.is_multiple_of(SCANS_TO_DOUBT) {
            self.strangers.clear();
        }
        self.scans = self.scans.wrapping_add(1);
        self.strangers.retain(|pid| listed.binary_search(pid).is_ok());
        let mut open = Vec::new();
        for pid in listed {
            if family.contains(&pid) || self.strangers.contains(&pid) {
                continue;
            }
            match Stat::read(&base, format!("{pid}/stat")) {
                Ok(stat) if stat.living => open.push((pid, stat.parent)),
                // A zombie has no children any more and will not live again.
                Ok(_) => drop(self.strangers.insert(pid)),
                Err(_) => {}
            }
        }
        let mut kin = Vec::new();
        // A number says nothing of who came first, since numbers are given anew: until nothing changes.
        loop {
            let before = open.len();
            open.retain(|&(pid, parent)| {
                if family.contains(&parent) {
                    family.insert(pid);
                    kin.push(pid);
                    return false;
                }
                // Zero is the parent of the first one, and of who came from outside of the PID namespace.
                let stranger = parent == 0 || self.strangers.contains(&parent);
                if stranger {
                    self.strangers.insert(pid);
                }
                !stranger
            });
            // Whose parent was in no list has another one by the next scan, and is judged then.
            if open.len() == before {
                return kin;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::proc_dir::hold;
    use super::*;

    #[test]
    fn the_children_of_all_threads_are_read() {
        let directory = tempfile::tempdir().unwrap();
        for (thread, text) in [("7", "10 11 "), ("8", ""), ("9", "12 \u{fffd} x 4294967296 "), ("none", "13 ")] {
            fs::create_dir_all(directory.path().join("task").join(thread)).unwrap();
            fs::write(directory.path().join("task").join(thread).join("children"), text).unwrap();
        }
        fs::create_dir(directory.path().join("task/10")).unwrap();
        let process = hold(CWD, directory.path()).unwrap();
        assert_eq!(children(process.as_fd()), [10, 11, 12]);
        fs::remove_dir_all(directory.path().join("task")).unwrap();
        assert_eq!(children(process.as_fd()), [0; 0]);
    }

    #[test]
    fn strangers_are_asked_once() {
        let mut scan = Scan::default();
        assert_eq!(scan.newcomers(BTreeSet::new()), [0; 0]);
        assert!(scan.strangers.contains(&std::process::id()));
        // As if it had been reaped and given anew: a stranger stays one only while it is listed.
        scan.strangers.insert(u32::MAX);
        assert_eq!(scan.newcomers(BTreeSet::new()), [0; 0]);
        assert!(!scan.strangers.contains(&u32::MAX));
        // Adopted: seen when the scan doubts.
        let parent = BTreeSet::from([std::os::unix::process::parent_id()]);
        assert!(!scan.newcomers(parent.clone()).contains(&std::process::id()));
        scan.scans = SCANS_TO_DOUBT;
        assert!(scan.newcomers(parent).contains(&std::process::id()));
    }
}
