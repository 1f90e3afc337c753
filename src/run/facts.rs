//! The machine's own facts, for the record.

use crate::record::HostFacts;

/// Kernel, processors and descriptors of this machine.
#[must_use]
pub fn host_facts() -> HostFacts {
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    HostFacts { kernel, cores: u32::try_from(cores).unwrap_or(u32::MAX), nofile: nofile() }
}

/// Descriptors that one process may have: the hard limit, to which every part raises itself.
pub(super) fn nofile() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(u64::MAX)
}
