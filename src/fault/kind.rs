//! Every fault by its name.

use std::fmt;

use super::catalogue::{CATALOGUE, ServerError};
use super::definition::{Definition, ENDS, Phase, Scope};
use super::parameters::{Parameters, Take};
use super::{Action, Error, LoginError, Stage, connect, login, prelogin, session, slow, tls};

/// A fault, without how it ends and how often it comes.
#[derive(Debug, Clone, Copy)]
pub struct Fault(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Defined(&'static Definition),
    /// `login-NUMBER`, `login-NUMBER-state-N`: refused with an error of the catalogue.
    Refused(LoginError),
}

/// What belongs to a whole listener, and not to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerFault {
    /// Nobody listens: every SYN is answered with RST.
    Refuse,
    /// No SYN is answered.
    Stall,
}

/// Every fault with a file of its own, phase by phase.
fn defined() -> impl Iterator<Item = &'static Definition> {
    let early = slow::FAULTS.iter().chain(connect::FAULTS).chain(prelogin::FAULTS).chain(tls::faults());
    early.chain(login::FAULTS).chain(session::FAULTS)
}

impl Fault {
    /// Every fault, phase by phase; `login-NUMBER-state-N` is left to [`LoginError::STATES`].
    pub fn all() -> impl Iterator<Item = Self> {
        let refused = CATALOGUE.iter().map(|error| Self(Kind::Refused(LoginError::usual(error))));
        let defined = |late: bool| {
            defined().filter(move |it| (it.phase >= Phase::Login) == late).map(|it| Self(Kind::Defined(it)))
        };
        defined(false).chain(refused).chain(defined(true))
    }

    /// Every name, `login-NUMBER-state-N` left out.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::all().map(Self::base_name).collect()
    }

    /// The fault of this name.
    ///
    /// # Errors
    /// When there is none; the error names the known ones and the nearest.
    pub fn by_name(name: &str) -> Result<Self, Error> {
        if let Some(fault) = Self::all().find(|fault| fault.base_name() == name) {
            return Ok(fault);
        }
        let stated = name.strip_prefix("login-").and_then(|rest| rest.split_once("-state-"));
        let (number, state) = stated.ok_or_else(|| unknown(name))?;
        let number = number.parse().map_err(|_| unknown(name))?;
        let state: u8 = state.parse().map_err(|_| unknown(name))?;
        if number == LoginError::LOGIN_FAILED && !LoginError::STATES.contains(&state) {
            let known: Vec<String> = LoginError::STATES.iter().map(u8::to_string).collect();
            return Err(Error::UnknownState { name: name.to_owned(), state, known: known.join(", ") });
        }
        LoginError::new(number, Some(state)).map(|error| Self(Kind::Refused(error))).ok_or_else(|| unknown(name))
    }

    /// What the server is to do at this stage.
    pub(super) fn act(self, parameters: &Parameters, stage: &Stage<'_>) -> Action {
        match self.0 {
            Kind::Defined(definition) => (definition.act)(parameters, stage),
            Kind::Refused(error) => error.act(stage),
        }
    }

    /// The name, without a state.
    fn base_name(self) -> &'static str {
        match self.0 {
            Kind::Defined(definition) => definition.name,
            Kind::Refused(error) => error.error().name,
        }
    }

    /// Its definition, unless it refuses with an error of the catalogue.
    pub(super) const fn definition(self) -> Result<&'static Definition, &'static ServerError> {
        match self.0 {
            Kind::Defined(definition) => Ok(definition),
            Kind::Refused(error) => Err(error.error()),
        }
    }

    /// Where it strikes.
    #[must_use]
    pub fn phase(self) -> Phase {
        self.definition().map_or(Phase::Login, |definition| definition.phase)
    }

    /// Whether the login is never over under it, so that only the client can end the wait.
    #[must_use]
    pub fn never_over(self) -> bool {
        self.definition().is_ok_and(|definition| definition.never_over)
    }

    /// Whether its answer to a login, if it gives one, has its end: whoever has read it need not wait for the server's FIN
    /// to know that the login is over.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.definition().map_or(true, |definition| definition.whole)
    }

    /// What it does to the whole listener, if it does.
    #[must_use]
    pub fn listener(self) -> Option<ListenerFault> {
        match self.definition().ok()?.scope {
            Scope::Listener(fault) => Some(fault),
            Scope::Nothing | Scope::Connection => None,
        }
    }

    /// The parameters that it takes, its own first.
    #[must_use]
    pub fn takes(self) -> Vec<Take> {
        let (own, scope) =
            self.definition().map_or((ENDS, Scope::Connection), |definition| (definition.own, definition.scope));
        own.iter().chain(scope.takes()).copied().collect()
    }
}

impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Fault {}

fn unknown(name: &str) -> Error {
    let names = Fault::names();
    // Two slips of the finger at the most; a swapped pair is one.
    let near =
        names.iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).filter(|(slips, _)| *slips <= 2);
    let nearest = near.min_by_key(|(slips, _)| *slips).map(|(_, known)| (*known).to_owned());
    // Whoever knows the phase is told of it, where that is no page.
    let phase = name.split_once('-').map(|(phase, _)| format!("{phase}-"));
    let mut known: Vec<&str> =
        names.iter().filter(|it| phase.as_ref().is_some_and(|phase| it.starts_with(phase))).copied().collect();
    if known.len() > 12 {
        known.clear();
    }
    Error::UnknownName { name: name.to_owned(), nearest, known: known.join(", ") }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base_name())?;
        match self.0 {
            Kind::Refused(error) => error.asked_state().map_or(Ok(()), |state| write!(f, "-state-{state}")),
            Kind::Defined(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grid of the published contract, written out: phase by behaviour.
    const GRID: &[(&str, &[&str])] = &[
        ("connect", &["refuse", "stall", "no-reply", "end"]),
        ("prelogin", &["garbage", "bad-option", "cut", "drip", "stall", "end", "encryption-mismatch"]),
        ("tls", &["garbage", "alert", "cut", "stall", "end", "untrusted", "expired", "wrong-name"]),
        ("strict", &["garbage", "alert", "cut", "stall", "end", "untrusted", "expired", "wrong-name"]),
        (
            "login",
            &[
                "18456",
                "18452",
                "18401",
                "18461",
                "18470",
                "18486",
                "18487",
                "18488",
                "17806",
                "17809",
                "17828",
                "17830",
                "17832",
                "17836",
                "17892",
                "4060",
                "4064",
                "10928",
                "10929",
                "40197",
                "40501",
                "40613",
                "42108",
                "42109",
                "49918",
                "49919",
                "49920",
                "4060-18456",
                "no-done",
                "short-done",
                "done-only",
                "empty",
                "cut",
                "cut-packet",
                "no-eom",
                "garbage",
                "bad-type",
                "drip",
                "split",
                "info-forever",
                "stall",
                "end",
                "error-then-ack",
                "route",
            ],
        ),
        ("session", &["end", "first-stall", "first-end", "first-error", "later-stall", "later-end"]),
    ];

    #[test]
    fn the_names_are_exactly_the_contracts_grid() {
        let grid = GRID.iter().flat_map(|(phase, whats)| whats.iter().map(move |what| format!("{phase}-{what}")));
        let expected: Vec<String> = ["none".to_owned(), "slow".to_owned()].into_iter().chain(grid).collect();
        assert_eq!(Fault::names(), expected);
    }

    #[test]
    fn every_name_is_read_and_printed_and_is_of_its_phase() {
        use crate::record::Named as _;

        for name in Fault::names() {
            let fault = Fault::by_name(name).unwrap();
            assert_eq!(fault.to_string(), name);
            let phase = fault.phase();
            assert!(phase == Phase::Any || name.starts_with(&format!("{}-", phase.name())), "{name}");
        }
        assert_eq!(Fault::by_name("login-18456-state-5").unwrap().to_string(), "login-18456-state-5");
        assert_ne!(Fault::by_name("login-18456-state-5"), Fault::by_name("login-18456"));
    }

    /// As the contract of `check` has it: under stall, no-reply, drip and info-forever.
    #[test]
    fn the_login_is_never_over_under_these_alone() {
        for fault in Fault::all() {
            let name = fault.to_string();
            let never = ["-stall", "-no-reply", "-drip", "-info-forever"].iter().any(|what| name.ends_with(what));
            assert_eq!(fault.never_over(), never, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_and_its_phase() {
        for (text, expected) in [
            ("login-18465", "login-18456"),
            ("conect-end", "connect-end"),
            ("login-4061", "login-4060"),
            ("strict-wrong_name", "strict-wrong-name"),
        ] {
            let error = Fault::by_name(text).unwrap_err();
            assert!(matches!(&error, Error::UnknownName { nearest: Some(n), .. } if n == expected), "{error}");
        }
        let error = Fault::by_name("zzz").unwrap_err().to_string();
        assert!(error.contains("--list-faults") && !error.contains("did you mean"), "{error}");
        let error = Fault::by_name("session-nothing").unwrap_err().to_string();
        assert!(error.contains("session-later-end") && !error.contains("connect-"), "{error}");
    }

    #[test]
    fn a_state_that_18456_does_not_have_is_refused() {
        let error = Fault::by_name("login-18456-state-99").unwrap_err().to_string();
        assert!(error.contains("no state 99") && error.contains("8, 9, 11"), "{error}");
        for text in ["login-18456-state-x", "login-18456-state-900", "login-1-state-1", "login-end-state-1"] {
            assert!(Fault::by_name(text).is_err(), "{text}");
        }
    }
}
