//! What a fault sends in place of the good reply, step by step.
//!
//! Bytes are whole as they go on the wire, packets included, so that a server has only to play them. The choice not
//! taken: scripts that write to a stream themselves, which would need a socket in every fault's test.

use crate::tds::{Done, ServerMessage, Token};
use crate::units::Span;

/// What is sent in place of the good reply, and what comes after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The errors that the login is refused with, for counts and the error log; empty when it is not refused.
    pub refusals: Vec<Refusal>,
    /// What is sent, in order.
    pub steps: Vec<Step>,
    /// What comes after the last step.
    pub then: Then,
}

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes, as they go on the wire.
    Send(Vec<u8>),
    /// What a good server would send here.
    Whole,
    /// The first half of what a good server would send here.
    Half,
    /// What a good server would send here, a byte each span.
    Drip(Span),
    /// These bytes again and again, until the client goes.
    Repeat {
        /// The bytes, as they go on the wire.
        bytes: Vec<u8>,
        /// The pause between two of them.
        every: Span,
    },
    /// Nothing for so long; what comes meanwhile is read and forgotten.
    Wait(Span),
}

/// What comes after a script's last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The server ends the connection: as the fault says, or else by the server's close mode.
    End,
    /// Everything is read and nothing said, until the client goes.
    Silence,
    /// As a good server that has sent its reply.
    Proceed,
}

impl Script {
    /// Nothing is sent; the connection ends.
    #[must_use]
    pub const fn end() -> Self {
        Self { refusals: Vec::new(), steps: Vec::new(), then: Then::End }
    }

    /// These bytes, then the end.
    #[must_use]
    pub fn send(bytes: Vec<u8>) -> Self {
        Self::step(Step::Send(bytes))
    }

    /// One step, then the end.
    #[must_use]
    pub fn step(step: Step) -> Self {
        Self { steps: vec![step], ..Self::end() }
    }

    /// Nothing is said: for so long, and then the end; or until the client goes.
    #[must_use]
    pub fn stall(time: Option<Span>) -> Self {
        match time {
            Some(time) => Self::step(Step::Wait(time)),
            None => Self { then: Then::Silence, ..Self::end() },
        }
    }

    /// The script, and something else after it.
    #[must_use]
    pub fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// The script as a refusal of the login.
    #[must_use]
    pub fn refusing(self, refusals: Vec<Refusal>) -> Self {
        Self { refusals, ..self }
    }
}

/// A refused login: an ERROR on the wire, perhaps another state in the error log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error's number.
    pub number: u32,
    /// The state that the client is told.
    pub wire_state: u8,
    /// The true state, for the error log.
    pub state: u8,
    /// The class.
    pub class: u8,
    /// The text, its placeholders filled.
    pub text: String,
}

impl Refusal {
    /// The ERROR token of a server of this name.
    #[must_use]
    pub fn message(&self, server: &str) -> ServerMessage {
        ServerMessage {
            // Every number of the catalogue is far below 2^31.
            number: i32::try_from(self.number).unwrap_or(i32::MAX),
            state: self.wire_state,
            class: self.class,
            text: self.text.clone(),
            server: server.to_owned(),
            procedure: String::new(),
            line: 1,
        }
    }
}

/// The tokens of a refused login: an ERROR each, and one DONE.
pub(super) fn refused(refusals: &[Refusal], server: &str) -> Vec<Token> {
    let errors = refusals.iter().map(|refusal| Token::Error(refusal.message(server)));
    errors.chain([Token::Done(Done::of(Done::ERROR))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_ends_only_after_its_time() {
        assert_eq!(Script::stall(None), Script { then: Then::Silence, ..Script::end() });
        let timed = Script::stall(Some(Span::from_secs(30)));
        assert_eq!((timed.steps, timed.then), (vec![Step::Wait(Span::from_secs(30))], Then::End));
    }
}
