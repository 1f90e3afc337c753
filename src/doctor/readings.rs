//! Everything that is read, at one edge: what follows is arithmetic over these values.

use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::process::{Resource, getrlimit};

use super::cgroup::CgroupLimits;
use super::files::{PORT_RANGE, RESERVED, Root, SMAPS, Texts};
use super::ports::Chosen;
use super::target::{self, Way};
use super::{Error, Options, namespaces, process};
use crate::record::{CloseWaitHolder, HostFacts, NamespacesFound, ProcessFound};
use crate::sample::{self, Filter, Socket, SourceKind};

/// x86-64's, in bytes.
const USUAL_PAGE: u64 = 4096;

/// A machine, read.
#[derive(Debug, Clone)]
pub(super) struct Readings {
    pub(super) host: HostFacts,
    pub(super) uid: u32,
    /// The process whose network namespace this is, where it is not this program's own.
    pub(super) namespace_of_pid: Option<u32>,
    pub(super) texts: Texts,
    pub(super) chosen: Chosen,
    pub(super) sockets: Vec<Socket>,
    /// This program's own soft and hard limit of descriptors; none for no limit.
    pub(super) nofile: (Option<u64>, Option<u64>),
    /// What a program that is started from here begins with.
    pub(super) descriptors: Option<u64>,
    pub(super) page: u64,
    pub(super) cgroup: CgroupLimits,
    pub(super) process: Option<ProcessFound>,
    pub(super) holders: Vec<CloseWaitHolder>,
    pub(super) way: Option<Way>,
    pub(super) namespaces: NamespacesFound,
}

impl Readings {
    /// Reads the machine as the calling thread sees it; `addresses` are those of the target.
    pub(super) fn read(options: &Options, addresses: Vec<SocketAddr>, of_pid: Option<u32>) -> Result<Self, Error> {
        let root = Root(PathBuf::from("/"));
        let texts = root.read();
        let range = texts.text(PORT_RANGE).map_err(|why| Error::Range(why.to_string()))?;
        let reserved = texts.text(RESERVED).unwrap_or_default();
        let chosen = Chosen::of(range, reserved).ok_or_else(|| Error::Range(format!("`{range}` is no range")))?;
        let sockets = sockets()?;
        let process = options.pid.map(|pid| process::found(&root, pid, &sockets).ok_or(Error::NoProcess(pid)));
        let limits = getrlimit(Resource::Nofile);
        let of_process = options.pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        Ok(Self {
            host: host(limits.maximum),
            uid: rustix::process::geteuid().as_raw(),
            namespace_of_pid: of_pid,
            holders: process::close_wait_holders(&root, &sockets),
            namespaces: namespaces::tried(&texts),
            nofile: (limits.current, limits.maximum),
            // The directory that is listed is open itself meanwhile.
            descriptors: process::descriptors(&root, "self").map(|n| n.saturating_sub(1)),
            page: texts.line(SMAPS, "KernelPageSize:").map_or(USUAL_PAGE, |kib| kib * 1024),
            cgroup: CgroupLimits::read(&root, &of_process),
            process: process.transpose()?,
            way: options.target.as_ref().map(|target| target::way(target, addresses)),
            texts,
            chosen,
            sockets,
        })
    }
}

fn host(nofile: Option<u64>) -> HostFacts {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    HostFacts {
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        nofile: nofile.unwrap_or(u64::MAX),
    }
}

/// Every TCP socket of the calling thread's network namespace.
fn sockets() -> Result<Vec<Socket>, Error> {
    /// A busy table may change under a read; more tries than these would not end on one that always does.
    const TRIES: u32 = 5;
    let mut source = SourceKind::Auto.open().map_err(Error::Sockets)?;
    let mut tries = 0;
    loop {
        let mut found = Vec::new();
        match source.sockets(&Filter::everything(), &mut |socket| found.push(socket)) {
            Ok(()) => return Ok(found),
            Err(sample::Error::Torn) if tries < TRIES => tries += 1,
            Err(error) => return Err(Error::Sockets(error)),
        }
    }
}

/// A machine of a test: Linux's own settings, nothing in use.
#[cfg(test)]
pub(super) fn idle() -> Readings {
    use super::files as f;
    let texts = Texts::of(&[
        (f::FIN_TIMEOUT, "60"),
        (f::TW_REUSE, "2"),
        (f::MAX_TW, "131072"),
        (f::MAX_ORPHANS, "131072"),
        (f::SYN_BACKLOG, "2048"),
        (f::TCP_MEM, "287901 383868 575802"),
        (f::SOMAXCONN, "4096"),
        (f::FILE_NR, "700 0 9223372036854775807"),
        (f::NR_OPEN, "1048576"),
        (f::PID_MAX, "32768"),
        (f::THREADS_MAX, "192730"),
        (f::SOCKSTAT, "sockets: used 21\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 0"),
        (f::MEMINFO, "MemTotal: 24684092 kB\nMemAvailable: 22067756 kB"),
        (f::LOADAVG, "3.46 2.48 2.07 3/108 28361"),
        (f::SLABINFO, "TCP 66 130 2368 13\nsock_inode_cache 236 304 832 19\nfilp 1 1 192 21\ndentry 1 1 192 21"),
    ]);
    Readings {
        host: HostFacts { kernel: "6.18.44".into(), cores: 2, nofile: 524_288 },
        uid: 0,
        namespace_of_pid: None,
        texts,
        chosen: Chosen::of("32768 60999", "").unwrap(),
        sockets: Vec::new(),
        nofile: (Some(524_288), Some(524_288)),
        descriptors: Some(3),
        page: 4096,
        cgroup: CgroupLimits::default(),
        process: None,
        holders: Vec::new(),
        way: None,
        namespaces: NamespacesFound { level: "two-hosts".into(), refusals: Vec::new(), settings: Vec::new() },
    }
}
