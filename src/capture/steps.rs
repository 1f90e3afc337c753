//! What a segment means to a connection: the rules that every ledger shares.

use std::net::SocketAddr;

use super::Segment;

/// What a segment does to a connection that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The server's SYN ACK.
    Answered,
    /// The client's FIN.
    ClientFin,
    /// The client's RST.
    ClientRst,
    /// The server's FIN.
    ServerFin,
    /// The server's RST.
    ServerRst,
}

/// Whether it asks for a connection; its receiver is the server then, even where both addresses are a server's.
pub(super) const fn asks(segment: &Segment) -> bool {
    segment.flags.syn && !segment.flags.ack
}

/// What a segment that asks for nothing does, in order. One that resets and closes is a reset to whoever receives it
/// (RFC 9293, section 3.10.7.4, looks at RST before FIN).
pub(super) fn steps(segment: &Segment, by_client: bool) -> impl Iterator<Item = Step> {
    let flags = segment.flags;
    let steps = if by_client {
        [None, flags.rst.then_some(Step::ClientRst), flags.fin.then_some(Step::ClientFin)]
    } else {
        [
            (flags.syn && flags.ack).then_some(Step::Answered),
            flags.rst.then_some(Step::ServerRst),
            flags.fin.then_some(Step::ServerFin),
        ]
    };
    steps.into_iter().flatten()
}

/// Without what an address may carry beside itself: IPv4 within IPv6, a scope, a flow.
pub(super) const fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
