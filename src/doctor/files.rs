//! The small files that say what a machine allows, read once and kept as text.
//!
//! The choice not taken: `sysctl`, which need not be installed, and reads the same files.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A file's path below the root, such as `proc/sys/fs/file-nr`.
pub(super) type Path = &'static str;

pub(super) const PORT_RANGE: Path = "proc/sys/net/ipv4/ip_local_port_range";
pub(super) const RESERVED: Path = "proc/sys/net/ipv4/ip_local_reserved_ports";
pub(super) const STEP_WIDTH: Path = "proc/sys/net/ipv4/ip_local_port_step_width";
pub(super) const FIN_TIMEOUT: Path = "proc/sys/net/ipv4/tcp_fin_timeout";
pub(super) const TW_REUSE: Path = "proc/sys/net/ipv4/tcp_tw_reuse";
pub(super) const MAX_TW: Path = "proc/sys/net/ipv4/tcp_max_tw_buckets";
pub(super) const MAX_ORPHANS: Path = "proc/sys/net/ipv4/tcp_max_orphans";
pub(super) const SYN_BACKLOG: Path = "proc/sys/net/ipv4/tcp_max_syn_backlog";
pub(super) const TCP_MEM: Path = "proc/sys/net/ipv4/tcp_mem";
pub(super) const SOMAXCONN: Path = "proc/sys/net/core/somaxconn";
pub(super) const CONNTRACK_MAX: Path = "proc/sys/net/netfilter/nf_conntrack_max";
pub(super) const CONNTRACK_COUNT: Path = "proc/sys/net/netfilter/nf_conntrack_count";
pub(super) const CONNTRACK_CLOSE_WAIT: Path = "proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait";
pub(super) const FILE_NR: Path = "proc/sys/fs/file-nr";
pub(super) const NR_OPEN: Path = "proc/sys/fs/nr_open";
pub(super) const PID_MAX: Path = "proc/sys/kernel/pid_max";
pub(super) const THREADS_MAX: Path = "proc/sys/kernel/threads-max";
pub(super) const USER_NAMESPACES: Path = "proc/sys/user/max_user_namespaces";
pub(super) const NET_NAMESPACES: Path = "proc/sys/user/max_net_namespaces";
pub(super) const APPARMOR: Path = "proc/sys/kernel/apparmor_restrict_unprivileged_userns";
pub(super) const USERNS_CLONE: Path = "proc/sys/kernel/unprivileged_userns_clone";
pub(super) const SOCKSTAT: Path = "proc/thread-self/net/sockstat";
pub(super) const NETSTAT: Path = "proc/thread-self/net/netstat";
pub(super) const STATUS: Path = "proc/thread-self/status";
pub(super) const MEMINFO: Path = "proc/meminfo";
pub(super) const LOADAVG: Path = "proc/loadavg";
pub(super) const SLABINFO: Path = "proc/slabinfo";
/// The shortest file that tells a page's size.
pub(super) const SMAPS: Path = "proc/thread-self/smaps";

/// Every file that is read.
const ALL: [Path; 28] = [
    PORT_RANGE,
    RESERVED,
    STEP_WIDTH,
    FIN_TIMEOUT,
    TW_REUSE,
    MAX_TW,
    MAX_ORPHANS,
    SYN_BACKLOG,
    TCP_MEM,
    SOMAXCONN,
    CONNTRACK_MAX,
    CONNTRACK_COUNT,
    CONNTRACK_CLOSE_WAIT,
    FILE_NR,
    NR_OPEN,
    PID_MAX,
    THREADS_MAX,
    USER_NAMESPACES,
    NET_NAMESPACES,
    APPARMOR,
    USERNS_CLONE,
    SOCKSTAT,
    NETSTAT,
    STATUS,
    MEMINFO,
    LOADAVG,
    SLABINFO,
    SMAPS,
];

/// Why a value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unread {
    /// The file is not there: another kernel, a module that is not loaded, a namespace that does not show it.
    Absent,
    /// Another user's, or root's.
    Denied,
    /// There is none: `unlimited`.
    Unlimited,
    /// It cannot be read for another reason, or says something that is not known.
    Odd(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not there"),
            Self::Denied => f.write_str("not readable without root"),
            Self::Unlimited => f.write_str("no limit"),
            Self::Odd(why) => write!(f, "not understood ({why})"),
        }
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Odd(error.to_string()),
        }
    }
}

/// Where `/proc` and `/sys` hang: `/`, or a directory of a test's own.
#[derive(Debug, Clone)]
pub(super) struct Root(pub(super) PathBuf);

impl Root {
    /// One file as text, without the blanks at its ends.
    pub(super) fn text(&self, path: &str) -> Result<String, Unread> {
        let bytes = std::fs::read(self.0.join(path))?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// Every file that is known.
    pub(super) fn read(&self) -> Texts {
        Texts(ALL.iter().map(|&path| (path, self.text(path))).collect())
    }
}

/// The files, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts(BTreeMap<Path, Result<String, Unread>>);

impl Texts {
    /// One file's text.
    pub(super) fn text(&self, path: Path) -> Result<&str, Unread> {
        self.0.get(path).map_or(Err(Unread::Absent), |text| text.as_ref().map(String::as_str).map_err(Clone::clone))
    }

    /// One file's first number.
    pub(super) fn number(&self, path: Path) -> Result<u64, Unread> {
        self.nth(path, 0)
    }

    /// A number among those that stand in one file, from 0.
    pub(super) fn nth(&self, path: Path, n: usize) -> Result<u64, Unread> {
        let text = self.text(path)?;
        let word = text.split_whitespace().nth(n);
        word.and_then(|word| word.parse().ok()).ok_or_else(|| Unread::Odd(text.chars().take(40).collect()))
    }

    /// The number behind a word of one line, as in `TCP: inuse 1 orphan 0`.
    pub(super) fn field(&self, path: Path, line: &str, word: &str) -> Option<u64> {
        let line = self.text(path).ok()?.lines().find_map(|text| text.strip_prefix(line))?;
        let mut words = line.split_whitespace().skip_while(|it| *it != word);
        words.nth(1)?.parse().ok()
    }

    /// The number of a line of its own, as in `MemTotal: 24684092 kB`.
    pub(super) fn line(&self, path: Path, name: &str) -> Option<u64> {
        let rest = self.text(path).ok()?.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse().ok()
    }

    /// A counter of `/proc/net/netstat`, where names and numbers stand in two lines one above the other.
    pub(super) fn counter(&self, path: Path, group: &str, name: &str) -> Option<u64> {
        let mut lines = self.text(path).ok()?.lines().filter_map(|line| line.strip_prefix(group));
        let (names, numbers) = (lines.next()?, lines.next()?);
        let at = names.split_whitespace().position(|it| it == name)?;
        numbers.split_whitespace().nth(at)?.parse().ok()
    }

    /// Files made up by a test.
    #[cfg(test)]
    pub(super) fn of(files: &[(Path, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| (*path, Ok((*text).to_owned()))).collect())
    }

    /// The same with one file changed.
    #[cfg(test)]
    pub(super) fn with(mut self, path: Path, text: Result<&str, Unread>) -> Self {
        self.0.insert(path, text.map(str::to_owned));
        self
    }
}

/// A file below `proc/sys` as `sysctl` names it.
pub(super) fn sysctl_name(path: Path) -> String {
    path.strip_prefix("proc/sys/").unwrap_or(path).replace('/', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_fields_are_found() {
        let texts = Texts::of(&[
            (TCP_MEM, "287901 383868 575802"),
            (SOCKSTAT, "sockets: used 21\nTCP: inuse 1 orphan 4 tw 7 alloc 1 mem 9\nUDP: inuse 0 mem 0"),
            (MEMINFO, "MemTotal:       24684092 kB\nMemAvailable:   22067756 kB"),
            (NETSTAT, "TcpExt: A ListenOverflows B\nTcpExt: 1 22 3\nIpExt: A\nIpExt: 4"),
            (RESERVED, ""),
        ]);
        assert_eq!((texts.number(TCP_MEM), texts.nth(TCP_MEM, 2)), (Ok(287_901), Ok(575_802)));
        assert_eq!(texts.field(SOCKSTAT, "TCP:", "tw"), Some(7));
        assert_eq!(texts.line(MEMINFO, "MemAvailable:"), Some(22_067_756));
        assert_eq!(texts.counter(NETSTAT, "TcpExt:", "ListenOverflows"), Some(22));
        assert_eq!(texts.counter(NETSTAT, "TcpExt:", "TCPNever"), None);
        assert!(matches!(texts.number(RESERVED), Err(Unread::Odd(_))));
        assert_eq!(texts.number(FIN_TIMEOUT), Err(Unread::Absent));
    }

    #[test]
    fn a_root_of_ones_own_is_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/sys/fs")).unwrap();
        std::fs::write(dir.path().join(FILE_NR), "698\t0\t2466177\n").unwrap();
        let texts = Root(dir.path().to_owned()).read();
        assert_eq!((texts.number(FILE_NR), texts.nth(FILE_NR, 2)), (Ok(698), Ok(2_466_177)));
        assert_eq!(texts.number(NR_OPEN), Err(Unread::Absent));
        assert_eq!(sysctl_name(FIN_TIMEOUT), "net.ipv4.tcp_fin_timeout");
    }
}
