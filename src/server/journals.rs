//! The journals of a server's connections, as many as were asked for.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::units::Monotonic;
use crate::wire::{Journal, Scribe};

/// The journals, the newest last. A connection that is open has one that still grows.
#[derive(Debug, Default)]
pub(super) struct Journals {
    /// How many are kept; the oldest gives way.
    limit: usize,
    kept: Mutex<VecDeque<Arc<Mutex<Journal>>>>,
}

impl Journals {
    pub(super) const fn keeping(limit: usize) -> Self {
        Self { limit, kept: Mutex::new(VecDeque::new()) }
    }

    /// Begins the journal of a connection that was just accepted; none is kept with a limit of 0.
    pub(super) fn open(&self, connection: u64, client: SocketAddr, server: SocketAddr) -> Scribe {
        if self.limit == 0 {
            return Scribe::idle();
        }
        let journal = Arc::new(Mutex::new(Journal::new(connection, client, server, Monotonic::now())));
        let mut kept = self.kept();
        if kept.len() == self.limit {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&journal));
        Scribe::of(journal)
    }

    /// Every journal as it is now.
    pub(super) fn snapshot(&self) -> Vec<Journal> {
        self.kept().iter().map(|journal| journal.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Mutex<Journal>>>> {
        // A list is whole after every push and pop, so a panic elsewhere leaves nothing half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way() {
        let end = SocketAddr::from(([127, 0, 0, 1], 1));
        let journals = Journals::keeping(2);
        for connection in 1..=3 {
            let _ = journals.open(connection, end, end);
        }
        let kept: Vec<u64> = journals.snapshot().iter().map(|journal| journal.connection).collect();
        assert_eq!(kept, [2, 3]);
        let none = Journals::keeping(0);
        let _ = none.open(1, end, end);
        assert!(none.snapshot().is_empty());
    }
}
