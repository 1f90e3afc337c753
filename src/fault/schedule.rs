//! Which connections a fault strikes: arithmetic over the connection's number, the time, and dice.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Dice;
use crate::units::{ParseError, Span};

/// Which connections a fault strikes; all by default. Every part must agree.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Schedule {
    /// The share of connections, above 0 and at most 1; none is all.
    pub(super) probability: Option<f64>,
    /// So many connections come before the first that it may strike.
    pub(super) after: u64,
    /// Of those that come then, only so many may be struck.
    pub(super) first: Option<u64>,
    /// Only connections that come in this time.
    pub(super) during: Option<Window>,
}

impl Schedule {
    /// Whether the connection that was accepted as number `connection` (from 1), so long after the server's start, is
    /// struck; `place` is the fault's place in the server's list, which throws dice of its own.
    pub(super) fn strikes(&self, connection: u64, since_start: Duration, dice: Dice, place: usize) -> bool {
        let Some(turn) = connection.checked_sub(self.after).filter(|turn| *turn > 0) else { return false };
        self.first.is_none_or(|first| turn <= first)
            && self.during.is_none_or(|window| window.holds(since_start))
            && self.probability.is_none_or(|p| dice.throw(place) < p)
    }
}

/// A time since the server's start, its end excluded, never empty; reads and prints `5s..10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: Span,
    to: Span,
}

impl Window {
    /// Whether a moment lies in it.
    #[must_use]
    pub fn holds(self, since_start: Duration) -> bool {
        (self.from.0..self.to.0).contains(&since_start)
    }

    /// When it begins.
    #[must_use]
    pub const fn from(self) -> Span {
        self.from
    }

    /// When it is over.
    #[must_use]
    pub const fn to(self) -> Span {
        self.to
    }
}

impl FromStr for Window {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (from, to) = text
            .split_once("..")
            .ok_or_else(|| ParseError::new("a time since the server's start is needed: 5s..10s"))?;
        let (from, to) = (from.parse::<Span>()?, to.parse::<Span>()?);
        if from >= to {
            return Err(ParseError::new(format!("from {from} to {to} there is no time")));
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(schedule: Schedule) -> Vec<u64> {
        (0..=10).filter(|n| schedule.strikes(*n, Duration::ZERO, Dice::new(1, *n), 0)).collect()
    }

    #[test]
    fn after_and_first_count_connections() {
        assert_eq!(struck(Schedule::default()), (1..=10).collect::<Vec<_>>(), "there is no connection 0");
        assert_eq!(struck(Schedule { after: 8, ..Schedule::default() }), [9, 10]);
        assert_eq!(struck(Schedule { first: Some(2), ..Schedule::default() }), [1, 2]);
        assert_eq!(struck(Schedule { after: 3, first: Some(2), ..Schedule::default() }), [4, 5]);
        let never = Schedule { after: u64::MAX, first: Some(u64::MAX), ..Schedule::default() };
        assert!(!never.strikes(u64::MAX, Duration::ZERO, Dice::new(1, 1), 0));
    }

    #[test]
    fn during_holds_its_beginning_and_not_its_end() {
        let schedule = Schedule { during: Some("5s..10s".parse().unwrap()), ..Schedule::default() };
        let strikes = |millis| schedule.strikes(1, Duration::from_millis(millis), Dice::new(1, 1), 0);
        assert_eq!([4_999, 5_000, 9_999, 10_000].map(strikes), [false, true, true, false]);
        for text in ["10s..5s", "5s..5s", "5s", "5..10", "..", "5s..x"] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_struck_and_every_place_has_dice_of_its_own() {
        let half = Schedule { probability: Some(0.5), ..Schedule::default() };
        let of = |place| -> Vec<bool> {
            (1..=1000).map(|n| half.strikes(n, Duration::ZERO, Dice::new(7, n), place)).collect()
        };
        let hits = of(0).into_iter().filter(|hit| *hit).count();
        assert!((430..570).contains(&hits), "{hits}");
        assert_eq!(of(0), of(0));
        assert_ne!(of(0), of(1));
    }
}
