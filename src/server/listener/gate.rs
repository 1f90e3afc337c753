//! `connect-refuse` and `connect-stall`: faults of the whole listener, at the times that they are for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::fault::{FaultSpec, ListenerFault};

/// How long a connection to oneself may take before the queue is taken for full. Loopback needs microseconds.
const FULL_AFTER: Duration = Duration::from_millis(200);

/// More than a queue of no length holds: the kernel takes one, and a second where it was quicker.
const FILLERS: usize = 8;

/// The listening socket, and what a fault makes of it at the moment.
#[derive(Debug)]
pub(super) struct Gate {
    listener: TcpListener,
    address: SocketAddr,
    backlog: i32,
    fault: Option<ListenerFault>,
    /// Our own connections, which fill the queue.
    fillers: Vec<TcpStream>,
    /// Where fillers came from that may still be accepted: they are no clients.
    own: Vec<SocketAddr>,
}

impl Gate {
    /// A socket that is bound to a port by its number, and does not listen yet; it does, or fails to as `fault` wants it, when this returns.
    pub(super) async fn open(
        socket: std::net::TcpListener,
        backlog: i32,
        fault: Option<ListenerFault>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        // Whether clients may come is settled before the runtime looks at the socket.
        if fault != Some(ListenerFault::Refuse) {
            let backlog = if fault.is_none() { backlog } else { 0 };
            SockRef::from(&socket).listen(backlog)?;
        }
        let listener = TcpListener::from_std(socket)?;
        let mut gate = Self { listener, address, backlog, fault, fillers: Vec::new(), own: Vec::new() };
        if fault == Some(ListenerFault::Stall) {
            gate.fill().await;
        }
        Ok(gate)
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what the fault of this moment wants; none is an open gate.
    pub(super) async fn set(&mut self, fault: Option<ListenerFault>) -> io::Result<()> {
        if fault == self.fault {
            return Ok(());
        }
        self.fillers.clear();
        let socket = SockRef::from(&self.listener);
        match fault {
            None => socket.listen(self.backlog)?,
            // The socket stays bound and is in no state: every SYN is answered by an RST, and nobody else gets the port.
            Some(ListenerFault::Refuse) => {
                socket.shutdown(std::net::Shutdown::Both)?;
                self.own.clear();
            }
            Some(ListenerFault::Stall) => {
                socket.listen(0)?;
                self.fill().await;
            }
        }
        self.fault = fault;
        Ok(())
    }

    /// The next client; never one while a fault is on.
    pub(super) async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        if self.fault.is_some() {
            return std::future::pending().await;
        }
        loop {
            let (stream, address) = self.listener.accept().await?;
            match self.own.iter().position(|own| *own == address) {
                Some(at) => drop(self.own.swap_remove(at)),
                None => return Ok((stream, address)),
            }
        }
    }

    /// Fills the queue with connections of our own, so that not one client's SYN is answered.
    async fn fill(&mut self) {
        let here = SocketAddr::new(reachable(self.address.ip()), self.address.port());
        for _ in 0..FILLERS {
            match timeout(FULL_AFTER, TcpStream::connect(here)).await {
                Ok(Ok(filler)) => {
                    self.own.extend(filler.local_addr());
                    self.fillers.push(filler);
                }
                // Unanswered: it is full. Nothing else goes wrong with a connection to oneself that would not end
                // a client's as well.
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}

/// An address of this host that reaches a listener on `ip`.
const fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    }
}

/// The fault of the whole listener at a moment since the server's start, and how long it is until that may change.
pub(super) fn at(faults: &[FaultSpec], since_start: Duration) -> (Option<ListenerFault>, Option<Duration>) {
    let mut now = None;
    let mut next: Option<Duration> = None;
    for spec in faults {
        let Some(fault) = spec.listener() else { continue };
        let Some(window) = spec.during() else { return (Some(fault), None) };
        if window.holds(since_start) {
            now = now.or(Some(fault));
        }
        let edges = [window.from().0, window.to().0].into_iter().filter(|edge| *edge > since_start);
        next = edges.map(|edge| edge - since_start).chain(next).min();
    }
    (now, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn gate(fault: Option<ListenerFault>) -> Gate {
        let picked = super::super::bound((Ipv4Addr::LOCALHOST, 0).into()).unwrap().local_addr().unwrap();
        Gate::open(super::super::bound(picked).unwrap(), 16, fault).await.unwrap()
    }

    #[tokio::test]
    async fn refused_stalled_and_open_again() {
        let mut gate = gate(Some(ListenerFault::Refuse)).await;
        let address = gate.address();
        for _ in 0..2 {
            let refused = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            gate.set(Some(ListenerFault::Stall)).await.unwrap();
            let unanswered = timeout(Duration::from_millis(300), TcpStream::connect(address)).await;
            assert!(unanswered.is_err(), "{unanswered:?}");
            gate.set(None).await.unwrap();
            let (client, accepted) = tokio::join!(TcpStream::connect(address), gate.accept());
            let (client, (_, from)) = (client.unwrap(), accepted.unwrap());
            assert_eq!(client.local_addr().unwrap(), from, "a filler is no client");
            gate.set(Some(ListenerFault::Refuse)).await.unwrap();
        }
    }

    #[test]
    fn windows_open_and_close() {
        let faults = ["connect-refuse:during=5s..10s".parse().unwrap()];
        let at = |seconds| at(&faults, Duration::from_secs(seconds));
        let refuse = Some(ListenerFault::Refuse);
        for (seconds, expected) in
            [(0, (None, Some(5))), (5, (refuse, Some(5))), (9, (refuse, Some(1))), (10, (None, None))]
        {
            assert_eq!(at(seconds), (expected.0, expected.1.map(Duration::from_secs)), "{seconds} s");
        }
        let always = ["connect-stall".parse().unwrap()];
        assert_eq!(super::at(&always, Duration::ZERO), (Some(ListenerFault::Stall), None));
    }
}
