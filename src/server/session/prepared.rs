//! The statements that a session has prepared, by their handles.

use std::collections::VecDeque;

/// The most statements and bytes of text that are remembered; beyond them the oldest is forgotten, so that what a
/// session holds is bounded.
const MOST: usize = 64;
const MOST_BYTES: usize = 64 * 1024;

/// Prepared statements.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Prepared {
    known: VecDeque<(i32, String)>,
    bytes: usize,
    last: i32,
}

impl Prepared {
    /// Remembers a statement; its handle.
    pub(in crate::server) fn add(&mut self, sql: String) -> i32 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.bytes += sql.len();
        self.known.push_back((self.last, sql));
        while self.known.len() > MOST || self.bytes > MOST_BYTES {
            let Some((_, oldest)) = self.known.pop_front() else { break };
            self.bytes -= oldest.len();
        }
        self.last
    }

    /// The statement of a handle.
    pub(in crate::server) fn sql(&self, handle: i32) -> Option<&str> {
        self.known.iter().find(|(known, _)| *known == handle).map(|(_, sql)| sql.as_str())
    }

    /// Forgets a statement; whether there was one.
    pub(in crate::server) fn remove(&mut self, handle: i32) -> bool {
        let Some(at) = self.known.iter().position(|(known, _)| *known == handle) else { return false };
        if let Some((_, sql)) = self.known.remove(at) {
            self.bytes -= sql.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_good_until_it_is_given_back() {
        let mut prepared = Prepared::default();
        let (first, second) = (prepared.add("a".to_owned()), prepared.add("b".to_owned()));
        assert_eq!((prepared.sql(first), prepared.sql(second)), (Some("a"), Some("b")));
        assert!(prepared.remove(first) && !prepared.remove(first));
        assert_eq!((prepared.sql(first), prepared.bytes), (None, 1));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut prepared = Prepared::default();
        let handles: Vec<i32> = (0..=MOST).map(|_| prepared.add("x".to_owned())).collect();
        assert_eq!((prepared.sql(handles[0]), prepared.sql(handles[1])), (None, Some("x")));
        prepared.add("y".repeat(MOST_BYTES + 1));
        assert_eq!((prepared.known.len(), prepared.bytes), (0, 0));
    }
}
