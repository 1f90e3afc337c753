//! Several faults together: which of them strike a connection, and what they want of it.

use std::time::Duration;

use super::{Action, Dice, Error, FaultSpec, Stage};
use crate::units::Span;

/// The most faults of one server: one bit each.
const MOST: usize = 64;

/// Which faults of a server's list strike one connection; decided once, at accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Struck(u64);

impl Struck {
    /// Decides it for the connection that was accepted as number `connection` (from 1), so long after the server's start.
    #[must_use]
    pub fn decide(specs: &[FaultSpec], connection: u64, since_start: Duration, dice: Dice) -> Self {
        let strikes = |(place, spec): &(usize, &FaultSpec)| spec.strikes(connection, since_start, dice, *place);
        let places = specs.iter().enumerate().take(MOST).filter(strikes);
        Self(places.fold(0, |bits, (place, _)| bits | 1 << place))
    }

    /// Whether the fault at this place of the list does.
    #[must_use]
    pub const fn by(self, place: usize) -> bool {
        place < MOST && self.0 & (1 << place) != 0
    }

    /// Whether none does.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// What the faults of a connection want at one stage of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked<'a> {
    /// So long nothing is to be said.
    pub delay: Span,
    /// The first fault that wants the delay.
    pub late: Option<&'a FaultSpec>,
    /// What is to be done then; never [`Action::Delay`].
    pub action: Action,
    /// The fault that wants it; none when all is well.
    pub by: Option<&'a FaultSpec>,
}

/// Asks the faults that strike a connection: the first that wants anything but to proceed or to be late has its way, and
/// delays add up.
#[must_use]
pub fn ask<'a>(specs: &'a [FaultSpec], struck: Struck, stage: &Stage<'_>) -> Asked<'a> {
    let mut asked = Asked { delay: Span::default(), late: None, action: Action::Proceed, by: None };
    if struck.is_none() {
        return asked;
    }
    for (_, spec) in specs.iter().enumerate().filter(|(place, _)| struck.by(*place)) {
        match spec.act(stage) {
            Action::Proceed => {}
            Action::Delay(span) => {
                asked.delay = Span(asked.delay.0.saturating_add(span.0));
                asked.late = asked.late.or(Some(spec));
            }
            action if asked.by.is_none() => (asked.action, asked.by) = (action, Some(spec)),
            _ => {}
        }
    }
    asked
}

/// Refuses faults that make no sense beside each other.
///
/// # Errors
/// When a fault of the whole listener stands beside another, or there are more than 64.
pub fn check_together(specs: &[FaultSpec]) -> Result<(), Error> {
    if let Some(alone) = specs.iter().find(|spec| spec.listener().is_some())
        && let Some(other) = specs.iter().find(|spec| !std::ptr::eq(*spec, alone))
    {
        return Err(Error::NotAlone { name: alone.fault.to_string(), other: other.to_string() });
    }
    if specs.len() > MOST {
        return Err(Error::TooMany { count: specs.len(), most: MOST });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Script;
    use super::super::testbed::{dialect, script};
    use super::*;
    use crate::tds::TdsVersion;

    fn specs(texts: &[&str]) -> Vec<FaultSpec> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn struck(specs: &[FaultSpec], connection: u64) -> Struck {
        Struck::decide(specs, connection, Duration::ZERO, Dice::new(1, connection))
    }

    #[test]
    fn the_first_that_acts_wins_and_delays_add_up() {
        let specs = specs(&["none", "slow", "session-first-end:end=hold", "session-first-stall", "slow:for=500ms"]);
        let stage = |number| Stage::Request { number, dialect: dialect(TdsVersion::V7_4) };
        let asked = ask(&specs, struck(&specs, 1), &stage(1));
        assert_eq!((asked.delay, asked.late), (Span::from_millis(1500), Some(&specs[1])));
        assert_eq!(asked.by, Some(&specs[2]));
        assert_eq!(script(asked.action), Script::end());
        let later = ask(&specs, struck(&specs, 1), &stage(2));
        assert_eq!((later.delay, later.action, later.by), (Span::from_millis(1500), Action::Proceed, None));
    }

    #[test]
    fn a_fault_that_does_not_strike_is_not_asked() {
        let specs = specs(&["connect-end:first=1", "connect-no-reply:after=1,first=1"]);
        let by = |connection| {
            ask(&specs, struck(&specs, connection), &Stage::Accepted).by.map(|spec| spec.fault.to_string())
        };
        assert_eq!(
            [by(1).as_deref(), by(2).as_deref(), by(3).as_deref()],
            [Some("connect-end"), Some("connect-no-reply"), None]
        );
        assert!(struck(&specs, 3).is_none() && !struck(&specs, 1).by(64));
    }

    #[test]
    fn the_last_place_has_a_bit() {
        let specs: Vec<FaultSpec> = vec!["connect-end".parse().unwrap(); 64];
        let all = struck(&specs, 1);
        assert!((0..64).all(|place| all.by(place)));
        assert_eq!(check_together(&specs), Ok(()));
    }

    #[test]
    fn a_listeners_fault_stands_alone() {
        for texts in [
            ["connect-refuse", "login-18456"].as_slice(),
            &["none", "connect-stall"],
            &["connect-refuse", "connect-stall"],
            &["connect-refuse", "connect-refuse"],
        ] {
            let error = check_together(&specs(texts)).unwrap_err().to_string();
            assert!(error.contains("the whole listener") && error.contains(texts[0]), "{texts:?}: {error}");
        }
        assert_eq!(check_together(&specs(&["connect-refuse:during=1s..2s"])), Ok(()));
        assert_eq!(check_together(&specs(&["login-18456", "slow", "login-18456"])), Ok(()));
        let many = vec![specs(&["slow"]).remove(0); 65];
        assert_eq!(check_together(&many), Err(Error::TooMany { count: 65, most: 64 }));
    }
}
