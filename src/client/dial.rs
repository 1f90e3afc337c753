//! A TCP connect with the local address and port range that the attempt asks for.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

use super::Config;
use crate::units::PortRange;

/// Connects to the target.
///
/// # Errors
/// Whatever the kernel says; [`Verdict::of_error`](super::verdict::Verdict::of_error) tells which outcome that is.
pub(super) async fn dial(config: &Config) -> io::Result<TcpStream> {
    let socket =
        Socket::new(Domain::for_address(config.target), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    if let Some(ports) = config.per_socket_ports {
        limit_local_ports(socket.as_fd(), ports)?;
    }
    if let Some(source) = config.source {
        bind_without_port(&socket, source)?;
    }
    let stream = TcpSocket::from_std_stream(socket.into()).connect(config.target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Binds the source address alone: with `IP_BIND_ADDRESS_NO_PORT` the port is chosen at connect, when the destination is
/// known, so that a port may serve several destinations and exhaustion is `EADDRNOTAVAIL`, not `EADDRINUSE`.
fn bind_without_port(socket: &Socket, source: Ipv4Addr) -> io::Result<()> {
    set_int(socket.as_fd(), libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
    socket.bind(&SocketAddr::from((source, 0)).into())
}

/// `IP_LOCAL_PORT_RANGE` (Linux 6.3): one u32, the high end in its upper half.
fn limit_local_ports(socket: BorrowedFd<'_>, ports: PortRange) -> io::Result<()> {
    const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
    set_int(socket, IP_LOCAL_PORT_RANGE, u32::from(ports.high()) << 16 | u32::from(ports.low()))
}

#[expect(unsafe_code, reason = "no crate in the tree wraps these two options")]
fn set_int(socket: BorrowedFd<'_>, option: libc::c_int, value: u32) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed for the call, and the value is four readable bytes, as its length says.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            option,
            (&raw const value).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
