//! `login-NUMBER` and `login-NUMBER-state-N`: the login is refused with an error of the catalogue.

use super::super::catalogue::{ServerError, server_error};
use super::super::{Action, Refusal, Stage};
use super::reply::at_login;
use crate::tds::Login7;

/// An error that ends a login, in one of its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginError {
    error: &'static ServerError,
    state: Option<u8>,
}

impl LoginError {
    /// The number of "login failed for user".
    pub const LOGIN_FAILED: u32 = 18456;
    /// The states of 18456 that its error log knows.
    pub const STATES: &'static [u8] = &[
        1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 16, 18, 23, 27, 38, 40, 46, 58, 102, 103, 104, 105, 106, 107, 108, 109, 110,
        111, 122, 123, 124, 132, 133,
    ];

    /// The error of this number, in `state` or in the one that is usual; none when the catalogue has no such number.
    #[must_use]
    pub fn new(number: u32, state: Option<u8>) -> Option<Self> {
        server_error(number).map(|error| Self { error, state })
    }

    /// This error of the catalogue in its usual state.
    pub(in super::super) const fn usual(error: &'static ServerError) -> Self {
        Self { error, state: None }
    }

    /// The error's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.error.number
    }

    /// The state that was asked for.
    #[must_use]
    pub const fn asked_state(self) -> Option<u8> {
        self.state
    }

    /// The refusal of this login.
    #[must_use]
    pub fn refusal(self, login: &Login7) -> Refusal {
        let state = self.state.unwrap_or(self.error.state);
        Refusal {
            number: self.error.number,
            // The true state of 18456 would help whoever guesses passwords.
            wire_state: if self.error.number == Self::LOGIN_FAILED { 1 } else { state },
            state,
            class: self.error.class,
            text: self.error.text(&login.user, &login.database, &login.server_name),
        }
    }

    /// What the catalogue has of it.
    #[must_use]
    pub const fn error(self) -> &'static ServerError {
        self.error
    }

    /// One message with ERROR and DONE, as SQL Server has it; then the end.
    pub(in super::super) fn act(self, stage: &Stage<'_>) -> Action {
        at_login(stage, |login| login.dialect.refuse(vec![self.refusal(login.login)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login7 {
        Login7 { user: "x".to_owned(), database: "shop".to_owned(), ..Login7::default() }
    }

    #[test]
    fn the_client_never_sees_the_true_state_of_18456() {
        let refusal = LoginError::new(18456, None).unwrap().refusal(&login());
        assert_eq!((refusal.wire_state, refusal.state, refusal.class), (1, 8, 14));
        assert_eq!(refusal.text, "Login failed for user 'x'.");
        let refusal = LoginError::new(18456, Some(5)).unwrap().refusal(&login());
        assert_eq!((refusal.wire_state, refusal.state), (1, 5));
    }

    #[test]
    fn other_errors_show_their_state() {
        let refusal = LoginError::new(40613, Some(22)).unwrap().refusal(&login());
        assert_eq!((refusal.wire_state, refusal.state), (22, 22));
        assert_eq!(LoginError::new(1, None), None);
    }

    #[test]
    fn every_state_but_the_masked_one_has_a_reason() {
        for &state in LoginError::STATES {
            assert_eq!(crate::wire::reason(state).is_some(), state != 1, "{state}");
        }
        assert_eq!(
            (0..=u8::MAX).filter(|state| crate::wire::reason(*state).is_some()).count(),
            LoginError::STATES.len() - 1
        );
    }
}
