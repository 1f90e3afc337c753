//! Sockets that outlive their attempt, and when a late closer lets go of them.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::{Close, Late};
use crate::units::Monotonic;

/// Sockets held by close strategies: a descriptor and a time each, nothing more.
///
/// Each strategy has a pile of its own, since a good login's may differ from a failed one's.
#[derive(Debug, Default)]
pub struct Held {
    piles: Vec<Pile>,
}

/// What one strategy holds, oldest first.
#[derive(Debug)]
struct Pile {
    close: Close,
    sockets: VecDeque<(Monotonic, OwnedFd)>,
}

impl Pile {
    const fn late(&self) -> Late {
        match self.close {
            Close::Late(late) => late,
            _ => Late { after: None, count: None },
        }
    }

    /// When the oldest socket is to be closed, if time alone tells.
    fn next_due(&self) -> Option<Monotonic> {
        let after = self.late().after?;
        self.sockets.front().map(|(since, _)| since.after(after.0))
    }

    /// How many sockets are to be closed now.
    fn due(&self, now: Monotonic) -> usize {
        let late = self.late();
        if late.count.is_some_and(|count| self.sockets.len() >= count as usize) {
            return self.sockets.len();
        }
        let Some(after) = late.after else { return 0 };
        self.sockets.iter().take_while(|(since, _)| now >= since.after(after.0)).count()
    }
}

impl Held {
    /// Keeps open a socket whose attempt had its outcome at `since`; it is not let go before [`Held::let_go`].
    pub fn hold(&mut self, since: Monotonic, close: Close, socket: OwnedFd) {
        let found = self.piles.iter().position(|pile| pile.close == close);
        let index = found.unwrap_or_else(|| {
            self.piles.push(Pile { close, sockets: VecDeque::new() });
            self.piles.len() - 1
        });
        self.piles[index].sockets.push_back((since, socket));
    }

    /// Closes every socket whose time has come, or of which enough have piled up: how long after its outcome each was.
    pub fn let_go(&mut self, now: impl Fn() -> Monotonic) -> Vec<Duration> {
        let mut closed = Vec::new();
        for pile in &mut self.piles {
            let due = pile.due(now());
            for (since, socket) in pile.sockets.drain(..due) {
                drop(socket);
                closed.push(now().since(since));
            }
        }
        closed
    }

    /// When the next socket is to be let go, as far as time alone tells.
    #[must_use]
    pub fn next_due(&self) -> Option<Monotonic> {
        self.piles.iter().filter_map(Pile::next_due).min()
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.piles.iter().map(|pile| pile.sockets.len()).sum()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos(0).after(Duration::from_millis(millis))
    }

    fn millis(closed: &[Duration]) -> Vec<u128> {
        closed.iter().map(Duration::as_millis).collect()
    }

    fn late(text: &str) -> Close {
        text.parse().unwrap()
    }

    #[test]
    fn a_leaky_strategy_never_lets_go() {
        let mut held = Held::default();
        held.hold(at(0), Close::Leaky, descriptor());
        assert_eq!((held.let_go(|| at(1_000_000)), held.next_due()), (vec![], None));
        assert_eq!(held.len(), 1);
    }

    #[test]
    fn a_late_one_lets_go_by_time_and_says_when_and_how_late() {
        let mut held = Held::default();
        held.hold(at(0), late("late:after=100ms"), descriptor());
        held.hold(at(50), late("late:after=100ms"), descriptor());
        assert_eq!((held.let_go(|| at(99)), held.next_due()), (vec![], Some(at(100))));
        assert_eq!((millis(&held.let_go(|| at(103))), held.next_due()), (vec![103], Some(at(150))));
        assert_eq!((millis(&held.let_go(|| at(150))), held.next_due()), (vec![100], None));
        assert!(held.is_empty());
    }

    #[test]
    fn a_late_one_lets_go_by_count() {
        let mut held = Held::default();
        for expected in [1, 2, 0, 1] {
            held.hold(at(0), late("late:count=3"), descriptor());
            held.let_go(|| at(1));
            assert_eq!(held.len(), expected);
        }
    }

    #[test]
    fn each_strategy_keeps_to_its_own_sockets() {
        let mut held = Held::default();
        for _ in 0..3 {
            held.hold(at(0), Close::Leaky, descriptor());
            held.hold(at(0), late("late:after=100ms"), descriptor());
            held.hold(at(0), late("late:count=3"), descriptor());
        }
        assert_eq!((held.let_go(|| at(50)).len(), held.len()), (3, 6), "the three that had piled up");
        assert_eq!((held.let_go(|| at(100)).len(), held.len()), (3, 3), "those whose time had come");
        assert_eq!((held.let_go(|| at(100_000)).len(), held.len()), (0, 3), "and never the leaked ones");
    }
}
