//! What a sandbox is asked to be.

use std::time::Duration;

use crate::units::{PortRange, Span};

use super::{Error, Level};

/// What a sandbox is asked to be; the default asks for the best level, with Linux's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The level; `None` takes the best that works.
    pub level: Option<Level>,
    /// The client's `ip_local_port_range`; `None` leaves Linux's own, 32768-60999.
    pub ports: Option<PortRange>,
    /// `tcp_fin_timeout` on both hosts, in whole seconds; `None` leaves Linux's 60 s.
    pub tcp_fin_timeout: Option<Span>,
    /// `tcp_tw_reuse` on both hosts, 0 to 2; `None` leaves Linux's 2 (recycle on loopback only).
    pub tcp_tw_reuse: Option<u8>,
    /// How many of this machine's own ports may be used at the levels `port-range` and `none`.
    pub max_ports: u32,
    /// Leaves the search of a port to the kernel at the level `none`, although that uses all of this machine's range.
    pub kernel_search: bool,
    /// Chooses the address and the ports at the levels `port-range` and `none`, together with this process's id.
    pub seed: u64,
}

impl Plan {
    /// How many of this machine's own ports are used when nobody asks for more.
    pub const DEFAULT_MAX_PORTS: u32 = 1000;

    /// Refuses what no level can give.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(Span(timeout)) = self.tcp_fin_timeout
            && (timeout < Duration::from_secs(1) || timeout.subsec_nanos() != 0)
        {
            return Err(Error::Setting(format!(
                "take `tcp_fin_timeout` = \"{}\": the kernel counts it in whole seconds, at least 1",
                Span(timeout)
            )));
        }
        match self.tcp_tw_reuse {
            Some(value @ 3..) => Err(Error::Setting(format!("take `tcp_tw_reuse` = {value}: it is 0, 1 or 2"))),
            _ if self.max_ports == 0 => Err(Error::Setting("take at most 0 ports: at least 1 is needed".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            level: None,
            ports: None,
            tcp_fin_timeout: None,
            tcp_tw_reuse: None,
            max_ports: Self::DEFAULT_MAX_PORTS,
            kernel_search: false,
            seed: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_kernel_takes_are_refused() {
        let plan = Plan::default();
        assert!(plan.check().is_ok());
        for wrong in [
            Plan { tcp_fin_timeout: Some(Span::from_millis(1500)), ..plan.clone() },
            Plan { tcp_fin_timeout: Some(Span::from_secs(0)), ..plan.clone() },
            Plan { tcp_tw_reuse: Some(3), ..plan.clone() },
            Plan { max_ports: 0, ..plan.clone() },
        ] {
            assert!(matches!(wrong.check(), Err(Error::Setting(_))), "{wrong:?}");
        }
    }
}
