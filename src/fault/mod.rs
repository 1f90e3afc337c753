//! What may go wrong with a login, where and how often: values that return an [`Action`], and nothing that acts.
//!
//! A fault is asked at each [`Stage`] of a connection and answers what the server is to do there; the first of several
//! that answers anything but [`Action::Proceed`] wins. A file a fault, its test beside it. The choice not taken: faults
//! as wrappers of the stream, which know bytes and no logins.

mod action;
mod catalogue;
mod connect;
mod dice;
mod kind;
mod login;
mod spec;

pub use action::{Action, End, Refusal, Stage};
pub use catalogue::{CATALOGUE, ServerError, server_error};
pub use dice::Dice;
pub use kind::Fault;
pub use login::LoginError;
pub use spec::FaultSpec;

/// Why a text is no fault; completes "failed to read the fault ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No fault has this name.
    #[error("unknown fault `{name}`{}; known are {known}", suggestion(nearest.as_deref()))]
    UnknownName {
        /// What was written.
        name: String,
        /// The known name that is nearest to it, if one is near.
        nearest: Option<String>,
        /// Every known name.
        known: String,
    },
    /// The error's number has no such state.
    #[error("18456 has no state {state} in `{name}`; it has {known}")]
    UnknownState {
        /// What was written.
        name: String,
        /// The state.
        state: u8,
        /// The known ones.
        known: String,
    },
    /// A parameter is unknown, repeated, or has no value.
    #[error("`{parameter}` in `{text}` is no parameter; known are end=close|hold|reset and p=0.2")]
    Parameter {
        /// The whole text.
        text: String,
        /// The part that is wrong.
        parameter: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!(", did you mean `{nearest}`?")).unwrap_or_default()
}
