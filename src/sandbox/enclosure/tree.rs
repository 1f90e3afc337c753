//! The processes below another, as `/proc` shows them.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Pid, Signal, WaitOptions};

/// All processes below `root`, parents first; zombies too.
pub(super) fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // One that has ended meanwhile is below nothing.
        let Ok(stat) = fs::read(entry.path().join("stat")) else { continue };
        if let Some(parent) = parent(&String::from_utf8_lossy(&stat)) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = children.remove(&root.as_raw_pid()).unwrap_or_default();
    while let Some(pid) = next.pop() {
        next.extend(children.remove(&pid).unwrap_or_default());
        found.extend(Pid::from_raw(pid));
    }
    found
}

/// The parent in a line of `/proc/PID/stat`; the name before it is in parentheses and may hold some itself.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Kills everything below this process, its subreaper, and reaps what is this process's own but for `spared`; how many
/// there were. What is killed gives its children to us, so only a look that finds none is the last.
pub(super) fn kill_below_us(spared: Option<Pid>) -> usize {
    let found = descendants(rustix::process::getpid());
    for pid in &found {
        // Refused or too late, it shows at the next look.
        let _ = rustix::process::kill_process(*pid, Signal::KILL);
    }
    for pid in found.iter().filter(|pid| Some(**pid) != spared) {
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
        assert_eq!(parent("12 (a) S 7 ) S 34 12 12"), Some(34));
        assert_eq!(parent("12 (sh) Z 1 12"), Some(1));
        assert_eq!(parent(""), None);
    }
}
