//! How many sockets were in each state, look by look, for the sparklines.

use std::collections::VecDeque;
use std::time::Duration;

use crate::record::{Named as _, TcpState};
use crate::units::Monotonic;

/// Looks that are kept: two hours at one a second.
const KEPT: usize = 7_200;

/// Sockets by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct States([u32; TcpState::ALL.len()]);

impl States {
    /// How many are in `state`.
    #[must_use]
    pub const fn of(&self, state: TcpState) -> u32 {
        self.0[state as usize]
    }

    pub(super) const fn add(&mut self, state: TcpState) {
        self.0[state as usize] += 1;
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The states that any is in.
    pub(super) fn seen(&self) -> impl Iterator<Item = (TcpState, u32)> + '_ {
        TcpState::ALL.iter().map(|&state| (state, self.of(state))).filter(|(_, n)| *n > 0)
    }
}

/// States over time.
#[derive(Debug, Clone, Default)]
pub(super) struct History(VecDeque<(Monotonic, States)>);

impl History {
    pub(super) fn push(&mut self, at: Monotonic, states: States) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((at, states));
    }

    /// The last `span` in `columns` parts, each the most that a look in it saw; a part without a look is like the one
    /// before, and none stands before the first look.
    pub(super) fn columns(&self, state: TcpState, span: Duration, columns: usize) -> Vec<Option<u32>> {
        let mut found = vec![None; columns];
        let Some((last, _)) = self.0.back() else { return found };
        let mut oldest = columns;
        for (at, states) in self.0.iter().rev() {
            let age = last.since(*at);
            if age >= span || columns == 0 {
                break;
            }
            let back = age.as_nanos() * columns as u128 / span.as_nanos().max(1);
            let column = columns - 1 - usize::try_from(back).unwrap_or(0).min(columns - 1);
            found[column] = found[column].max(Some(states.of(state)));
            oldest = column;
        }
        for column in oldest + 1..columns {
            found[column] = found[column].or(found[column - 1]);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(close_wait: u32) -> States {
        let mut states = States::default();
        (0..close_wait).for_each(|_| states.add(TcpState::CloseWait));
        states
    }

    #[test]
    fn the_newest_look_stands_in_the_last_column() {
        let mut history = History::default();
        assert_eq!(history.columns(TcpState::CloseWait, Duration::from_secs(4), 2), [None, None]);
        for (second, close_wait) in [(0u64, 9), (6, 1), (7, 3), (9, 2)] {
            history.push(Monotonic::from_nanos(second * 1_000_000_000), states(close_wait));
        }
        let columns = |span, columns| history.columns(TcpState::CloseWait, Duration::from_secs(span), columns);
        assert_eq!(columns(4, 4), [Some(1), Some(3), Some(3), Some(2)]);
        assert_eq!(columns(4, 2), [Some(3), Some(2)], "the most of each part");
        assert_eq!(columns(20, 4), [None, None, Some(9), Some(3)]);
        assert_eq!(columns(4, 0), []);
    }

    #[test]
    fn it_has_an_end() {
        let mut history = History::default();
        (0..KEPT as u64 + 10).for_each(|second| history.push(Monotonic::from_nanos(second), states(0)));
        assert_eq!(history.0.len(), KEPT);
    }
}
