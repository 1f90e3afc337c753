//! The packet socket.
//!
//! The choice not taken: a ring that is shared with the kernel (`PACKET_RX_RING`), which saves a call a packet and costs a
//! room full of `unsafe`; behind the filter come five segments a connection, not its data.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use socket2::{Domain, Socket, Type};

use super::filter::{SNAP, program};
use super::stamp::{CONTROL, Offset, stamp, wall};
use super::{Error, Segment};
use crate::units::Monotonic;

/// Room for what arrives while nobody reads: some twenty thousand segments.
const ROOM: usize = 8 * 1024 * 1024;
/// Segments of one reading at the most, which is more than the room holds: a flood cannot keep the reader.
const MOST_A_READING: usize = 65_536;
/// How often, and how far apart, an opening looks whether the kernel stamps already: a fifth of a second in all.
const PROBES: u32 = 200;
const BETWEEN_PROBES: Duration = Duration::from_millis(1);

/// An `AF_PACKET` socket that sees the TCP segments with SYN, FIN or RST, of IPv4 and IPv6, on every interface of the
/// network namespace that it was opened in. A packet that crosses two interfaces of it is seen on both.
#[derive(Debug)]
pub struct Tap {
    socket: Socket,
    lost: u64,
}

impl Tap {
    /// Opens it in the calling thread's network namespace, to which it stays bound; what comes later is kept until it is
    /// read. Waits until the kernel stamps packets, a fifth of a second at the most.
    ///
    /// # Errors
    /// When packet sockets are refused, or the kernel has no socket filters.
    pub fn open() -> Result<Self, Error> {
        // Without a protocol nothing is queued before the filter is in its place.
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, None).map_err(Error::Open)?;
        socket.attach_filter(&program()).map_err(Error::Filter)?;
        let set = |option| move |source| Error::Option { option, source };
        socket.set_nonblocking(true).map_err(set("non-blocking mode"))?;
        enlarge(&socket).map_err(set("receive buffer"))?;
        stamp_packets(&socket).map_err(set("time stamps"))?;
        bind(&socket).map_err(Error::Bind)?;
        await_stamps();
        Ok(Self { socket, lost: 0 })
    }

    /// Reads everything that is there and gives each segment in order; returns how many. The socket is readable when
    /// there is something.
    ///
    /// # Errors
    /// When the kernel refuses to give a packet.
    pub fn read(&mut self, each: &mut dyn FnMut(Segment)) -> Result<usize, Error> {
        let offset = Offset::read();
        let (mut packet, mut control) = ([0; SNAP], [0; CONTROL]);
        let mut given = 0;
        for _ in 0..MOST_A_READING {
            match receive(&self.socket, &mut packet, &mut control) {
                Ok((length, control_length)) => {
                    let at = offset.instant(stamp(&control[..control_length]), Monotonic::now());
                    if let Some(segment) = Segment::parse(at, &packet[..length]) {
                        given += 1;
                        each(segment);
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => (),
                Err(errno) => return Err(Error::Read(errno.into())),
            }
        }
        Ok(given)
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

/// Asks for the whole room, or for as much of it as the machine allows to those without `CAP_NET_ADMIN`.
pub(super) fn enlarge(socket: &Socket) -> io::Result<()> {
    set_socket_recv_buffer_size_force(socket, ROOM).or_else(|_| set_socket_recv_buffer_size(socket, ROOM))?;
    Ok(())
}

#[expect(unsafe_code, reason = "no crate here sets SO_TIMESTAMPNS")]
pub(super) fn stamp_packets(socket: &Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    let (value, length) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
    // SAFETY: the pointer and the length are those of `on`, which outlives the call.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, value, length) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits until packets are stamped as they arrive. The first socket of a machine that asks for stamps only has a worker
/// of the kernel's scheduled that begins with it, under load ten milliseconds later; packets before that are stamped
/// when they are read, and would all seem to come at once.
pub(super) fn await_stamps() {
    // Without a loopback nothing can be tried, and the first packets' times may be those of their reading.
    let Ok(probe) = probe() else { return };
    for _ in 0..PROBES {
        if probe.send(&[0]).is_err() {
            return;
        }
        let sent = wall();
        let mut control = [0; CONTROL];
        // A stamp of the reading would be later than the sending's end.
        if let Ok((_, length)) = receive(&probe, &mut [0; 1], &mut control)
            && stamp(&control[..length]).is_some_and(|stamp| stamp <= sent)
        {
            return;
        }
        thread::sleep(BETWEEN_PROBES);
    }
}

/// A socket that speaks with itself, past the filter.
fn probe() -> io::Result<Socket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_nonblocking(true)?;
    let socket = Socket::from(socket);
    stamp_packets(&socket)?;
    Ok(socket)
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

/// Receives one packet; how long it is and how long its control messages are.
#[expect(unsafe_code, reason = "rustix drops the control messages that it does not know, time stamps among them")]
pub(super) fn receive(socket: &Socket, packet: &mut [u8], control: &mut [u8]) -> Result<(usize, usize), Errno> {
    let mut part = libc::iovec { iov_base: packet.as_mut_ptr().cast(), iov_len: packet.len() };
    // SAFETY: a msghdr is numbers and pointers, for which zeroes are a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = ptr::from_mut(&mut part);
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control.len() as _;
    // SAFETY: every pointer in `message` and its length are those of a buffer that is borrowed mutably for the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    // Negative only when it failed. The kernel says what it wrote, and that is no more than there was room for.
    let length =
        usize::try_from(length).map_err(|_| Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))?;
    Ok((length.min(packet.len()), (message.msg_controllen as usize).min(control.len())))
}

/// Packets dropped since this was last asked.
#[expect(unsafe_code, reason = "no crate here reads PACKET_STATISTICS")]
pub(super) fn dropped(socket: &Socket) -> io::Result<u32> {
    /// `linux/if_packet.h`
    const PACKET_STATISTICS: libc::c_int = 6;
    // `struct tpacket_stats`: packets, then drops.
    let mut statistics = [0u32; 2];
    let mut length = size_of_val(&statistics) as libc::socklen_t;
    let value = statistics.as_mut_ptr().cast();
    // SAFETY: the pointer and the length are those of `statistics`, which outlives the call.
    let got =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, PACKET_STATISTICS, value, &raw mut length) };
    if got == 0 { Ok(statistics[1]) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    use super::super::testbed::in_a_namespace;
    use super::super::{Entry, Ledger};
    use super::*;

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
        in_a_namespace("tap::tests::the_ledger_is_what_was_done", || {
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
                assert_eq!((given.unwrap(), called, noted), (5 * (4 + 3 + 3 + 2), 60, 60), "{name}");
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
        in_a_namespace("tap::tests::what_the_kernel_dropped_is_counted_up", || {
            let mut tap = Tap::open().unwrap();
            set_socket_recv_buffer_size(&tap, 0).unwrap();
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let mut round = || {
                (0..20).for_each(|_| drop(pair(&listener)));
                tap.lost().unwrap()
            };
            let (first, second) = (round(), round());
            assert!(first > 0 && second > first, "{first}, {second}");
            assert_eq!(tap.lost().unwrap(), second);
        });
    }

    #[test]
    fn a_tap_that_saw_nothing_gives_nothing_and_does_not_wait() {
        in_a_namespace("tap::tests::a_tap_that_saw_nothing_gives_nothing_and_does_not_wait", || {
            let mut tap = Tap::open().unwrap();
            assert_eq!(tap.read(&mut |segment| panic!("{segment:?}")).unwrap(), 0);
        });
    }
}
