//! The tightest limits of the control groups that a process is in: of its own group or of one above it.

use super::files::Root;

/// A limit of a group, and its use there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupLimit {
    pub(super) limit: u64,
    pub(super) used: u64,
    /// The file that holds the limit.
    pub(super) source: String,
}

/// What control groups allow; none where nothing limits, or where no group can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CgroupLimits {
    pub(super) memory: Option<GroupLimit>,
    pub(super) pids: Option<GroupLimit>,
}

/// Version 1 writes "no limit" as the largest multiple of a page.
const NO_LIMIT_FROM: u64 = 1 << 62;

impl CgroupLimits {
    /// Those of a process, `self` or a number.
    pub(super) fn read(root: &Root, process: &str) -> Self {
        let groups = root.text(&format!("proc/{process}/cgroup")).unwrap_or_default();
        let mut limits = Self::default();
        for line in groups.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let controls = |name: &str| controllers.split(',').any(|it| it == name);
            if controllers.is_empty() {
                for mount in ["sys/fs/cgroup", "sys/fs/cgroup/unified"] {
                    limits.tighten(root, mount, path, Some(("memory.max", "memory.current")), true);
                }
            }
            if controls("memory") {
                let files = Some(("memory.limit_in_bytes", "memory.usage_in_bytes"));
                limits.tighten(root, "sys/fs/cgroup/memory", path, files, false);
            }
            if controls("pids") {
                limits.tighten(root, "sys/fs/cgroup/pids", path, None, true);
            }
        }
        limits
    }

    fn tighten(&mut self, root: &Root, mount: &str, path: &str, memory: Option<(&str, &str)>, pids: bool) {
        if let Some((max, current)) = memory {
            self.memory = tighter(self.memory.take(), tightest(root, mount, path, max, current));
        }
        if pids {
            self.pids = tighter(self.pids.take(), tightest(root, mount, path, "pids.max", "pids.current"));
        }
    }
}

/// The limit that leaves least, from a group up to the mount's own.
fn tightest(root: &Root, mount: &str, path: &str, max: &str, current: &str) -> Option<GroupLimit> {
    let mut found = None;
    let mut group = path.trim_matches('/');
    loop {
        let dir = if group.is_empty() { mount.to_owned() } else { format!("{mount}/{group}") };
        found = tighter(found, limit(root, &dir, max, current));
        if group.is_empty() {
            return found;
        }
        group = group.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

/// `max` is the word for no limit, and no number.
fn limit(root: &Root, dir: &str, max: &str, current: &str) -> Option<GroupLimit> {
    let number = |file: &str| root.text(&format!("{dir}/{file}")).ok()?.parse::<u64>().ok();
    let limit = number(max).filter(|limit| *limit < NO_LIMIT_FROM)?;
    Some(GroupLimit { limit, used: number(current)?, source: format!("/{dir}/{max}") })
}

fn tighter(one: Option<GroupLimit>, other: Option<GroupLimit>) -> Option<GroupLimit> {
    let left = |it: &GroupLimit| it.limit.saturating_sub(it.used);
    match (one, other) {
        (Some(one), Some(other)) => Some(if left(&other) < left(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn the_tightest_of_all_groups_above_counts() {
        let dir = machine(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "10\n"),
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
            ("sys/fs/cgroup/a/memory.current", "900\n"),
            ("sys/fs/cgroup/a/b/pids.max", "50\n"),
            ("sys/fs/cgroup/a/b/pids.current", "7\n"),
        ]);
        let limits = CgroupLimits::read(&Root(dir.path().to_owned()), "self");
        let memory = limits.memory.unwrap();
        assert_eq!((memory.limit, memory.used, memory.source.as_str()), (1000, 900, "/sys/fs/cgroup/a/memory.max"));
        assert_eq!(limits.pids.map(|pids| (pids.limit, pids.used)), Some((50, 7)));
    }

    #[test]
    fn version_1_has_a_tree_for_each_controller() {
        let dir = machine(&[
            ("proc/7/cgroup", "9:name=systemd:/\n8:pids:/x\n4:cpu,memory:/y\n0::/\n"),
            ("sys/fs/cgroup/memory/y/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/y/memory.usage_in_bytes", "5\n"),
            ("sys/fs/cgroup/pids/x/pids.max", "100\n"),
            ("sys/fs/cgroup/pids/x/pids.current", "99\n"),
        ]);
        let limits = CgroupLimits::read(&Root(dir.path().to_owned()), "7");
        assert_eq!(limits.memory, None, "no limit");
        assert_eq!(limits.pids.map(|pids| (pids.limit, pids.used)), Some((100, 99)));
        assert_eq!(CgroupLimits::read(&Root(dir.path().to_owned()), "8"), CgroupLimits::default());
    }
}
