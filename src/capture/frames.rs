//! The packet socket of a trace: whole frames of one server's connections.
//!
//! The choice not taken: a snap length that keeps headers alone. What a frame says is in its data, and a single
//! connection is small.

use std::net::SocketAddrV4;
use std::os::fd::{AsFd, BorrowedFd};

use libc::{BPF_ABS, BPF_B, BPF_H, BPF_IND, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET, BPF_W};
use socket2::{Domain, Socket, Type};

use super::filter::{Instruction, PACKET_OUTGOING, any_of, attachable, byte, equals, half, instruction, known};
use super::frame::ETHERNET;
use super::ring::{Ring, WHOLE};
use super::segment::{FRAGMENT, FRAGMENT_AT, TCP};
use super::stamp::Offset;
use super::tap::{bind, dropped};
use super::{Captured, Error};

/// How much of a frame is kept: segmentation left to hardware makes one of up to 64 KiB and its headers.
pub const SNAP_LENGTH: u32 = 64 * 1024 + 256;

/// Room for what arrives while nobody reads: 256 frames.
const ROOM: usize = 256 * WHOLE;

/// An `AF_PACKET` socket that sees the whole frames of one server's TCP connections over IPv4, on every Ethernet and
/// loopback interface of the network namespace that it was opened in.
#[derive(Debug)]
pub struct FrameTap {
    socket: Socket,
    ring: Ring,
    lost: u64,
}

impl FrameTap {
    /// Opens it in the calling thread's network namespace, to which it stays bound, for connections to `server`; what
    /// comes later is kept until it is read.
    ///
    /// # Errors
    /// When packet sockets are refused, or the kernel has no socket filters or no rings.
    pub fn open(server: SocketAddrV4) -> Result<Self, Error> {
        // Without a protocol nothing is queued before filter and ring are in their place.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None).map_err(Error::Open)?;
        socket.attach_filter(&attachable(&program(server))).map_err(Error::Filter)?;
        let ring = Ring::open(&socket, WHOLE, ROOM).map_err(Error::Ring)?;
        bind(&socket).map_err(Error::Bind)?;
        Ok(Self { socket, ring, lost: 0 })
    }

    /// Reads what is there and gives each frame in order; returns how many. The socket is readable when there is
    /// something.
    pub fn read(&mut self, each: &mut dyn FnMut(Captured)) -> usize {
        let offset = Offset::read();
        let mut given = 0;
        self.ring.read(&mut |stamp, packet| {
            given += 1;
            let wall_ns = u64::try_from(stamp).unwrap_or(0);
            each(Captured { at: offset.instant(stamp), wall_ns, bytes: packet.to_vec() });
        });
        given
    }

    /// Frames that the kernel dropped since the opening, because nobody read in time.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn lost(&mut self) -> Result<u64, Error> {
        // The kernel begins anew with every answer.
        self.lost += u64::from(dropped(&self.socket).map_err(Error::Statistics)?);
        Ok(self.lost)
    }
}

impl AsFd for FrameTap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

const fn word(at: usize) -> Instruction {
    instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, at as u32)
}

/// The port that lies `at` bytes into the TCP header, whose own place is in X.
const fn port(at: usize) -> Instruction {
    instruction(BPF_LD | BPF_H | BPF_IND, 0, 0, (ETHERNET + at) as u32)
}

/// The program, which sees a frame from its Ethernet header on: TCP over IPv4 whose source or destination is `server`.
const fn program(server: SocketAddrV4) -> [Instruction; 21] {
    let (address, number) = (server.ip().to_bits(), server.port() as u32);
    [
        // Loopback shows every packet twice, on its way out and on its way in; elsewhere each copy is the only one.
        /*  0 */
        known(libc::SKF_AD_HATYPE),
        /*  1 */ equals(libc::ARPHRD_LOOPBACK as u32, 0, 2),
        /*  2 */ known(libc::SKF_AD_PKTTYPE),
        /*  3 */ equals(PACKET_OUTGOING, 16, 0),
        /*  4 */ half(ETHERNET - 2),
        /*  5 */ equals(libc::ETH_P_IP as u32, 0, 14),
        /*  6 */ byte(ETHERNET + 9),
        /*  7 */ equals(TCP as u32, 0, 12),
        /*  8 */ half(ETHERNET + FRAGMENT_AT),
        /*  9 */ any_of(FRAGMENT as u32, 10, 0),
        /* 10 */ instruction(BPF_LDX | BPF_B | BPF_MSH, 0, 0, ETHERNET as u32),
        /* 11 */ word(ETHERNET + 12),
        /* 12 */ equals(address, 0, 2),
        /* 13 */ port(0),
        /* 14 */ equals(number, 4, 0),
        /* 15 */ word(ETHERNET + 16),
        /* 16 */ equals(address, 0, 3),
        /* 17 */ port(2),
        /* 18 */ equals(number, 0, 1),
        /* 19 */ instruction(BPF_RET | BPF_K, 0, 0, SNAP_LENGTH),
        /* 20 */ instruction(BPF_RET | BPF_K, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

    use super::super::stamp::wall;
    use super::super::{Frame, TcpFlags};
    use super::*;
    use crate::testbed::in_a_namespace;

    fn address(listener: &TcpListener) -> SocketAddrV4 {
        match listener.local_addr().unwrap() {
            SocketAddr::V4(address) => address,
            SocketAddr::V6(address) => panic!("{address}"),
        }
    }

    #[test]
    fn every_frame_of_the_server_comes_once_and_whole_and_nobody_elses() {
        in_a_namespace(
            "capture::frames::tests::every_frame_of_the_server_comes_once_and_whole_and_nobody_elses",
            || {
                let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let (ours, other) = (listen(), listen());
                let mut tap = FrameTap::open(address(&ours)).unwrap();
                let before = wall();
                let mut client = TcpStream::connect(address(&ours)).unwrap();
                let own = client.local_addr().unwrap();
                let (mut server, _) = ours.accept().unwrap();
                let mut stranger = TcpStream::connect(address(&other)).unwrap();
                stranger.write_all(b"not for this tap").unwrap();
                client.write_all(&[7; 3000]).unwrap();
                server.read_exact(&mut [0; 3000]).unwrap();
                drop(server);
                assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);

                let mut frames = Vec::new();
                let given = tap.read(&mut |captured| frames.push(captured));
                assert_eq!((given, tap.lost().unwrap()), (frames.len(), 0));
                let parsed: Vec<Frame<'_>> = frames.iter().map(|it| Frame::parse(&it.bytes).unwrap()).collect();
                let ends = [own, ours.local_addr().unwrap()];
                assert!(parsed.iter().all(|it| ends.contains(&it.from) && ends.contains(&it.to)), "{parsed:?}");
                let sent: Vec<u8> =
                    parsed.iter().filter(|it| it.from == own).flat_map(|it| it.payload.to_vec()).collect();
                assert_eq!(sent, [7; 3000]);
                let count = |flags| parsed.iter().filter(|it| it.flags.has(flags)).count();
                assert_eq!((count(TcpFlags::SYN), count(TcpFlags::FIN), count(TcpFlags::RST)), (2, 1, 0));
                assert!(frames.windows(2).all(|pair| pair[0].at <= pair[1].at), "in order");
                let now = wall();
                assert!(frames.iter().all(|it| (before..=now).contains(&i128::from(it.wall_ns))));
            },
        );
    }
}
