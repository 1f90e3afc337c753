//! Processes: what one holds and may hold, and which ones hold sockets that their peers have closed.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::files::Root;
use crate::record::{CloseWaitHolder, Doctor, ProcessFound, TcpState};
use crate::sample::Socket;

/// A command line is cut here.
const LONGEST_COMMAND: usize = 120;

/// What is known of a process; none when it is not there.
pub(super) fn found(root: &Root, pid: u32, sockets: &[Socket]) -> Option<ProcessFound> {
    let status = root.text(&format!("proc/{pid}/status")).ok()?;
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
    let (soft_limit, hard_limit) = nofile(&root.text(&format!("proc/{pid}/limits")).unwrap_or_default());
    let links = links(root, pid);
    let states: BTreeMap<u64, TcpState> = held(sockets).map(|socket| (socket.inode, socket.state)).collect();
    let by_state = links.as_ref().map(|links| {
        let mut by_state = BTreeMap::new();
        for state in distinct(links).filter_map(|inode| states.get(&inode)) {
            *by_state.entry(*state).or_insert(0) += 1;
        }
        by_state
    });
    Some(ProcessFound {
        pid,
        command: command(root, pid),
        descriptors: links.map(|links| links.len() as u64),
        soft_limit,
        hard_limit,
        threads,
        sockets: by_state,
    })
}

/// Who holds sockets in CLOSE_WAIT. Those that no descriptor was found for, since another user's process may not be
/// looked into, stand together without a process.
pub(super) fn close_wait_holders(root: &Root, sockets: &[Socket]) -> Vec<CloseWaitHolder> {
    let waiting = || held(sockets).filter(|socket| socket.state == TcpState::CloseWait);
    let mut wanted: BTreeMap<u64, SocketAddr> = waiting().map(|socket| (socket.inode, socket.remote)).collect();
    let mut holders = Vec::new();
    for pid in if wanted.is_empty() { Vec::new() } else { pids(root) } {
        let links = links(root, pid).unwrap_or_default();
        // The first process that is found with a socket is its holder: one that was handed on counts once.
        let remotes: Vec<SocketAddr> = distinct(&links).filter_map(|inode| wanted.remove(&inode)).collect();
        holders.extend(holder(Some(pid), || command(root, pid), &remotes));
        if wanted.is_empty() {
            break;
        }
    }
    // Accepted by nobody yet: the kernel holds it, and no process does.
    let unaccepted = sockets.iter().filter(|socket| socket.state == TcpState::CloseWait && socket.inode == 0);
    let unaccepted: Vec<_> = unaccepted.map(|socket| socket.remote).collect();
    holders.extend(holder(None, || "(not accepted by its server yet)".to_owned(), &unaccepted));
    let rest: Vec<_> = wanted.into_values().collect();
    holders.extend(holder(None, || "(no process that may be looked into)".to_owned(), &rest));
    holders.sort_by_key(|holder| (std::cmp::Reverse(holder.sockets), holder.pid));
    holders.truncate(Doctor::MOST_HOLDERS);
    holders
}

fn holder(pid: Option<u32>, command: impl FnOnce() -> String, remotes: &[SocketAddr]) -> Option<CloseWaitHolder> {
    let mut count = BTreeMap::new();
    for remote in remotes {
        *count.entry(remote).or_insert(0u64) += 1;
    }
    let (most, sockets_to_remote) = count.into_iter().max_by_key(|(_, n)| *n)?;
    let sockets = remotes.len() as u64;
    Some(CloseWaitHolder { pid, command: command(), sockets, remote: most.to_string(), sockets_to_remote })
}

fn held(sockets: &[Socket]) -> impl Iterator<Item = &Socket> {
    sockets.iter().filter(|socket| socket.inode != 0)
}

/// Every process that is there, ascending.
fn pids(root: &Root) -> Vec<u32> {
    let entries = std::fs::read_dir(root.0.join("proc")).into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Each descriptor of a process, with the inode of those that are sockets; none where it may not be looked into.
fn links(root: &Root, pid: u32) -> Option<Vec<Option<u64>>> {
    let entries = std::fs::read_dir(root.0.join(format!("proc/{pid}/fd"))).ok()?.flatten();
    let inode = |entry: std::fs::DirEntry| {
        let link = std::fs::read_link(entry.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    Some(entries.map(inode).collect())
}

/// A socket counts once, however many descriptors lead to it.
fn distinct(links: &[Option<u64>]) -> impl Iterator<Item = u64> {
    links.iter().flatten().copied().collect::<std::collections::BTreeSet<u64>>().into_iter()
}

/// How many descriptors a process has; none where it may not be looked into.
pub(super) fn descriptors(root: &Root, process: &str) -> Option<u64> {
    Some(std::fs::read_dir(root.0.join(format!("proc/{process}/fd"))).ok()?.count() as u64)
}

/// Soft and hard `RLIMIT_NOFILE` of a process's `limits`; none for no limit.
pub(super) fn nofile(limits: &str) -> (Option<u64>, Option<u64>) {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    let mut words = line.split_whitespace().map(|word| word.parse().ok());
    (words.next().flatten(), words.next().flatten())
}

fn command(root: &Root, pid: u32) -> String {
    let words = root.text(&format!("proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
    let command = match words.trim() {
        "" => format!("[{}]", root.text(&format!("proc/{pid}/comm")).unwrap_or_default()),
        words => words.to_owned(),
    };
    command.chars().take(LONGEST_COMMAND).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::ports::tests::socket;
    use super::*;

    /// A machine of files: each process with its sockets' inodes.
    fn machine(processes: &[(u32, &str, &[u64])]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        for (pid, command, inodes) in processes {
            let process = dir.path().join(format!("proc/{pid}"));
            std::fs::create_dir_all(process.join("fd")).unwrap();
            std::fs::write(process.join("cmdline"), command.replace(' ', "\0")).unwrap();
            std::fs::write(process.join("status"), "Name: x\nThreads:\t4\n").unwrap();
            std::fs::write(process.join("limits"), "Limit  Soft\nMax open files  1024  unlimited  files\n").unwrap();
            symlink("/dev/null", process.join("fd/0")).unwrap();
            for (n, inode) in inodes.iter().enumerate() {
                symlink(format!("socket:[{inode}]"), process.join(format!("fd/{}", n + 3))).unwrap();
            }
        }
        let root = Root(dir.path().to_owned());
        (dir, root)
    }

    fn at(inode: u64, state: TcpState) -> Socket {
        Socket { inode, ..socket("10.0.0.1:40000", "10.0.0.2:1433", state) }
    }

    #[test]
    fn a_process_is_told_by_what_it_holds() {
        let (_dir, root) = machine(&[(7, "python3 app.py", &[11, 12, 13, 11])]);
        let sockets = [at(11, TcpState::CloseWait), at(12, TcpState::Established), at(99, TcpState::CloseWait)];
        let found = found(&root, 7, &sockets).unwrap();
        assert_eq!((found.command.as_str(), found.threads, found.descriptors), ("python3 app.py", Some(4), Some(5)));
        assert_eq!((found.soft_limit, found.hard_limit), (Some(1024), None));
        let states = BTreeMap::from([(TcpState::CloseWait, 1), (TcpState::Established, 1)]);
        assert_eq!(found.sockets, Some(states), "a socket with two descriptors counts once, and one of no TCP never");
        assert_eq!(super::found(&root, 8, &sockets), None);
    }

    #[test]
    fn holders_are_named_and_the_rest_is_counted() {
        let (_dir, root) = machine(&[(7, "one", &[11]), (9, "many", &[12, 13, 11])]);
        let wait = TcpState::CloseWait;
        let sockets = [at(11, wait), at(12, wait), at(13, wait), at(14, wait), at(0, wait), at(15, TcpState::Listen)];
        let holders = close_wait_holders(&root, &sockets);
        let rows: Vec<_> = holders.iter().map(|holder| (holder.pid, holder.sockets)).collect();
        assert_eq!(rows, [(Some(9), 2), (None, 1), (None, 1), (Some(7), 1)]);
        assert_eq!((&*holders[0].remote, holders[0].sockets_to_remote), ("10.0.0.2:1433", 2));
        let two: Vec<_> = ["10.0.0.2:1433", "10.0.0.3:1433", "10.0.0.3:1433"].map(|it| it.parse().unwrap()).into();
        let most = holder(None, String::new, &two).unwrap();
        assert_eq!((most.sockets, &*most.remote, most.sockets_to_remote), (3, "10.0.0.3:1433", 2));
        assert_eq!(close_wait_holders(&root, &[at(11, TcpState::Established)]), []);
    }
}
