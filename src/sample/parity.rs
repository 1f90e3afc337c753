//! The two sources held against each other, against what the test knows that it opened, and against `ss`.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use super::testbed::{Row, World, rows, settles};
use super::{Config, Filter, ProcFs, Sampler, SideConfig, SockDiag, Source, SourceKind};
use crate::record::{Named, Side, Table, TableReason, TcpState};
use crate::testbed::{in_a_namespace, unshared};
use crate::units::Monotonic;

/// How many connections a test leaks where it must be many.
const LEAKED: u64 = 200;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Both sources must show exactly what the world expects of each side.
fn holds(what: &str, world: &World) {
    let sources: [Box<dyn Source>; 2] = [Box::new(SockDiag::open().unwrap()), Box::new(ProcFs::open().unwrap())];
    for mut source in sources {
        for (side, expected) in [(Side::Client, &world.client), (Side::Server, &world.server)] {
            let filter = Filter::new(side, world.target);
            let what = format!("{what}: the {} side by {}", side.name(), source.name());
            settles(&what, expected, || rows(source.as_mut(), &filter).unwrap());
        }
    }
}

#[test]
fn both_sources_show_every_state_and_nothing_else() {
    in_a_namespace("sample::parity::both_sources_show_every_state_and_nothing_else", || {
        let mut world = World::new(at("127.0.0.1:0"), at("127.0.0.1:0"));
        let port = world.target.port();
        // The same port on other addresses, another port on the same: also in TIME_WAIT, FIN_WAIT_2, SYN_RECV.
        let mut others: Vec<World> = [("127.0.0.2", port), ("::1", port), ("127.0.0.1", 0), ("127.0.0.9", 0)]
            .map(|(ip, port)| SocketAddr::new(ip.parse().unwrap(), port))
            .map(|listen| World::new(listen, listen))
            .into();
        others.iter_mut().for_each(World::populate);
        world.populate();
        holds("loopback", &world);
        for other in &others {
            holds("another one", other);
        }
        agrees_with_ss(&world);
        let overflowing = World::overflowing(at("127.0.0.3:0"));
        holds("a full accept queue", &overflowing);
        agrees_with_ss(&overflowing);
        let seen: BTreeSet<TcpState> = [&world, &overflowing]
            .iter()
            .flat_map(|world| world.client.iter().chain(&world.server))
            .map(|(_, _, state, _)| *state)
            .collect();
        assert_eq!(seen.len(), 7, "every state that can be held still was there: {seen:?}");
    });
}

#[test]
fn dual_stack_sockets_show_as_the_ipv4_that_they_speak() {
    in_a_namespace("sample::parity::dual_stack_sockets_show_as_the_ipv4_that_they_speak", || {
        for connect_to in ["127.0.0.1:0", "[::ffff:127.0.0.1]:0"] {
            let mut world = World::new(at("[::]:0"), at(connect_to));
            world.populate();
            holds(connect_to, &world);
        }
        let mut world = World::new(at("[::]:0"), at("[::1]:0"));
        world.populate();
        holds("IPv6", &world);
    });
}

#[test]
fn a_wildcard_listener_counts_and_one_of_another_address_does_not() {
    in_a_namespace("sample::parity::a_wildcard_listener_counts_and_one_of_another_address_does_not", || {
        let mut world = World::new(at("0.0.0.0:0"), at("127.0.0.5:0"));
        world.populate();
        holds("wildcard", &world);
    });
}

/// `ss` names states in its own way: `FIN-WAIT-2`, `ESTAB`.
fn agrees_with_ss(world: &World) {
    let Ok(output) = Command::new("ss").args(["-tanH"]).output() else {
        return crate::skipped("agrees_with_ss", "there is no ss");
    };
    let text = String::from_utf8(output.stdout).unwrap();
    for (side, expected) in [(Side::Client, &world.client), (Side::Server, &world.server)] {
        let filter = Filter::new(side, world.target);
        let without_inode = |row: &Row| (row.0, row.1, row.2);
        let shown: BTreeSet<_> =
            text.lines().filter_map(ss_row).filter(|(local, remote, _)| filter.lets_through(*local, *remote)).collect();
        assert_eq!(shown, expected.iter().map(without_inode).collect(), "ss on the {} side", side.name());
    }
}

fn ss_row(line: &str) -> Option<(SocketAddr, SocketAddr, TcpState)> {
    let mut words = line.split_ascii_whitespace();
    let state = match words.next()? {
        "ESTAB" => TcpState::Established,
        name => {
            let name = name.replace('-', "_").to_lowercase();
            *TcpState::ALL.iter().find(|state| state.name() == name)?
        }
    };
    let mut address = || words.next().map(|text| text.replace(":*", ":0"));
    address()?;
    address()?;
    Some((address()?.parse().ok()?, address()?.parse().ok()?, state))
}

#[test]
fn a_dump_that_was_broken_off_does_not_spoil_the_next() {
    in_a_namespace("sample::parity::a_dump_that_was_broken_off_does_not_spoil_the_next", || {
        let mut world = World::new(at("127.0.0.1:0"), at("127.0.0.1:0"));
        // More than the one datagram that the kernel makes before it is asked for the next.
        (0..300).for_each(|_| world.leaked());
        let (mut source, filter) = (SockDiag::open().unwrap(), Filter::new(Side::Client, world.target));
        settles("the leaked ones", &world.client, || rows(&mut source, &filter).unwrap());
        source.break_off(&filter);
        assert_eq!(rows(&mut source, &filter).unwrap(), world.client);
    });
}

#[test]
fn a_sampler_sees_the_namespaces_that_it_was_opened_in() {
    in_a_namespace("sample::parity::a_sampler_sees_the_namespaces_that_it_was_opened_in", || {
        let (to_us, from_inside) = mpsc::channel();
        let (leave, until_told) = mpsc::channel::<()>();
        let inside = thread::spawn(move || {
            unshared().unwrap();
            let mut world = World::new(at("127.0.0.1:0"), at("127.0.0.1:0"));
            (0..LEAKED).for_each(|_| world.leaked());
            let namespace = || OwnedFd::from(std::fs::File::open("/proc/thread-self/ns/net").unwrap());
            to_us.send((world.target, namespace(), namespace())).unwrap();
            let _ = until_told.recv();
        });
        let (target, client_ns, server_ns) = from_inside.recv().unwrap();
        for source in [SourceKind::SockDiag, SourceKind::ProcFs] {
            let ns = |ns: &OwnedFd| Some(ns.try_clone().unwrap());
            sees_the_leak(source, target, ns(&client_ns), ns(&server_ns));
            let mut here = Sampler::open(both_sides(source, target), None, None).unwrap();
            let sample = here.full(TableReason::Start).unwrap();
            let client = sample.client.unwrap();
            assert_eq!((client.counters.active_opens, client.table.unwrap().states.total()), (0, 0), "{source:?}");
        }
        drop(leave);
        inside.join().unwrap();
    });
}

fn both_sides(source: SourceKind, target: SocketAddr) -> Config {
    let side = |side| Some(SideConfig { side, target, pids: vec![std::process::id()] });
    Config { start: Monotonic::now(), client: side(Side::Client), server: side(Side::Server), source }
}

fn sees_the_leak(source: SourceKind, target: SocketAddr, client_ns: Option<OwnedFd>, server_ns: Option<OwnedFd>) {
    let mut sampler = Sampler::open(both_sides(source, target), client_ns, server_ns).unwrap();
    let full = |sampler: &mut Sampler| {
        let sample = sampler.full(TableReason::End).unwrap();
        (sample.client.unwrap(), sample.server.unwrap())
    };
    let ports = u32::try_from(LEAKED).unwrap();
    let of = |table: Option<Table>, state| table.map(|table| (table.states.of(state), table.local_ports));
    settles("the leak", &(Some((LEAKED, ports)), Some((LEAKED, 1))), || {
        let (client, server) = full(&mut sampler);
        (of(client.table, TcpState::CloseWait), of(server.table, TcpState::FinWait2))
    });
    let (client, server) = full(&mut sampler);
    assert_eq!((client.counters.curr_estab, client.counters.active_opens), (LEAKED, LEAKED));
    // Both sides of one namespace: now and then an orphan in FIN_WAIT_2 is still a whole socket, and counted as one.
    assert_eq!(client.counters.in_use + client.counters.time_wait, 2 * LEAKED + 1);
    assert!(client.counters.time_wait > LEAKED / 2, "{:?}", client.counters);
    assert!(client.descriptors.is_some_and(|count| count >= LEAKED), "{:?}", client.descriptors);
    let tells_memory = source == SourceKind::SockDiag;
    assert_eq!(server.table.unwrap().memory_bytes.is_some(), tells_memory);
    assert_eq!(sampler.facts().source, if tells_memory { "sock_diag" } else { "procfs" });
    let before = sampler.facts().counters;
    sampler.tick().unwrap();
    assert_eq!(sampler.facts().counters, before + 1);
}

#[test]
fn unread_bytes_show_as_kernel_memory() {
    in_a_namespace("sample::parity::unread_bytes_show_as_kernel_memory", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let client = TcpStream::connect(target).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(&[0; 30_000]).unwrap();
        let mut sampler = Sampler::open(both_sides(SourceKind::SockDiag, target), None, None).unwrap();
        settles("30,000 bytes nobody has read", &true, || {
            let table = sampler.full(TableReason::Start).unwrap().client.and_then(|client| client.table);
            table.and_then(|table| table.memory_bytes).is_some_and(|bytes| bytes >= 30_000)
        });
        drop(client);
    });
}
