//! Why a run could not be played.

use std::io;
use std::net::SocketAddr;

use crate::units::HostPort;
use crate::{host, sandbox};

/// Why a run could not be played; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No sandbox of the level that was asked for.
    #[error("make the arm's hosts")]
    Sandbox(#[from] sandbox::Error),
    /// A part could not be started or spoken with.
    #[error("speak with a part of the run")]
    Part(#[from] host::Error),
    /// A part ended before its time.
    #[error("play the arm `{arm}`: its {part} ended early ({reason})")]
    PartDied {
        /// The arm.
        arm: String,
        /// Which part.
        part: String,
        /// How it ended.
        reason: String,
    },
    /// A part is there and does not answer.
    #[error("play the arm `{arm}`: its {part} has not answered for {seconds} s")]
    PartSilent {
        /// The arm.
        arm: String,
        /// Which part.
        part: String,
        /// For how long.
        seconds: u64,
    },
    /// A part said that it cannot go on.
    #[error("play the arm `{arm}`: its {part} failed to {reason}")]
    PartFailed {
        /// The arm.
        arm: String,
        /// Which part.
        part: String,
        /// What it failed to do.
        reason: String,
    },
    /// The target's host has no address.
    #[error("find the address of the target `{target}`")]
    Resolve {
        /// The target.
        target: HostPort,
        /// What the resolver said.
        source: io::Error,
    },
    /// The target does not accept a connection.
    #[error("connect to the target `{target}`")]
    Unreachable {
        /// The target.
        target: HostPort,
        /// The last of its addresses that was tried.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The target is another machine, and nobody said that this is meant.
    #[error("load the target `{0}`: it is not on this machine")]
    Remote(HostPort),
    /// More sockets than all processes together may have.
    #[error(
        "hold {sockets} sockets in the arm `{arm}`: one process may have {nofile} descriptors, which would take more than \
         {} workers",
        super::crew::MOST_WORKERS
    )]
    Descriptors {
        /// The arm.
        arm: String,
        /// How many sockets it may come to hold.
        sockets: u64,
        /// The hard limit of one process.
        nofile: u64,
    },
}

impl Error {
    /// Something to type that may help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Sandbox(error) => error.hint(),
            Self::Resolve { .. } => Some("check the name, or write an address: --target 127.0.0.1:1433".into()),
            Self::Unreachable { address, .. } if address.ip().is_loopback() => {
                Some(format!("is the server up, and on this port? try: closewait serve --listen {address}"))
            }
            Self::Unreachable { address, .. } => {
                Some(format!("is the server up, on this port, and may this machine reach {address}? a firewall may not let it"))
            }
            Self::Remote(_) => Some("a load like this can take a server down; if it is yours, add --allow-remote".into()),
            Self::Descriptors { .. } => {
                Some("raise the hard limit (ulimit -Hn, LimitNOFILE=, --ulimit nofile=), or lower the arm's `ports`, `attempts` or `in_flight`".into())
            }
            Self::PartDied { .. } => Some("was it killed? look at the kernel's log for the OOM killer: dmesg | tail".into()),
            Self::PartSilent { .. } => Some("is it stopped (kill -STOP), or this machine far overloaded? look at: top".into()),
            Self::Part(_) | Self::PartFailed { .. } => None,
        }
    }

    /// Whether the command asked for something that it may not, rather than the machine refusing it.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proposed_to_listen_on_is_an_address_of_this_machine() {
        let hint = |address: &str| {
            let address: SocketAddr = address.parse().unwrap();
            let target = HostPort { host: address.ip().to_string(), port: address.port() };
            Error::Unreachable { target, address, source: io::ErrorKind::ConnectionRefused.into() }.hint().unwrap()
        };
        for address in ["[::1]:37677", "127.0.0.1:1433"] {
            let hint = hint(address);
            let listen = hint.split_once("--listen ").unwrap().1;
            assert_eq!(listen.parse::<SocketAddr>().unwrap().to_string(), address, "{hint}");
        }
        assert!(!hint("192.0.2.1:1433").contains("--listen"), "nobody can listen on another machine's address");
    }
}
