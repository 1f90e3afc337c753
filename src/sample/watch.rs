//! One side under watch: its counters, its table and its descriptors, all bound to its namespace.

use std::time::Duration;

use super::counters::CounterFiles;
use super::descriptors::Descriptors;
use super::ports::PortSet;
use super::{Error, Filter, Socket, Source, SourceKind};
use crate::record::{Counters, Counts, Named, SideSample, Table, TableReason, TcpState};

/// How often a table that changed under the read is read anew.
const TRIES: u32 = 3;

/// One side under watch.
pub(super) struct Watch {
    filter: Filter,
    counters: CounterFiles,
    source: Box<dyn Source + Send>,
    pub(super) descriptors: Descriptors,
    tally: Tally,
}

impl Watch {
    /// Opens everything in the calling thread's network namespace.
    pub(super) fn open(filter: Filter, kind: SourceKind) -> Result<Self, Error> {
        Ok(Self {
            filter,
            counters: CounterFiles::open()?,
            source: kind.open()?,
            descriptors: Descriptors::default(),
            tally: Tally::new(),
        })
    }

    /// What documents call the table's source.
    pub(super) fn source(&self) -> &'static str {
        self.source.name()
    }

    /// Everything that is cheap.
    pub(super) fn look(&mut self) -> Result<SideSample, Error> {
        Ok(SideSample { counters: self.counters.read()?, table: None, descriptors: self.descriptors.sum() })
    }

    /// Adds the table, and the descriptors where they had to be counted.
    pub(super) fn look_closely(&mut self, sample: &mut SideSample, reason: TableReason) -> Result<(), Error> {
        let before = cpu_time();
        self.read_table()?;
        sample.table = Some(self.tally.table(reason, cpu_time().saturating_sub(before)));
        sample.descriptors = sample.descriptors.or_else(|| self.descriptors.counted());
        Ok(())
    }

    fn read_table(&mut self) -> Result<(), Error> {
        for _ in 1..TRIES {
            match self.read_table_once() {
                Err(Error::Torn) => (),
                ended => return ended,
            }
        }
        self.read_table_once()
    }

    fn read_table_once(&mut self) -> Result<(), Error> {
        self.tally.clear();
        let tally = &mut self.tally;
        self.source.sockets(&self.filter, &mut |socket| tally.add(&socket))
    }
}

/// How many sockets the counters tell of: what a table's cost grows with.
pub(super) const fn sockets_of(counters: &Counters) -> u64 {
    counters.in_use.saturating_add(counters.time_wait)
}

/// CPU time of the calling thread, user and system.
pub(super) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // A thread's clock starts at its birth and never runs backwards.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Sockets added up, in room that does not grow with them.
struct Tally {
    states: [u64; TcpState::ALL.len()],
    ports: PortSet,
    /// None as soon as one socket's memory is not known.
    memory: Option<u64>,
}

impl Tally {
    fn new() -> Self {
        Self { states: [0; TcpState::ALL.len()], ports: PortSet::new(), memory: Some(0) }
    }

    fn clear(&mut self) {
        self.states.fill(0);
        self.ports.clear();
        self.memory = Some(0);
    }

    fn add(&mut self, socket: &Socket) {
        self.states[usize::from(socket.state.kernel() - 1)] += 1;
        self.ports.insert(socket.local.port());
        self.memory = self.memory.zip(socket.memory).map(|(sum, more)| sum.saturating_add(more));
    }

    fn table(&self, reason: TableReason, cost: Duration) -> Table {
        let states: Counts<TcpState> = TcpState::ALL.iter().copied().zip(self.states).collect();
        Table { reason, states, local_ports: self.ports.count(), memory_bytes: self.memory, cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_states_ports_and_memory() {
        let mut tally = Tally::new();
        let socket = |port: u16, state, memory| Socket {
            local: ([10, 0, 0, 1], port).into(),
            remote: ([10, 0, 0, 2], 1433).into(),
            state,
            inode: 0,
            memory,
        };
        for (port, state) in [(1, TcpState::CloseWait), (2, TcpState::CloseWait), (2, TcpState::Closing)] {
            tally.add(&socket(port, state, Some(100)));
        }
        let table = tally.table(TableReason::Start, Duration::ZERO);
        assert_eq!((table.states.of(TcpState::CloseWait), table.states.of(TcpState::Closing)), (2, 1));
        assert_eq!((table.states.total(), table.local_ports, table.memory_bytes), (3, 2, Some(300)));
        tally.add(&socket(3, TcpState::Listen, None));
        assert_eq!(tally.table(TableReason::End, Duration::ZERO).memory_bytes, None);
        tally.clear();
        let empty = tally.table(TableReason::End, Duration::ZERO);
        assert_eq!((empty.states.total(), empty.local_ports, empty.memory_bytes), (0, 0, Some(0)));
    }
}
