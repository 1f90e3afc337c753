//! Who held the ports when they ran out: the client's sockets by state, and what each state means for whoever looks.

use super::evidence::exhausted;
use crate::record::{ArmRun, Counts, Side, TcpState};
use crate::units::Count;

/// Fewer than one in ten hold too little to be named.
const NAMED: u64 = 10;

/// The client's sockets when ports ran out: in the table read at that moment, or else the peaks.
pub(super) struct Holders(Counts<TcpState>);

/// Those of `arm`; none where no port ran out.
pub(super) fn of(arm: &ArmRun) -> Option<Holders> {
    let states = arm.at_exhaustion.as_ref().or_else(|| arm.peak.get(&Side::Client));
    exhausted(arm).then(|| Holders(states.cloned().unwrap_or_default()))
}

/// Those of `arm` when most of them were in `state`.
pub(super) fn mostly(arm: &ArmRun, state: TcpState) -> Option<Holders> {
    of(arm).filter(|holders| holders.most() == Some(state))
}

impl Holders {
    /// The state that held more ports than all others together.
    pub(super) fn most(&self) -> Option<TcpState> {
        self.holding().find(|(_, n)| 2 * n > self.total()).map(|(state, _)| state)
    }

    /// How many were in `state`.
    pub(super) fn of(&self, state: TcpState) -> u64 {
        self.0.of(state)
    }

    /// Every state that many were in, but `except`.
    pub(super) fn named(&self, except: Option<TcpState>) -> Vec<(TcpState, u64)> {
        let many = |(state, n): &(TcpState, u64)| n * NAMED >= self.total() && Some(*state) != except;
        self.holding().filter(many).collect()
    }

    /// ` Besides there were 249 in TIME_WAIT (...).`: whoever is not in `state`; nothing where those are few.
    pub(super) fn others(&self, state: TcpState) -> String {
        match told(&self.named(Some(state))) {
            others if others.is_empty() => others,
            others => format!(" Besides there were {others}."),
        }
    }

    fn holding(&self) -> impl Iterator<Item = (TcpState, u64)> {
        self.0.iter().filter(|(state, n)| *n > 0 && !matches!(state, TcpState::Listen | TcpState::Close))
    }

    fn total(&self) -> u64 {
        self.holding().map(|(_, n)| n).sum()
    }
}

/// `250 in CLOSE_WAIT (the server had closed, the client had not) and ...`.
pub(super) fn told(states: &[(TcpState, u64)]) -> String {
    let told: Vec<_> =
        states.iter().map(|(state, n)| format!("{} in {} ({})", Count(*n), state, meaning(*state))).collect();
    told.join(", ")
}

const fn meaning(state: TcpState) -> &'static str {
    match state {
        TcpState::Established => "neither side had closed",
        TcpState::SynSent => "nobody had answered the client's SYN",
        TcpState::SynRecv => "the handshake had not ended",
        TcpState::FinWait1 => "the client had closed, and nobody had acknowledged its FIN",
        TcpState::FinWait2 => "the client had closed, the server had not",
        TcpState::TimeWait => "the client had closed first; Linux keeps such a port for 60 s",
        TcpState::CloseWait => "the server had closed, the client had not",
        TcpState::LastAck | TcpState::Closing => "both had closed, and the client's FIN was not acknowledged",
        TcpState::Close => "in no connection",
        TcpState::Listen => "waiting for connections",
    }
}
