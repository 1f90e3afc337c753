//! Every fault by its name.

use std::fmt;

use super::{Action, CATALOGUE, Error, LoginError, Stage, connect};

/// A fault, without how it ends and how often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `none`: a good server.
    None,
    /// `connect-end`: ended as soon as it is accepted.
    ConnectEnd,
    /// `connect-no-reply`: read, never answered.
    ConnectNoReply,
    /// `login-NUMBER`, `login-NUMBER-state-N`: refused with an error of the catalogue.
    Login(LoginError),
}

impl Fault {
    /// The faults that have one fixed name.
    const FIXED: [(&'static str, Self); 3] =
        [("none", Self::None), ("connect-end", Self::ConnectEnd), ("connect-no-reply", Self::ConnectNoReply)];

    /// Every name, `login-18456-state-N` left to [`LoginError::STATES`].
    #[must_use]
    pub fn names() -> Vec<String> {
        let fixed = Self::FIXED.iter().map(|(name, _)| (*name).to_owned());
        fixed.chain(CATALOGUE.iter().map(|error| format!("login-{}", error.number))).collect()
    }

    /// The fault of this name.
    ///
    /// # Errors
    /// When there is none; the error names the known ones and the nearest.
    pub fn by_name(name: &str) -> Result<Self, Error> {
        if let Some((_, fault)) = Self::FIXED.iter().find(|(fixed, _)| *fixed == name) {
            return Ok(*fault);
        }
        let rest = name.strip_prefix("login-").ok_or_else(|| unknown(name))?;
        let (number, state) = match rest.split_once("-state-") {
            Some((number, state)) => (number, Some(state.parse::<u8>().map_err(|_| unknown(name))?)),
            None => (rest, None),
        };
        let number = number.parse().map_err(|_| unknown(name))?;
        if let Some(state) =
            state.filter(|state| number == LoginError::LOGIN_FAILED && !LoginError::STATES.contains(state))
        {
            let known: Vec<String> = LoginError::STATES.iter().map(u8::to_string).collect();
            return Err(Error::UnknownState { name: name.to_owned(), state, known: known.join(", ") });
        }
        LoginError::new(number, state).map(Self::Login).ok_or_else(|| unknown(name))
    }

    /// What the server is to do at this stage.
    #[must_use]
    pub fn act(self, stage: &Stage<'_>) -> Action {
        match self {
            Self::None => Action::Proceed,
            Self::ConnectEnd => connect::end(stage),
            Self::ConnectNoReply => connect::no_reply(stage),
            Self::Login(error) => error.act(stage),
        }
    }
}

fn unknown(name: &str) -> Error {
    let names = Fault::names();
    // Two slips of the finger at the most; a swapped pair is one.
    let near =
        names.iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).filter(|(slips, _)| *slips <= 2);
    let nearest = near.min_by_key(|(slips, _)| *slips).map(|(_, known)| known.clone());
    Error::UnknownName { name: name.to_owned(), nearest, known: names.join(", ") }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Login(error) = self {
            write!(f, "login-{}", error.number())?;
            return error.asked_state().map_or(Ok(()), |state| write!(f, "-state-{state}"));
        }
        let fixed = Self::FIXED.iter().find(|(_, fault)| fault == self);
        fixed.map_or(Ok(()), |(name, _)| f.write_str(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_printed() {
        for name in Fault::names() {
            assert_eq!(Fault::by_name(&name).unwrap().to_string(), name);
        }
        assert_eq!(Fault::by_name("login-18456-state-5").unwrap().to_string(), "login-18456-state-5");
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        for (text, expected) in
            [("login-18465", "login-18456"), ("conect-end", "connect-end"), ("login-4061", "login-4060")]
        {
            let error = Fault::by_name(text).unwrap_err();
            assert!(matches!(&error, Error::UnknownName { nearest: Some(n), .. } if n == expected), "{error}");
        }
        let error = Fault::by_name("zzz").unwrap_err().to_string();
        assert!(error.contains("connect-no-reply") && !error.contains("did you mean"), "{error}");
    }

    #[test]
    fn a_state_that_18456_does_not_have_is_refused() {
        let error = Fault::by_name("login-18456-state-99").unwrap_err().to_string();
        assert!(error.contains("no state 99") && error.contains("8, 9, 11"), "{error}");
        assert!(Fault::by_name("login-18456-state-x").is_err() && Fault::by_name("login-18456-state-900").is_err());
    }
}
