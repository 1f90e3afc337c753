//! For tests: sockets in every state that can be held still, in a network namespace of the test's own.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Type};

use super::{Error, Filter, Socket, Source};
use crate::record::TcpState;
use crate::units::Monotonic;

/// A socket as both sources and `ss` can tell it.
pub(super) type Row = (SocketAddr, SocketAddr, TcpState, u64);

/// The whole filtered table.
pub(super) fn rows(source: &mut dyn Source, filter: &Filter) -> Result<BTreeSet<Row>, Error> {
    let mut rows = Vec::new();
    let mut row = |socket: Socket| rows.push((socket.local, socket.remote, socket.state, socket.inode));
    source.sockets(filter, &mut row)?;
    let set: BTreeSet<Row> = rows.iter().copied().collect();
    assert_eq!(set.len(), rows.len(), "no socket shows twice");
    Ok(set)
}

/// Looks until what is seen is what is expected, five seconds at the most: the kernel may still be at it.
pub(super) fn settles<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, mut seen: impl FnMut() -> T) {
    let deadline = Monotonic::now().after(Duration::from_secs(5));
    while seen() != *expected {
        if deadline.remaining().is_zero() {
            assert_eq!(&seen(), expected, "{what}");
        }
        thread::yield_now();
    }
}

/// A listener, connections to it held in many states, and what the kernel must say of each.
pub(super) struct World {
    pub(super) target: SocketAddr,
    pub(super) client: BTreeSet<Row>,
    pub(super) server: BTreeSet<Row>,
    /// How clients reach it: differs from `target` where they are IPv6 sockets that speak IPv4.
    connect_to: SocketAddr,
    listener: TcpListener,
    held: Vec<TcpStream>,
}

fn inode(socket: &impl AsFd) -> u64 {
    rustix::fs::fstat(socket).unwrap().st_ino
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl World {
    /// A listener on `listen`, which clients reach at `connect_to` (its port is filled in).
    pub(super) fn new(listen: SocketAddr, connect_to: SocketAddr) -> Self {
        let listener = TcpListener::bind(listen).unwrap();
        let connect_to = SocketAddr::new(connect_to.ip(), listener.local_addr().unwrap().port());
        Self::around(listener, connect_to)
    }

    fn around(listener: TcpListener, connect_to: SocketAddr) -> Self {
        let own = listener.local_addr().unwrap();
        let nobody =
            SocketAddr::new(if own.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }, 0);
        let server = BTreeSet::from([(canonical(own), nobody, TcpState::Listen, inode(&listener))]);
        let target = canonical(connect_to);
        Self { target, client: BTreeSet::new(), server, connect_to, listener, held: Vec::new() }
    }

    fn pair(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.connect_to).unwrap();
        let (server, _) = self.listener.accept().unwrap();
        (client, server)
    }

    /// Expects a row on each side where there is a state; a socket given with it is held, and has an inode.
    fn expect(&mut self, own: SocketAddr, client: Option<(TcpState, u64)>, server: Option<(TcpState, u64)>) {
        self.client.extend(client.map(|(state, inode)| (own, self.target, state, inode)));
        self.server.extend(server.map(|(state, inode)| (self.target, own, state, inode)));
    }

    /// Neither has closed.
    pub(super) fn established(&mut self) {
        let (client, server) = self.pair();
        let own = canonical(client.local_addr().unwrap());
        let (one, two) = ((TcpState::Established, inode(&client)), (TcpState::Established, inode(&server)));
        self.expect(own, Some(one), Some(two));
        self.held.extend([client, server]);
    }

    /// The server has closed, the client leaks: CLOSE_WAIT, and an orphaned FIN_WAIT_2 without inode.
    pub(super) fn leaked(&mut self) {
        let (mut client, server) = self.pair();
        drop(server);
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        let own = canonical(client.local_addr().unwrap());
        self.expect(own, Some((TcpState::CloseWait, inode(&client))), Some((TcpState::FinWait2, 0)));
        self.held.push(client);
    }

    /// The server has only shut down: FIN_WAIT_2 with its inode.
    pub(super) fn half_closed(&mut self) {
        let (mut client, server) = self.pair();
        server.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        let own = canonical(client.local_addr().unwrap());
        let (one, two) = ((TcpState::CloseWait, inode(&client)), (TcpState::FinWait2, inode(&server)));
        self.expect(own, Some(one), Some(two));
        self.held.extend([client, server]);
    }

    /// Both have closed, the server first: TIME_WAIT is the server's.
    pub(super) fn server_closed_first(&mut self) {
        let (mut client, server) = self.pair();
        let own = canonical(client.local_addr().unwrap());
        drop(server);
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        self.expect(own, None, Some((TcpState::TimeWait, 0)));
    }

    /// Both have closed, the client first: TIME_WAIT is the client's.
    pub(super) fn client_closed_first(&mut self) {
        let (client, mut server) = self.pair();
        let own = canonical(client.local_addr().unwrap());
        drop(client);
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
        self.expect(own, Some((TcpState::TimeWait, 0)), None);
    }

    /// A connection request that waits for data before it becomes a socket: SYN_RECV without inode. Nothing can be
    /// accepted afterwards.
    #[expect(unsafe_code, reason = "no crate here sets TCP_DEFER_ACCEPT")]
    pub(super) fn requested(&mut self) {
        let seconds: libc::c_int = 60;
        // SAFETY: the pointer and the length are those of an int that outlives the call.
        let set = unsafe {
            libc::setsockopt(
                self.listener.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_DEFER_ACCEPT,
                (&raw const seconds).cast(),
                4,
            )
        };
        assert_eq!(set, 0);
        let client = TcpStream::connect(self.connect_to).unwrap();
        let own = canonical(client.local_addr().unwrap());
        self.expect(own, Some((TcpState::Established, inode(&client))), Some((TcpState::SynRecv, 0)));
        self.held.push(client);
    }

    /// A queue for one connection that is full, with one that nobody accepts in it, and one that gets no answer:
    /// ESTABLISHED without an inode on the server's side, and SYN_SENT.
    pub(super) fn overflowing(listen: SocketAddr) -> Self {
        let socket = socket2::Socket::new(Domain::for_address(listen), Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::from(listen)).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let target = listener.local_addr().unwrap();
        let mut world = Self::around(listener, target);
        let queued = TcpStream::connect(target).unwrap();
        let own = queued.local_addr().unwrap();
        let established = TcpState::Established;
        world.expect(own, Some((established, inode(&queued))), Some((established, 0)));
        let asking = socket2::Socket::new(Domain::for_address(target), Type::STREAM, None).unwrap();
        asking.set_nonblocking(true).unwrap();
        assert_eq!(asking.connect(&target.into()).unwrap_err().raw_os_error(), Some(libc::EINPROGRESS));
        let asking = TcpStream::from(asking);
        let own = asking.local_addr().unwrap();
        world.expect(own, Some((TcpState::SynSent, inode(&asking))), None);
        world.held.extend([queued, asking]);
        world
    }

    /// One connection of every kind but those that need a full queue.
    pub(super) fn populate(&mut self) {
        for _ in 0..3 {
            self.established();
            self.leaked();
            self.half_closed();
            self.server_closed_first();
            self.client_closed_first();
        }
        self.requested();
    }
}
