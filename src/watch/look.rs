//! The edge to the kernel: a look at this machine, and the end of a socket.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};

use super::fold::Look;
use super::model::Model;
use super::scope::Scope;
use crate::sample::{Entry, Error, Machine, Owners, namespace_of};
use crate::units::Monotonic;

/// A walk over all processes is due again after so many times what it took: 1.7 % of a core.
const WALK_REST: u32 = 60;

/// What looks; a fake one in tests.
pub trait Looker: Send {
    /// What is known after one look more.
    ///
    /// # Errors
    /// When the kernel's table cannot be read; after [`Error::Torn`] the next look may succeed.
    fn look(&mut self, before: &Model) -> Result<Model, Error>;

    /// Ends a socket.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn destroy(&mut self, socket: &Entry) -> Result<(), Error>;
}

/// Looks at this machine.
pub struct MachineLooker {
    machine: Machine,
    owners: Owners,
    only: Option<Watched>,
    next_walk: Monotonic,
}

/// The one process that is watched.
struct Watched {
    pid: u32,
    /// Tells its end, and is no later process's of this number; none where the kernel has no such thing.
    pidfd: Option<OwnedFd>,
    ended: bool,
}

impl Watched {
    fn new(pid: u32) -> Self {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        Self { pid, pidfd: number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()), ended: false }
    }

    /// Whether it has ended since it was last asked.
    fn ends(&mut self) -> bool {
        let ended = match &self.pidfd {
            Some(pidfd) => {
                poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
            }
            None => !Path::new(&format!("/proc/{}", self.pid)).exists(),
        };
        ended && !std::mem::replace(&mut self.ended, ended)
    }
}

impl MachineLooker {
    /// Opens the table of what is watched: a process's in its own network namespace, anything else in the caller's.
    ///
    /// # Errors
    /// When netlink is refused or the namespace may not be entered.
    pub fn open(scope: &Scope) -> Result<Self, Error> {
        let namespace = scope.process().map_or(Ok(None), namespace_of).map_err(Error::Enter)?;
        let machine = Machine::open(scope.filters(), namespace)?;
        let next_walk = Monotonic::from_nanos(0);
        Ok(Self { machine, owners: Owners::default(), only: scope.process().map(Watched::new), next_walk })
    }

    /// The model before the first look.
    #[must_use]
    pub fn begin(&self) -> Model {
        Model::empty(self.machine.ports())
    }

    /// Asks the processes what they hold, if there is anything new to learn and it is not too dear. Tells whether it did.
    fn walk(&mut self, at: Monotonic, sockets: &[Entry]) -> bool {
        // Its sockets may live on in another process, and are none of its any more.
        let ends = self.only.as_mut().is_some_and(Watched::ends);
        let unknown = |entry: &Entry| entry.inode != 0 && self.owners.of(entry.inode).is_none();
        if !ends && (at < self.next_walk || !sockets.iter().any(unknown)) {
            return false;
        }
        let before = thread_cpu();
        let inodes: HashSet<u64> = sockets.iter().map(|entry| entry.inode).collect();
        self.owners.walk(self.only.as_ref().map(|it| it.pid), &|inode| inodes.contains(&inode));
        self.next_walk = at.after((thread_cpu().saturating_sub(before)) * WALK_REST);
        true
    }
}

impl Looker for MachineLooker {
    fn look(&mut self, before: &Model) -> Result<Model, Error> {
        let began = thread_cpu();
        let sockets = self.machine.look()?;
        let at = Monotonic::now();
        let walked = self.walk(at, &sockets);
        let only = self.only.as_ref();
        let look = Look {
            at,
            sockets,
            owners: &self.owners,
            walked,
            only: only.map(|it| it.pid),
            ended: only.is_some_and(|it| it.ended),
            passed_over: self.machine.passed_over(),
            cost: Duration::ZERO,
        };
        let mut model = before.next(look);
        model.cost = thread_cpu().saturating_sub(began);
        Ok(model)
    }

    fn destroy(&mut self, socket: &Entry) -> Result<(), Error> {
        self.machine.destroy(socket)
    }
}

fn cpu(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// CPU time of the calling thread.
fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

/// CPU time of this process, all threads.
pub(super) fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}
