//! What may go wrong with a login, where and how often: values that return an [`Action`], and nothing that acts.
//!
//! Which faults strike a connection is decided once, at accept ([`Struck`]); those are asked at each [`Stage`] of it
//! what the server is to do there ([`ask`]). A file a phase, in which every fault is one value: its bytes and
//! its texts side by side, its test below. The choice not taken: faults as wrappers of the stream, which know bytes and
//! no logins.

mod action;
mod ask;
mod catalogue;
mod connect;
mod definition;
mod dice;
mod kind;
mod list;
mod login;
mod parameters;
mod prelogin;
mod schedule;
mod script;
mod session;
mod slow;
mod spec;
#[cfg(test)]
mod testbed;
mod tls;

pub use action::{Action, Dialect, End, LoginStage, Stage};
pub use ask::{Asked, Struck, ask, check_together};
pub use catalogue::{CATALOGUE, ServerError, server_error};
pub use definition::Phase;
pub use dice::Dice;
pub use kind::{Fault, ListenerFault};
pub use list::{Entry, list};
pub use login::LoginError;
pub use parameters::{Key, Take};
pub use schedule::Window;
pub use script::{Refusal, Script, Step, Then};
pub use spec::FaultSpec;

/// Why a text is no fault, or faults do not go together; completes "failed to read the fault ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No fault has this name.
    #[error("unknown fault `{name}`{}", suggestion(nearest.as_deref(), known))]
    UnknownName {
        /// What was written.
        name: String,
        /// The known name that is nearest to it, if one is near.
        nearest: Option<String>,
        /// Every known name, or those of its phase.
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
    /// A parameter is unknown, repeated, senseless, or has a wrong value.
    #[error("`{parameter}` in `{text}`: {problem}; it takes {known}")]
    Parameter {
        /// The whole text.
        text: String,
        /// The part that is wrong.
        parameter: String,
        /// What is wrong with it.
        problem: String,
        /// What the fault takes.
        known: String,
    },
    /// A fault of the whole listener stands beside another.
    #[error("`{name}` belongs to the whole listener and stands alone, and `{other}` stands beside it")]
    NotAlone {
        /// The listener's.
        name: String,
        /// The other one.
        other: String,
    },
    /// There are too many.
    #[error("{count} faults are too many for one server; it takes {most}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
}

fn suggestion(nearest: Option<&str>, known: &str) -> String {
    match nearest {
        Some(nearest) => format!(", did you mean `{nearest}`?"),
        None if known.is_empty() => "; closewait serve --list-faults tells them all".to_owned(),
        None => format!("; known are {known}"),
    }
}
