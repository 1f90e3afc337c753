//! The processes below another, as `/proc` shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::{Pid, Signal, WaitOptions};

/// What `/proc/PID/stat` tells of a process and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: i32,
    group: i32,
    session: i32,
    threads: u32,
}

/// All processes below `root`, parents first; zombies too.
pub(super) fn descendants(root: Pid) -> Vec<Pid> {
    below(root).into_iter().map(|(pid, _)| pid).collect()
}

fn below(root: Pid) -> Vec<(Pid, Stat)> {
    let mut children: BTreeMap<i32, Vec<(i32, Stat)>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // One that has ended meanwhile is below nothing.
        if let Some(stat) = stat(pid) {
            children.entry(stat.parent).or_default().push((pid, stat));
        }
    }
    let mut found = Vec::new();
    let mut next = children.remove(&root.as_raw_pid()).unwrap_or_default();
    while let Some((pid, stat)) = next.pop() {
        next.extend(children.remove(&pid).unwrap_or_default());
        found.extend(Pid::from_raw(pid).map(|pid| (pid, stat)));
    }
    found
}

fn stat(pid: i32) -> Option<Stat> {
    parsed(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
}

/// The fields of a line of `/proc/PID/stat`; the name before them is in parentheses and may hold some itself.
fn parsed(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<i32>().ok();
    let threads = number(17).and_then(|threads| u32::try_from(threads).ok()).unwrap_or(1);
    Some(Stat { parent: number(1)?, group: number(2)?, session: number(3)?, threads: threads.max(1) })
}

/// The process numbers that the processes below `root` use: a group or a session keeps its first process's when that is gone.
pub(super) fn crowd(root: Pid) -> u32 {
    let own = stat(root.as_raw_pid());
    let theirs = |of: fn(&Stat) -> i32, number: i32| number > 0 && own.as_ref().is_none_or(|own| of(own) != number);
    let mut numbers = BTreeSet::new();
    let mut more = 0;
    for (pid, stat) in below(root) {
        numbers.insert(pid.as_raw_pid());
        numbers.extend([stat.group].into_iter().filter(|group| theirs(|own| own.group, *group)));
        numbers.extend([stat.session].into_iter().filter(|session| theirs(|own| own.session, *session)));
        more += stat.threads - 1;
    }
    u32::try_from(numbers.len()).unwrap_or(u32::MAX).saturating_add(more)
}

/// Processes and threads of this whole machine.
pub(super) fn tasks_of_this_machine() -> Option<u32> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

/// Kills everything below this process, its subreaper, and reaps what is this process's own but for `spared`; how many
/// there were. What is killed gives its children to us, so only a look that finds none is the last.
///
/// A group is killed as one, so that nobody in it can fork faster than he is looked for; our own group never is, and one
/// only while the process that it is named for is below us.
pub(super) fn kill_below_us(spared: Option<Pid>) -> usize {
    let found = below(rustix::process::getpid());
    let own = rustix::process::getpgrp();
    for (pid, _) in found.iter().filter(|(pid, stat)| stat.group == pid.as_raw_pid() && *pid != own) {
        let _ = rustix::process::kill_process_group(*pid, Signal::KILL);
    }
    for (pid, _) in &found {
        // Refused or too late, it shows at the next look.
        let _ = rustix::process::kill_process(*pid, Signal::KILL);
    }
    for (pid, _) in found.iter().filter(|(pid, _)| Some(*pid) != spared) {
        // It fails for whom is not our own child yet.
        let _ = rustix::process::waitpid(Some(*pid), WaitOptions::NOHANG);
    }
    found.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_fields_after_it() {
        let stat = parsed("12 (a) S 7 ) S 34 12 11 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 3 0 99").unwrap();
        assert_eq!(stat, Stat { parent: 34, group: 12, session: 11, threads: 3 });
        assert_eq!(parsed("12 (sh) Z 1 12 12").unwrap().threads, 1);
        assert_eq!(parsed(""), None);
    }

    #[test]
    fn this_machine_has_more_tasks_than_one() {
        assert!(tasks_of_this_machine().unwrap() > 1);
    }
}
