//! A bounded, free part of this machine's ports: at the level `port-range` from a loopback address of the run's own, at
//! `none` from whichever address leads to the target.
//!
//! `IP_LOCAL_PORT_RANGE` (Linux 6.3) narrows the range of one socket, without privilege and only inside the machine's
//! own `ip_local_port_range`. A port held on 127.a.b.c still makes another program's bind to 0.0.0.0 of it fail, hence
//! the bound, and hence no port that is listened on or reserved.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::units::{PortRange, port_list};

use super::{Error, Plan};

/// What a run may use of this machine at the level `port-range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// The loopback address that its clients bind.
    pub(super) source: Ipv4Addr,
    /// The ports that its clients may get.
    pub(super) ports: PortRange,
}

impl Claim {
    /// Chooses an address and ports for `plan` within the `own` range of this machine, and proves that they work.
    pub(super) fn make(plan: &Plan, own: PortRange) -> Result<Self, Error> {
        let mut rng = rng_of(plan);
        let ports = free_ports(plan, own, &mut rng)?;
        let source = source(&mut rng);
        probe(source, ports)?;
        Ok(Self { source, ports })
    }
}

/// The ports that a run without a sandbox may use, proven to work; none when the kernel is to search in all of its own:
/// because that was asked for, or because the run may use so many anyway, as in a container with a narrow range.
pub(super) fn bound(plan: &Plan, own: PortRange) -> Result<Option<PortRange>, Error> {
    if plan.kernel_search || (window(plan, own) == own && own.count() <= plan.max_ports) {
        return Ok(None);
    }
    let ports = free_ports(plan, own, &mut rng_of(plan))?;
    probe(Ipv4Addr::LOCALHOST, ports)?;
    Ok(Some(ports))
}

/// With the process id, runs of one seed side by side do not meet.
fn rng_of(plan: &Plan) -> StdRng {
    StdRng::seed_from_u64(plan.seed ^ (u64::from(std::process::id()) << 32))
}

/// Where ports are looked for: what was asked for, as far as this machine has it.
fn window(plan: &Plan, own: PortRange) -> PortRange {
    plan.ports.and_then(|asked| overlap(asked, own)).unwrap_or(own)
}

fn free_ports(plan: &Plan, own: PortRange, rng: &mut StdRng) -> Result<PortRange, Error> {
    let window = window(plan, own);
    choose(window, plan.max_ports, &taken(), rng).ok_or(Error::NoFreePorts(window))
}

/// An address in 127/8 that nobody else uses: resolvers and the like sit on 127.0.0.x and 127.0.1.1.
fn source(rng: &mut StdRng) -> Ipv4Addr {
    Ipv4Addr::new(127, rng.random_range(16..=250), rng.random_range(1..=250), rng.random_range(1..=250))
}

fn overlap(a: PortRange, b: PortRange) -> Option<PortRange> {
    PortRange::new(a.low().max(b.low()), a.high().min(b.high())).ok()
}

/// `most` ports of `window` in one piece, none of them taken; fewer when no free piece is so long.
fn choose(window: PortRange, most: u32, taken: &BTreeSet<u16>, rng: &mut StdRng) -> Option<PortRange> {
    let pieces = free_pieces(window, taken);
    let length = pieces.iter().map(|piece| piece.count()).max()?.min(most);
    // Every place where a range of that length fits is as likely as every other.
    let places = |piece: &PortRange| (piece.count() + 1).saturating_sub(length);
    let mut place = rng.random_range(0..pieces.iter().map(places).sum());
    for piece in &pieces {
        if place < places(piece) {
            let low = u16::try_from(u32::from(piece.low()) + place).ok()?;
            let high = u16::try_from(u32::from(low) + length - 1).ok()?;
            return PortRange::new(low, high).ok();
        }
        place -= places(piece);
    }
    None
}

/// What is left of `window` without the taken ports, in order.
fn free_pieces(window: PortRange, taken: &BTreeSet<u16>) -> Vec<PortRange> {
    let mut pieces = Vec::new();
    let mut low = window.low();
    for &port in taken.range(window.ports()) {
        // An empty piece, between two taken neighbours, is no range.
        pieces.extend(port.checked_sub(1).and_then(|high| PortRange::new(low, high).ok()));
        let Some(next) = port.checked_add(1) else { return pieces };
        low = next;
    }
    pieces.extend(PortRange::new(low, window.high()).ok());
    pieces
}

/// The ports of this machine that are listened on or reserved. What cannot be read counts as empty: the ports are then
/// only less well chosen.
fn taken() -> BTreeSet<u16> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let mut taken = port_list(&read("/proc/sys/net/ipv4/ip_local_reserved_ports"));
    taken.extend(listening(&read("/proc/net/tcp")));
    taken.extend(listening(&read("/proc/net/tcp6")));
    taken
}

/// The local ports of the listening sockets in `/proc/net/tcp`.
fn listening(table: &str) -> BTreeSet<u16> {
    const LISTEN: &str = "0A";
    let port = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok().filter(|_| state == LISTEN)
    };
    table.lines().filter_map(port).collect()
}

/// Binds one socket as a client will, and looks which port it got: an older kernel refuses the option, and one that
/// ignored it would give a port outside.
fn probe(source: Ipv4Addr, ports: PortRange) -> Result<(), Error> {
    const WHAT: &str = "set IP_LOCAL_PORT_RANGE";
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(Error::system("open a socket"))?;
    set_port_range(socket.as_fd(), ports).map_err(|source| Error::System { what: WHAT, source })?;
    rustix::net::bind(&socket, &SocketAddrV4::new(source, 0)).map_err(Error::system("bind a loopback address"))?;
    let bound = rustix::net::getsockname(&socket).map_err(Error::system("read a socket's address"))?;
    match SocketAddrV4::try_from(bound) {
        Ok(address) if ports.holds(address.port()) => Ok(()),
        _ => Err(Error::system(WHAT)(Errno::RANGE)),
    }
}

#[expect(unsafe_code, reason = "no crate knows IP_LOCAL_PORT_RANGE")]
fn set_port_range(socket: BorrowedFd<'_>, ports: PortRange) -> std::io::Result<()> {
    /// `linux/in.h`
    const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
    let value = (u32::from(ports.high()) << 16 | u32::from(ports.low())).to_ne_bytes();
    // SAFETY: the pointer and the length are those of `value`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            IP_LOCAL_PORT_RANGE,
            value.as_ptr().cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> PortRange {
        text.parse().unwrap()
    }

    fn rng(seed: u64) -> StdRng {
        StdRng::seed_from_u64(seed)
    }

    #[test]
    fn the_choice_is_free_bounded_and_inside() {
        let window = range("40000-40999");
        let taken = BTreeSet::from([40100, 40101, 40500, 50000]);
        for seed in 0..500 {
            let ports = choose(window, 100, &taken, &mut rng(seed)).unwrap();
            assert_eq!(ports.count(), 100, "{ports}");
            assert!(window.low() <= ports.low() && ports.high() <= window.high(), "{ports}");
            assert!(taken.iter().all(|port| !ports.holds(*port)), "{ports}");
        }
    }

    #[test]
    fn every_place_can_be_chosen() {
        let taken = BTreeSet::from([40002]);
        let lows: BTreeSet<u16> = (0..200)
            .filter_map(|seed| choose(range("40000-40006"), 2, &taken, &mut rng(seed)))
            .map(|r| r.low())
            .collect();
        assert_eq!(lows, BTreeSet::from([40000, 40003, 40004, 40005]));
    }

    #[test]
    fn where_little_is_free_the_longest_piece_is_taken() {
        let taken = BTreeSet::from([40001, 40002, 40006]);
        assert_eq!(choose(range("40000-40006"), 1000, &taken, &mut rng(1)), Some(range("40003-40005")));
        assert_eq!(choose(range("40001-40002"), 1000, &taken, &mut rng(1)), None);
        assert_eq!(choose(range("65534-65535"), 9, &BTreeSet::from([65535]), &mut rng(1)), Some(range("65534-65534")));
    }

    #[test]
    fn reads_listeners() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n\
             0: 0100007F:9C40 00000000:0000 0A 00000000:00000000 00:00000000\n\
             1: 0100007F:9C41 0100007F:9C40 01 00000000:00000000 00:00000000\n\
             2: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0\n";
        assert_eq!(listening(table), BTreeSet::from([40000, 8080]));
    }

    #[test]
    fn a_listener_of_this_machine_is_seen() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(taken().contains(&listener.local_addr().unwrap().port()));
    }
}
