//! TCP states as the kernel has them (`include/net/tcp_states.h`).

use std::fmt;

use super::{Named, named_enum};

named_enum! {
    /// A TCP state; the order is the kernel's own numbering from 1.
    pub enum TcpState {
        /// `ESTABLISHED`
        Established = "established",
        /// `SYN_SENT`
        SynSent = "syn_sent",
        /// `SYN_RECV`
        SynRecv = "syn_recv",
        /// `FIN_WAIT_1`
        FinWait1 = "fin_wait_1",
        /// `FIN_WAIT_2`
        FinWait2 = "fin_wait_2",
        /// `TIME_WAIT`
        TimeWait = "time_wait",
        /// `CLOSE`: no connection, or a descriptor whose connection a reset ended
        Close = "close",
        /// `CLOSE_WAIT`: the peer has closed, this side has not
        CloseWait = "close_wait",
        /// `LAST_ACK`
        LastAck = "last_ack",
        /// `LISTEN`
        Listen = "listen",
        /// `CLOSING`
        Closing = "closing",
    }
}

impl TcpState {
    /// The state of the kernel's number; 12 (`NEW_SYN_RECV`) is shown as `SYN_RECV`, as the kernel's own tables do.
    #[must_use]
    pub fn from_kernel(number: u8) -> Option<Self> {
        match number {
            12 => Some(Self::SynRecv),
            n => Self::ALL.get(usize::from(n).checked_sub(1)?).copied(),
        }
    }

    /// The kernel's number, from 1.
    #[must_use]
    pub const fn kernel(self) -> u8 {
        self as u8 + 1
    }
}

/// As `ss` and `netstat` show it: `CLOSE_WAIT`.
impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name().to_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(TcpState::from_kernel(1), Some(TcpState::Established));
        assert_eq!(TcpState::from_kernel(6), Some(TcpState::TimeWait));
        assert_eq!(TcpState::from_kernel(8), Some(TcpState::CloseWait));
        assert_eq!(TcpState::from_kernel(11), Some(TcpState::Closing));
        assert_eq!(TcpState::from_kernel(12), Some(TcpState::SynRecv));
        assert_eq!((TcpState::from_kernel(0), TcpState::from_kernel(13)), (None, None));
        for &state in TcpState::ALL {
            assert_eq!(TcpState::from_kernel(state.kernel()), Some(state));
        }
        assert_eq!(TcpState::FinWait2.to_string(), "FIN_WAIT_2");
    }
}
