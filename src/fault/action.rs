//! What a fault is asked, and what it may answer.

use crate::record::named_enum;
use crate::tds::{Login7, ServerMessage};

/// Where a connection stands.
#[derive(Debug, Clone, Copy)]
pub enum Stage<'a> {
    /// It was accepted; nothing was read.
    Accepted,
    /// A login has come, and its credentials are good.
    Login(&'a Login7),
}

/// What the server is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// As a good server.
    Proceed,
    /// Say no more, and end the connection.
    End,
    /// Read, and say nothing, until the client ends the connection.
    Ignore,
    /// Refuse the login.
    Refuse(Refusal),
}

/// A refused login: one ERROR and DONE on the wire, another state in the error log.
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

named_enum! {
    /// What the server's side does with a connection when its fault is over.
    pub enum End {
        /// It closes: a FIN.
        Close = "close",
        /// It keeps the connection; only the client can end it.
        Hold = "hold",
        /// It resets the connection: an RST.
        Reset = "reset",
    }
}
