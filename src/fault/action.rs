//! What a fault is asked, and what it may answer.

use std::net::SocketAddr;

use super::{Refusal, Script};
use crate::record::named_enum;
use crate::tds::{Encryption, Login7, PacketType, Prelogin, TdsVersion, Token, packets};
use crate::units::Span;
use crate::wire::tls::Credential;

/// Where a connection stands.
#[derive(Debug, Clone, Copy)]
pub enum Stage<'a> {
    /// It was accepted; nothing was read.
    Accepted,
    /// A PRELOGIN has come.
    Prelogin {
        /// What the client sent.
        asked: &'a Prelogin<'a>,
        /// What a good server would answer.
        reply: &'a Prelogin<'a>,
    },
    /// A ClientHello has come.
    Handshake {
        /// Whether TLS came first (TDS 8.0); otherwise its records travel in PRELOGIN packets.
        strict: bool,
    },
    /// A login has come, and its credentials are good.
    Login(&'a LoginStage<'a>),
    /// A request of a session has come.
    Request {
        /// Counts the session's requests from 1.
        number: u64,
        /// How the session is spoken with.
        dialect: Dialect<'a>,
    },
}

/// What a login is answered with.
#[derive(Debug, Clone, Copy)]
pub struct LoginStage<'a> {
    /// The login.
    pub login: &'a Login7,
    /// How its client is spoken with.
    pub dialect: Dialect<'a>,
    /// The server's own address, as this client reached it.
    pub address: SocketAddr,
}

/// How a client is spoken with: what every reply to it is encoded by.
#[derive(Debug, Clone, Copy)]
pub struct Dialect<'a> {
    /// The TDS version.
    pub version: TdsVersion,
    /// The session's id.
    pub spid: u16,
    /// The size of packets.
    pub packet_size: usize,
    /// The server's name in ERROR and INFO tokens.
    pub server: &'a str,
}

impl Dialect<'_> {
    /// The packets of a reply.
    #[must_use]
    pub fn reply(&self, tokens: &[Token]) -> Vec<u8> {
        self.packets(&Token::encode_all(tokens, self.version))
    }

    /// The packets of a reply of these bytes.
    #[must_use]
    pub fn packets(&self, payload: &[u8]) -> Vec<u8> {
        packets(PacketType::REPLY, self.spid, self.packet_size, payload)
    }

    /// The answer to a refused login: an ERROR each, and DONE; then the end.
    #[must_use]
    pub fn refuse(&self, refusals: Vec<Refusal>) -> Script {
        let bytes = self.reply(&super::script::refused(&refusals, self.server));
        Script::send(bytes).refusing(refusals)
    }
}

/// What the server is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// As a good server.
    Proceed,
    /// As a good server, but so much later; it adds to what other faults want.
    Delay(Span),
    /// To answer the PRELOGIN with this ENCRYPTION, and to go on as a server that means it.
    Encrypt(Encryption),
    /// To show another certificate, and else to do as a good server.
    Present(Credential),
    /// This in place of the good reply.
    Instead(Script),
}

impl From<Script> for Action {
    fn from(script: Script) -> Self {
        Self::Instead(script)
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
