//! For tests: a network namespace of the test's own, and sockets in every state that can be held still there.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Stdio};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;
use rustix::io::Errno;
use rustix::thread::UnshareFlags;
use socket2::{Domain, SockAddr, Type};

use super::{Error, Filter, Socket, Source};
use crate::record::TcpState;
use crate::units::Monotonic;

/// Set in the copy of this program that runs in a user namespace.
const INSIDE: &str = "CLOSEWAIT_TEST_IN_USER_NAMESPACE";

/// Runs `body` in a network namespace of its own: a thread's when this user may make one, else that of a copy of this
/// test program in a user namespace. Where neither is allowed the test is skipped by name.
pub(super) fn in_a_namespace(test: &str, body: fn()) {
    let held = SPAWNING.read().unwrap_or_else(PoisonError::into_inner);
    let inside = thread::spawn(move || unshared().map(|()| body())).join();
    drop(held);
    match inside {
        Ok(Ok(())) => return,
        Ok(Err(Errno::PERM)) if std::env::var_os(INSIDE).is_none() => (),
        Ok(Err(errno)) => return crate::skipped(test, format_args!("no network namespace: {errno}")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    let mapped = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", program]).stdin(Stdio::null());
        command
    };
    if !mapped("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return crate::skipped(test, "no user namespace");
    }
    let this = std::env::current_exe().unwrap();
    let mut copy = mapped(this.to_str().unwrap());
    copy.args(["--exact", &format!("sample::{test}"), "--nocapture"]).env(INSIDE, "1");
    let output = copy.output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
    errors.lines().filter(|line| line.starts_with("skipped: ")).for_each(|line| eprintln!("{line}"));
}

/// Written while a child is on its way to `execve`, where it holds every socket of this process, closed or not: who
/// tells states by who has closed reads it.
static SPAWNING: RwLock<()> = RwLock::new(());

/// Starts a process without disturbing [`in_a_namespace`].
pub(super) fn spawn(command: &mut Command) -> Child {
    let _alone = SPAWNING.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

/// Gives the calling thread a network namespace of its own, with its loopback up.
#[expect(unsafe_code, reason = "unshare is unsafe")]
pub(super) fn unshared() -> Result<(), Errno> {
    // SAFETY: only the network namespace is unshared, never the descriptor table.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET)? };
    // RTM_NEWLINK (16) for interface 1, which is always `lo`: set and change IFF_UP (1).
    let mut message = [0u8; 32];
    for (at, word) in [(0, 32u32), (4, 16 | 5 << 16), (20, 1), (24, 1), (28, 1)] {
        message[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    let netlink = netlink_sys::Socket::new(NETLINK_ROUTE).unwrap();
    netlink.send(&message, 0).unwrap();
    let mut answer = Vec::with_capacity(256);
    netlink.recv(&mut answer, 0).unwrap();
    assert_eq!(answer[16..20], [0; 4], "the kernel takes lo up");
    Ok(())
}

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
