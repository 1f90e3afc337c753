//! The packet socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Socket, Type};

use super::filter::{Instruction, attachable, everything, towards};
use super::ring::{HEADERS, Ring};
use super::stamp::Offset;
use super::steps::canonical;
use super::{Error, Segment};

/// Room for what arrives while nobody reads: some thirty thousand segments.
const ROOM: usize = 8 * 1024 * 1024;

/// Twice as many, for a load: a second's worth at 15,000 connections a second.
const ROOM_OF_A_LOAD: usize = 2 * ROOM;

/// An `AF_PACKET` socket that sees the TCP segments with SYN, FIN or RST, of IPv4 and IPv6, on every interface of the
/// network namespace that it was opened in. A packet that crosses two interfaces of it is seen on both.
#[derive(Debug)]
pub struct Tap {
    socket: Socket,
    ring: Ring,
    lost: u64,
}

impl Tap {
    /// Opens it in the calling thread's network namespace, to which it stays bound; what comes later is kept until it is
    /// read.
    ///
    /// # Errors
    /// When packet sockets are refused, or the kernel has no socket filters or no rings.
    pub fn open() -> Result<Self, Error> {
        Self::with(&everything(), ROOM)
    }

    /// Opens one that sees only what goes to `server` or comes from there, with room for a load.
    ///
    /// # Errors
    /// As [`Tap::open`].
    pub fn towards(server: SocketAddr) -> Result<Self, Error> {
        Self::with(&towards(canonical(server)), ROOM_OF_A_LOAD)
    }

    fn with(filter: &[Instruction], room: usize) -> Result<Self, Error> {
        // Without a protocol nothing is queued before filter and ring are in their place.
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, None).map_err(Error::Open)?;
        socket.attach_filter(&attachable(filter)).map_err(Error::Filter)?;
        let ring = Ring::open(&socket, HEADERS, room).map_err(Error::Ring)?;
        bind(&socket).map_err(Error::Bind)?;
        Ok(Self { socket, ring, lost: 0 })
    }

    /// Reads everything that is there and gives each segment in order; returns how many. The socket is readable when
    /// there is something.
    pub fn read(&mut self, each: &mut dyn FnMut(Segment)) -> usize {
        let offset = Offset::read();
        let mut given = 0;
        self.ring.read(&mut |stamp, packet| {
            if let Some(segment) = Segment::parse(offset.instant(stamp), packet) {
                given += 1;
                each(segment);
            }
        });
        given
    }

    /// Segments that the kernel dropped since the opening, because nobody read in time.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn lost(&mut self) -> Result<u64, Error> {
        // The kernel begins anew with every answer.
        self.lost += u64::from(dropped(&self.socket).map_err(Error::Statistics)?);
        Ok(self.lost)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[expect(unsafe_code, reason = "no crate here makes a sockaddr_ll")]
pub(super) fn bind(socket: &Socket) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        // Every interface, those that come later too.
        sll_ifindex: 0,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the pointer and the length are those of `address`, which outlives the call.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if bound == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Packets dropped since this was last asked.
#[expect(unsafe_code, reason = "no crate here reads PACKET_STATISTICS")]
pub(super) fn dropped(socket: &Socket) -> io::Result<u32> {
    // `struct tpacket_stats`: packets, then drops.
    let mut statistics = [0u32; 2];
    let mut length = size_of_val(&statistics) as libc::socklen_t;
    let value = statistics.as_mut_ptr().cast();
    // SAFETY: the pointer and the length are those of `statistics`, which outlives the call.
    let got = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, value, &raw mut length)
    };
    if got == 0 { Ok(statistics[1]) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
    use std::time::Duration;

    use super::super::{Entry, Ledger};
    use super::*;
    use crate::testbed::in_a_namespace;
    use crate::units::Monotonic;

    /// How far the two clocks' readings may lie apart.
    const SLACK: Duration = Duration::from_millis(1);

    /// What was done to a connection.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Deed {
        /// The client closes, then the server.
        Orderly,
        /// The server closes, the client does not.
        Leaky,
        /// The client resets.
        Abortive,
        /// Nobody listens.
        Refused,
    }

    fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        (client, server)
    }

    fn bound(address: IpAddr) -> Socket {
        let address = SocketAddr::new(address, 0);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&address.into()).unwrap();
        socket
    }

    fn own_address(socket: &Socket) -> SocketAddr {
        socket.local_addr().unwrap().as_socket().unwrap()
    }

    fn ended(stream: &mut TcpStream) {
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    }

    /// Does it, and says who the client was; what must stay open goes to `held`.
    fn act(deed: Deed, listener: &TcpListener, nobody: SocketAddr, held: &mut Vec<TcpStream>) -> SocketAddr {
        if deed == Deed::Refused {
            let socket = bound(nobody.ip());
            assert_eq!(socket.connect(&nobody.into()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
            return own_address(&socket);
        }
        let (mut client, mut server) = pair(listener);
        let own = client.local_addr().unwrap();
        match deed {
            Deed::Orderly => {
                // Data, which no ledger needs to see.
                client.write_all(b"x").unwrap();
                server.read_exact(&mut [0; 1]).unwrap();
                drop(client);
                ended(&mut server);
            }
            Deed::Leaky => {
                drop(server);
                ended(&mut client);
                held.push(client);
            }
            Deed::Abortive => {
                Socket::from(client).set_linger(Some(Duration::ZERO)).unwrap();
                server.read(&mut [0; 1]).unwrap_err();
            }
            Deed::Refused => unreachable!("it has returned"),
        }
        own
    }

    fn check(entry: &Entry, deed: Deed, name: &str) {
        let seen = [entry.client_fin, entry.client_rst, entry.server_fin, entry.server_rst].map(|at| at.is_some());
        let expected = match deed {
            Deed::Orderly => [true, false, true, false],
            Deed::Leaky => [false, false, true, false],
            Deed::Abortive => [false, true, false, false],
            Deed::Refused => [false, false, false, true],
        };
        assert_eq!(seen, expected, "{name}: {deed:?}, {entry:?}");
        assert_eq!((entry.syns, entry.answered.is_some()), (1, deed != Deed::Refused), "{name}: {entry:?}");
        assert_eq!(entry.refused(), deed == Deed::Refused, "{name}: {entry:?}");
    }

    #[test]
    fn the_ledger_is_what_was_done() {
        in_a_namespace("capture::tap::tests::the_ledger_is_what_was_done", || {
            for (name, address) in [("v4", Ipv4Addr::LOCALHOST.into()), ("v6", Ipv6Addr::LOCALHOST.into())] {
                let mut tap = Tap::open().unwrap();
                let listener = TcpListener::bind(SocketAddr::new(address, 0)).unwrap();
                // Held and not listening, or a client could be given its port and reach itself.
                let mute = bound(address);
                let nobody = own_address(&mute);
                let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), listener.local_addr().unwrap().port());
                let mut held = Vec::new();
                let deeds = [Deed::Orderly, Deed::Leaky, Deed::Abortive, Deed::Refused].repeat(5);
                let done: Vec<(Monotonic, SocketAddr)> =
                    deeds.iter().map(|deed| (Monotonic::now(), act(*deed, &listener, nobody, &mut held))).collect();
                let over = Monotonic::now();

                // Every deed has been seen by its other side, and the tap looks before TCP does: nothing is awaited.
                let mut ledger = Ledger::new(vec![any, nobody]);
                let (mut called, mut noted) = (0, 0);
                let given = tap.read(&mut |segment| {
                    called += 1;
                    noted += usize::from(ledger.note(&segment).is_some());
                });
                // SYN, SYN ACK and two FIN; one FIN; one RST; SYN and RST: each once, though loopback shows them twice.
                assert_eq!((given, called, noted), (5 * (4 + 3 + 3 + 2), 60, 60), "{name}");
                assert_eq!((ledger.entries().len(), ledger.omitted(), tap.lost().unwrap()), (20, 0, 0), "{name}");
                let next = done.iter().skip(1).map(|(at, _)| *at).chain([over]);
                for (((entry, deed), (begun, client)), next) in ledger.entries().iter().zip(deeds).zip(&done).zip(next)
                {
                    check(entry, deed, name);
                    assert_eq!(entry.client, *client, "{name}");
                    // The reading came after all of them, and still each has its own time.
                    assert!(entry.opened.after(SLACK) >= *begun, "{name}: {entry:?} before {begun:?}");
                    assert!(entry.opened <= next.after(SLACK), "{name}: {entry:?} after {next:?}");
                }
            }
        });
    }

    #[test]
    fn what_the_kernel_dropped_is_counted_up() {
        in_a_namespace("capture::tap::tests::what_the_kernel_dropped_is_counted_up", || {
            // Sixteen segments.
            let mut tap = Tap::with(&everything(), 4096).unwrap();
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let mut round = || {
                (0..20).for_each(|_| drop(pair(&listener)));
                tap.lost().unwrap()
            };
            let (first, second) = (round(), round());
            assert!(first > 0 && second > first, "{first}, {second}");
            assert_eq!(tap.lost().unwrap(), second);
            // What found room is there, in order, and room is given back; round and round.
            let mut ports = Vec::new();
            assert_eq!(tap.read(&mut |segment| ports.push(segment.at)), 16);
            assert!(ports.is_sorted(), "{ports:?}");
            for _ in 0..5 {
                drop(pair(&listener));
                assert!((4..=5).contains(&tap.read(&mut |_| ())));
            }
            assert_eq!(tap.lost().unwrap(), second);
        });
    }

    #[test]
    fn a_tap_that_saw_nothing_gives_nothing_and_does_not_wait() {
        in_a_namespace("capture::tap::tests::a_tap_that_saw_nothing_gives_nothing_and_does_not_wait", || {
            let mut tap = Tap::open().unwrap();
            assert_eq!(tap.read(&mut |segment| panic!("{segment:?}")), 0);
        });
    }

    #[test]
    fn a_tap_towards_a_server_sees_nothing_else() {
        in_a_namespace("capture::tap::tests::a_tap_towards_a_server_sees_nothing_else", || {
            for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
                let [wanted, other] = [(); 2].map(|()| TcpListener::bind((address, 0)).unwrap());
                let server = wanted.local_addr().unwrap();
                let mut tap = Tap::towards(server).unwrap();
                drop(pair(&other));
                let (client, stream) = pair(&wanted);
                let own = client.local_addr().unwrap();
                drop((client, stream));
                let mut ends = Vec::new();
                tap.read(&mut |segment| ends.push((segment.from, segment.to)));
                assert!(ends.len() >= 4, "{ends:?}");
                assert!(ends.iter().all(|it| [(own, server), (server, own)].contains(it)), "{ends:?}");
            }
        });
    }
}
