//! The local ports that connections may get, and which destinations use them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::record::{Counts, Destination, Doctor, PortRangeSummary, PortsUse, TcpState};
use crate::sample::Socket;
use crate::units::port_list;

/// Which ports the kernel chooses from, as it is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) low: u16,
    pub(super) high: u16,
    pub(super) reserved: BTreeSet<u16>,
}

impl Chosen {
    /// From `ip_local_port_range` and `ip_local_reserved_ports`; none when the range is not understood.
    pub(super) fn of(range: &str, reserved: &str) -> Option<Self> {
        let mut ends = range.split_whitespace().map(str::parse);
        let (low, high) = (ends.next()?.ok()?, ends.next()?.ok()?);
        (low <= high).then(|| Self { low, high, reserved: port_list(reserved) })
    }

    fn holds(&self, port: u16) -> bool {
        (self.low..=self.high).contains(&port)
    }
}

/// Connections from one address of this machine to one address and port.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    ports: BTreeSet<u16>,
    pub(super) states: Counts<TcpState>,
}

impl Flow {
    pub(super) fn used(&self) -> u32 {
        u32::try_from(self.ports.len()).unwrap_or(u32::MAX)
    }
}

/// A port is taken towards a source and a destination: the whole range is there again for every other pair of them.
pub(super) type Way = (IpAddr, SocketAddr);

/// The socket table by destination.
#[derive(Debug, Clone, Default)]
pub(super) struct Flows {
    ways: BTreeMap<Way, Flow>,
    /// Ports of the range that outgoing connections never get.
    reserved: u32,
    listening: u32,
    usable: u32,
    range: PortRangeSummary,
}

impl Flows {
    /// Outgoing connections are those whose local port lies in the range and is not listened on; the search passes over a
    /// port that somebody listens on, whatever its address.
    pub(super) fn of(chosen: &Chosen, sockets: &[Socket]) -> Self {
        let listeners = sockets.iter().filter(|socket| socket.state == TcpState::Listen);
        let listened: BTreeSet<u16> =
            listeners.map(|socket| socket.local.port()).filter(|port| chosen.holds(*port)).collect();
        let reserved = chosen.reserved.iter().filter(|port| chosen.holds(**port)).count();
        let both = chosen.reserved.union(&listened).filter(|port| chosen.holds(**port)).count();
        let count = u32::from(chosen.high) - u32::from(chosen.low) + 1;
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut flows = Self {
            ways: BTreeMap::new(),
            reserved: small(reserved),
            listening: small(listened.len()),
            usable: count.saturating_sub(small(both)),
            range: PortRangeSummary { low: chosen.low, high: chosen.high, count },
        };
        for socket in sockets {
            let (local, remote) = (socket.local, socket.remote);
            let outgoing = chosen.holds(local.port()) && !listened.contains(&local.port()) && remote.port() != 0;
            if outgoing {
                let flow = flows.ways.entry((local.ip(), remote)).or_default();
                flow.states.add(socket.state, 1);
                // One that was bound to it by hand before it was reserved does not make the range any narrower.
                if !chosen.reserved.contains(&local.port()) {
                    flow.ports.insert(local.port());
                }
            }
        }
        flows
    }

    /// What is used towards this destination from this address.
    pub(super) fn towards(&self, way: &Way) -> Flow {
        self.ways.get(way).cloned().unwrap_or_default()
    }

    /// The way that uses most ports.
    pub(super) fn busiest(&self) -> Option<(&Way, &Flow)> {
        self.by_use().into_iter().next()
    }

    /// Those that use most first, in a fixed order where they use the same.
    fn by_use(&self) -> Vec<(&Way, &Flow)> {
        let mut ways: Vec<_> = self.ways.iter().collect();
        ways.sort_by_key(|(way, flow)| (std::cmp::Reverse(flow.used()), **way));
        ways
    }

    /// How many ports there are for one way.
    pub(super) const fn usable(&self) -> u32 {
        self.usable
    }

    /// For the document.
    pub(super) fn document(&self) -> PortsUse {
        let destination = |((source, remote), flow): (&Way, &Flow)| Destination {
            source: source.to_string(),
            remote: remote.to_string(),
            used: flow.used(),
            states: flow.states.iter().collect(),
        };
        PortsUse {
            range: self.range,
            reserved: self.reserved,
            listening: self.listening,
            usable: self.usable,
            destinations: self.by_use().into_iter().take(Doctor::MOST_DESTINATIONS).map(destination).collect(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A socket of a test.
    pub(in crate::doctor) fn socket(local: &str, remote: &str, state: TcpState) -> Socket {
        Socket { local: local.parse().unwrap(), remote: remote.parse().unwrap(), state, inode: 0, memory: None }
    }

    #[test]
    fn each_destination_has_the_range_to_itself() {
        let chosen = Chosen::of("40000\t40099", "40010-40019,40020,50000").unwrap();
        let (wait, open, time) = (TcpState::CloseWait, TcpState::Established, TcpState::TimeWait);
        let flows = Flows::of(
            &chosen,
            &[
                socket("10.0.0.1:40000", "10.0.0.2:1433", wait),
                socket("10.0.0.1:40002", "10.0.0.2:1433", time),
                socket("10.0.0.1:40000", "10.0.0.3:1433", open),
                socket("10.0.0.9:40000", "10.0.0.2:1433", open),
                // A listener in the range, what it accepted, and one that is reserved anyway.
                socket("0.0.0.0:40050", "0.0.0.0:0", TcpState::Listen),
                socket("127.0.0.1:40050", "127.0.0.1:40001", open),
                socket("127.0.0.1:40010", "0.0.0.0:0", TcpState::Listen),
                // A server's end, outside of the range.
                socket("10.0.0.1:22", "10.0.0.5:50000", open),
            ],
        );
        let document = flows.document();
        assert_eq!((document.range.count, document.reserved, document.listening, document.usable), (100, 11, 2, 88));
        let way = ("10.0.0.1".parse().unwrap(), "10.0.0.2:1433".parse().unwrap());
        assert_eq!(flows.busiest().map(|(way, flow)| (*way, flow.used())), Some((way, 2)));
        assert_eq!(document.destinations.len(), 3);
        assert_eq!(document.destinations[0].states, BTreeMap::from([(wait, 1), (time, 1)]));
        assert_eq!(flows.towards(&("10.0.0.1".parse().unwrap(), "10.0.0.7:1".parse().unwrap())).used(), 0);
    }

    #[test]
    fn a_range_that_is_none_is_told() {
        for text in ["", "40000", "5 4", "x y", "1 70000"] {
            assert_eq!(Chosen::of(text, ""), None, "{text}");
        }
        assert_eq!(Chosen::of("1 65535", "").map(|chosen| Flows::of(&chosen, &[]).usable()), Some(65_535));
    }
}
