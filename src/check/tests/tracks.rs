//! Tracks of sockets and processes, look by look.

use super::super::track::{Look, Tracks};
use super::*;
use crate::sample::{Descriptor, DescriptorKind, ProcessLook, Socket};

/// A child that was first seen on its way out would have been taken for one that ran behind its last FIN.
#[test]
fn one_that_is_on_its_way_out_was_not_seen_to_run() {
    let mut tracks = Tracks::default();
    let mut look = |at: u64, exiting| {
        let process = ProcessLook {
            pid: 7,
            started: 1,
            command: "app".to_owned(),
            descriptors: Vec::new(),
            exiting,
            threads: Vec::new(),
        };
        let (begun, ended) = (Monotonic::from_nanos(at), Monotonic::from_nanos(at + 1));
        tracks.look(&Look { begun, ended, sockets: &[], processes: &[process], is_tcp: &|_, _| None });
        tracks.processes()[0].last_running.as_nanos()
    };
    assert_eq!((look(10, true), look(20, false), look(30, true)), (0, 20, 20));
}

/// A process that was ended was said to have leaked in LAST_ACK, into which the exit itself had brought its sockets.
#[test]
fn a_socket_keeps_the_state_in_which_it_was_held() {
    let mut tracks = Tracks::default();
    let mut look = |at: u64, state: Option<TcpState>, held: bool| {
        let socket = state.map(|state| Socket { local: end(40_000), remote: end(1433), state, inode: 9, memory: None });
        let process = ProcessLook {
            pid: 7,
            started: 1,
            command: "app".to_owned(),
            descriptors: vec![Descriptor { number: 3, kind: DescriptorKind::Socket { inode: 9 } }],
            exiting: false,
            threads: Vec::new(),
        };
        tracks.look(&Look {
            begun: Monotonic::from_nanos(at),
            ended: Monotonic::from_nanos(at + 1),
            sockets: socket.as_slice(),
            processes: if held { std::slice::from_ref(&process) } else { &[] },
            is_tcp: &|_, _| Some(true),
        });
        let track = tracks.sockets().last().unwrap().clone();
        (track.state, track.gone.is_some(), tracks.take_changed().sockets.is_empty())
    };
    assert_eq!(look(10, Some(TcpState::SynSent), false), (TcpState::SynSent, false, false));
    assert_eq!(look(20, Some(TcpState::Established), true), (TcpState::Established, false, false));
    assert_eq!(look(30, Some(TcpState::CloseWait), true), (TcpState::CloseWait, false, false));
    assert_eq!(look(40, Some(TcpState::CloseWait), true), (TcpState::CloseWait, false, true), "nothing is new");
    assert_eq!(look(50, Some(TcpState::LastAck), false), (TcpState::CloseWait, true, false));

    // Whoever only shut it down still holds it, in whatever state it comes to.
    assert_eq!(look(60, Some(TcpState::Established), true).0, TcpState::Established);
    assert_eq!(look(70, Some(TcpState::LastAck), true).0, TcpState::LastAck);
    assert_eq!(look(80, None, true), (TcpState::Close, false, false));
}

fn end(port: u16) -> std::net::SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A look at one process, whose descriptor 3 is the socket of inode 9, and at a socket of that inode; either may be missing.
fn look(tracks: &mut Tracks, at_millis: u64, socket: Option<(u16, TcpState)>, held: bool) {
    let socket =
        socket.map(|(port, state)| Socket { local: end(port), remote: end(1433), state, inode: 9, memory: None });
    let descriptor = Descriptor { number: 3, kind: DescriptorKind::Socket { inode: 9 } };
    let process = ProcessLook {
        pid: PID,
        started: 1,
        command: "app".to_owned(),
        descriptors: if held { vec![descriptor] } else { Vec::new() },
        exiting: false,
        threads: Vec::new(),
    };
    tracks.look(&Look {
        begun: at(at_millis),
        ended: at(at_millis + 1),
        sockets: socket.as_slice(),
        processes: &[process],
        is_tcp: &|_, _| Some(true),
    });
}

/// A driver that tries again on the same socket was said to keep the connection before for ever.
#[test]
fn a_socket_that_is_connected_anew_has_let_its_first_connection_go() {
    let mut tracks = Tracks::default();
    look(&mut tracks, 10, Some((40_000, TcpState::CloseWait)), true);
    look(&mut tracks, 20, Some((40_001, TcpState::Established)), true);
    let [first, second] = tracks.sockets() else { panic!("{:?}", tracks.sockets()) };
    assert_eq!((first.gone, first.state), (Some(at(21)), TcpState::CloseWait));
    assert_eq!((second.gone, second.holder), (None, Some((0, 3))));
}

/// A descriptor under way to another process was said to have been kept in ESTABLISHED.
#[test]
fn a_socket_without_a_descriptor_keeps_its_place_in_the_table() {
    let mut tracks = Tracks::default();
    look(&mut tracks, 10, Some((40_000, TcpState::Established)), true);
    look(&mut tracks, 20, Some((40_000, TcpState::Established)), false);
    assert_eq!(tracks.sockets()[0].gone, Some(at(21)));
    look(&mut tracks, 30, Some((40_000, TcpState::CloseWait)), false);
    assert_eq!((tracks.sockets()[0].gone, tracks.sockets()[0].state), (Some(at(21)), TcpState::CloseWait));
    look(&mut tracks, 40, Some((40_000, TcpState::CloseWait)), true);
    assert_eq!((tracks.sockets()[0].gone, tracks.sockets().len()), (None, 1), "it has arrived");
}
