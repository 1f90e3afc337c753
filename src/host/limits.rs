//! What a process may and did use of this machine.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Raises this process's soft limit of open descriptors to the hard one, and returns what it is then.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // A refusal leaves what was there, and the caller is told what that is.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let soft = if raised.is_ok() { limit.maximum } else { limit.current };
    soft.unwrap_or(u64::MAX)
}

/// Lowers this process's soft limit of open descriptors, which the start of every part had raised.
///
/// # Errors
/// When the kernel refuses it: `limit` is more than the hard limit.
pub fn limit_descriptors(limit: u32) -> std::io::Result<()> {
    let limits = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(limit.into()), ..limits })?)
}

/// The CPU time that this process has used so far, all threads, user and system.
#[must_use]
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(raise_descriptor_limit(), hard);
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), hard);
    }

    #[test]
    fn work_costs_cpu_time() {
        let before = cpu_time();
        while cpu_time() < before + Duration::from_millis(5) {
            std::hint::spin_loop();
        }
    }
}
