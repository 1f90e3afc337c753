//! The whole socket table of a network namespace: every socket with its owner's user, its age as far as the kernel tells,
//! and a way to end it.
//!
//! The choice not taken: to poll one filtered table a destination, which would walk the same hash table once for each.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6};

use super::diag::{ALL_STATES, Dump, INFO, LISTENERS};
use super::namespace::within;
use super::{Entry, Error, Filter, SockDiag};
use crate::record::TcpState;
use crate::units::{PortRange, port_list};

/// How often a table that changed under the read is read anew.
const TRIES: u32 = 3;

/// The socket table of a network namespace.
pub struct Machine {
    diag: SockDiag,
    filters: Vec<Filter>,
    ports: PortRange,
    reserved: BTreeSet<u16>,
    passed_over: BTreeSet<u16>,
    /// Whether a table was read: only the first asks since when each socket's peer is silent, since that is as dear as
    /// the rest, and whoever looks again knows it.
    known: bool,
}

impl Machine {
    /// Opens the table in `namespace`, or in the caller's; of its sockets those that any of `filters` lets through, or
    /// all where there is none.
    ///
    /// # Errors
    /// When netlink is refused or the namespace may not be entered.
    pub fn open(filters: Vec<Filter>, namespace: Option<OwnedFd>) -> Result<Self, Error> {
        let (diag, ports, reserved) = within(namespace, || Ok((SockDiag::open()?, port_range()?, reserved())))?;
        Ok(Self { diag, filters, ports, reserved, passed_over: BTreeSet::new(), known: false })
    }

    /// The local ports that the namespace's connections are given (`net.ipv4.ip_local_port_range`).
    #[must_use]
    pub const fn ports(&self) -> PortRange {
        self.ports
    }

    /// Those of them that no connection is given, as of the last look: the reserved ones
    /// (`net.ipv4.ip_local_reserved_ports`), and those that somebody listens on, whatever the address.
    #[must_use]
    pub const fn passed_over(&self) -> &BTreeSet<u16> {
        &self.passed_over
    }

    /// Reads the table, in no order. Sockets that change their state meanwhile may be there twice, or not at all.
    ///
    /// # Errors
    /// When it cannot be read whole.
    pub fn look(&mut self) -> Result<Vec<Entry>, Error> {
        let mut tries = 1;
        loop {
            match self.read() {
                Err(Error::Torn) if tries < TRIES => tries += 1,
                read => return read,
            }
        }
    }

    fn read(&mut self) -> Result<Vec<Entry>, Error> {
        let extensions = if self.known { 0 } else { INFO };
        let entries = dump(&mut self.diag, &self.filters, ALL_STATES, extensions)?;
        // Listeners hold ports of other destinations too, which a filter leaves out.
        let others = if self.filters.is_empty() { Vec::new() } else { dump(&mut self.diag, &[], LISTENERS, 0)? };
        let listeners = entries.iter().chain(&others).filter(|entry| entry.state == TcpState::Listen);
        let taken = listeners.map(|entry| entry.local.port()).chain(self.reserved.iter().copied());
        self.passed_over = taken.filter(|port| self.ports.holds(*port)).collect();
        self.known = true;
        Ok(entries)
    }

    /// Ends a socket, as [`SockDiag::destroy`] does.
    ///
    /// # Errors
    /// As there.
    pub fn destroy(&mut self, socket: &Entry) -> Result<(), Error> {
        self.diag.destroy(socket)
    }
}

fn dump(diag: &mut SockDiag, filters: &[Filter], states: u32, extensions: u8) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let dump = Dump { filters, family, states, extensions };
        match diag.dump(&dump, &mut |socket, particulars| entries.push(Entry::new(socket, particulars))) {
            // A kernel without IPv6 has no table for it.
            Err(Error::Refused(error)) if family == AF_INET6 && error.kind() == io::ErrorKind::NotFound => {}
            read => read?,
        }
    }
    Ok(entries)
}

/// The network namespace of a process, where it is another one than the caller's.
///
/// # Errors
/// When there is no such process, or it may not be looked into.
pub fn namespace_of(pid: u32) -> io::Result<Option<OwnedFd>> {
    let path = format!("/proc/{pid}/ns/net");
    if std::fs::read_link(&path)? == std::fs::read_link("/proc/thread-self/ns/net")? {
        return Ok(None);
    }
    Ok(Some(File::open(path)?.into()))
}

/// The calling thread's namespace's own range; ports below 1024 are no ports that connections are given here.
fn port_range() -> Result<PortRange, Error> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").map_err(Error::PortRange)?;
    let mut words = text.split_whitespace().map(|word| word.parse::<u16>().ok());
    let range = words.next().flatten().zip(words.next().flatten());
    range.and_then(|(low, high)| PortRange::new(low.max(1024), high).ok()).ok_or(Error::Malformed("a port range"))
}

/// The calling thread's namespace's own; what cannot be read counts as none.
fn reserved() -> BTreeSet<u16> {
    port_list(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    use super::super::testbed::{Row, World, settles};
    use super::*;
    use crate::record::Side;
    use crate::testbed::in_a_namespace;

    fn rows(machine: &mut Machine) -> BTreeSet<Row> {
        machine.look().unwrap().into_iter().map(|it| (it.local, it.remote, it.state, it.inode)).collect()
    }

    #[test]
    fn the_whole_table_is_what_was_opened() {
        in_a_namespace("sample::machine::tests::the_whole_table_is_what_was_opened", || {
            let mut worlds: Vec<World> = ["127.0.0.1:0", "[::1]:0"]
                .map(|listen| listen.parse::<SocketAddr>().unwrap())
                .map(|listen| World::new(listen, listen))
                .into();
            worlds.iter_mut().for_each(World::populate);
            let every = |worlds: &[World]| worlds.iter().flat_map(|it| it.client.union(&it.server).copied()).collect();
            let expected: BTreeSet<Row> = every(&worlds);
            settles("all", &expected, || rows(&mut Machine::open(Vec::new(), None).unwrap()));
            // One port, whichever end has it.
            let target = worlds[0].target;
            let filters = [Side::Client, Side::Server].map(|side| Filter::new(side, target)).to_vec();
            let one: BTreeSet<Row> = every(&worlds[..1]);
            settles("one", &one, || rows(&mut Machine::open(filters.clone(), None).unwrap()));
        });
    }

    /// As `doctor` counts them: a watch of one port said that there were as many as the range has.
    #[test]
    fn ports_that_no_connection_is_given_are_known_under_any_filter() {
        in_a_namespace("sample::machine::tests::ports_that_no_connection_is_given_are_known_under_any_filter", || {
            std::fs::write("/proc/sys/net/ipv4/ip_local_reserved_ports", "40000-40001,80").unwrap();
            let (own, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("[::1]:0").unwrap());
            let low = TcpListener::bind("127.0.0.1:2000").unwrap();
            let [own, other] = [&own, &other].map(|it| it.local_addr().unwrap());
            for filters in [Vec::new(), vec![Filter::new(Side::Server, own)]] {
                let mut machine = Machine::open(filters, None).unwrap();
                machine.look().unwrap();
                assert_eq!(*machine.passed_over(), BTreeSet::from([40000, 40001, own.port(), other.port()]));
            }
            drop(low);
        });
    }

    /// A socket that has been in CLOSE_WAIT for a while, whose connection is older than that.
    #[test]
    fn close_wait_is_as_old_as_the_fin() {
        in_a_namespace("sample::machine::tests::close_wait_is_as_old_as_the_fin", || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            let wait = Duration::from_millis(400);
            std::thread::sleep(wait);
            drop(server);
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
            let mut quiet = Vec::new();
            for _ in 0..2 {
                std::thread::sleep(wait / 2);
                let all = Machine::open(Vec::new(), None).unwrap().look().unwrap();
                let it = all.iter().find(|it| it.state == TcpState::CloseWait).unwrap();
                quiet.push(it.quiet.unwrap());
            }
            assert!(quiet[0] >= wait / 2 - Duration::from_millis(20) && quiet[0] < wait, "{quiet:?}");
            assert!(quiet[1] >= quiet[0] + wait / 2 - Duration::from_millis(20), "{quiet:?}");
        });
    }

    #[test]
    fn a_stuck_socket_is_destroyed_and_no_other() {
        in_a_namespace("sample::machine::tests::a_stuck_socket_is_destroyed_and_no_other", || {
            // Also an IPv6 socket that speaks IPv4, whose addresses the kernel has in another form.
            for (listen, connect) in [("127.0.0.1:0", "127.0.0.1:0"), ("[::]:0", "[::ffff:127.0.0.1]:0")] {
                let mut world = World::new(listen.parse().unwrap(), connect.parse().unwrap());
                world.leaked();
                world.leaked();
                let mut machine = Machine::open(Vec::new(), None).unwrap();
                let stuck = |machine: &mut Machine| -> Vec<Entry> {
                    let all = machine.look().unwrap().into_iter();
                    all.filter(|it| it.state == TcpState::CloseWait && it.remote.port() == world.target.port())
                        .collect()
                };
                let before = stuck(&mut machine);
                assert_eq!(before.len(), 2);
                let other = Entry { handle: super::super::Handle { cookie: 1, ..before[0].handle }, ..before[0] };
                assert!(machine.destroy(&other).is_err(), "another socket has another cookie");
                match machine.destroy(&before[0]) {
                    Err(Error::Refused(error)) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                        let test = "a_stuck_socket_is_destroyed_and_no_other";
                        return crate::skipped(test, "no CONFIG_INET_DIAG_DESTROY");
                    }
                    done => done.unwrap(),
                }
                let after: Vec<_> = stuck(&mut machine).iter().map(|it| it.handle).collect();
                assert_eq!(after, [before[1].handle]);
                assert!(machine.destroy(&before[0]).is_err(), "it has gone");
            }
        });
    }

    #[test]
    fn the_namespace_of_this_process_is_ours() {
        assert!(namespace_of(std::process::id()).unwrap().is_none());
        assert!(namespace_of(u32::MAX).is_err());
    }
}
