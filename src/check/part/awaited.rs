//! A port that a service is to listen on, looked for in the socket table of its host.
//!
//! The choice not taken: a connection to it. The service would have to bear one that nobody meant, and where the port is a
//! server's of this check it would be one of the command's.

use std::net::{IpAddr, Ipv4Addr};

use super::text;
use crate::record::{Side, TcpState};
use crate::sample::{Error, Filter, Source, SourceKind};

/// Somebody is to listen on a port of this host.
pub(super) struct Awaited {
    filter: Filter,
    source: Box<dyn Source + Send>,
}

impl Awaited {
    pub(super) fn new(port: u16) -> Result<Self, String> {
        // Every address of both families.
        let any = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into();
        Ok(Self { filter: Filter::new(Side::Server, any), source: SourceKind::Auto.open().map_err(text)? })
    }

    /// Whether somebody does, at an address that this host alone has or at all of its addresses.
    pub(super) fn listens(&mut self) -> Result<bool, String> {
        let mut listens = false;
        let here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        let table = self.source.sockets(&self.filter, &mut |socket| {
            listens |= socket.state == TcpState::Listen && here(socket.local.ip());
        });
        match table {
            Ok(()) => Ok(listens),
            // The table changed under the reading: the next look comes soon.
            Err(Error::Torn) => Ok(false),
            Err(error) => Err(text(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_seen_in_either_family_and_is_not_disturbed() {
        for at in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(at) else {
                crate::skipped("who_listens_is_seen_in_either_family_and_is_not_disturbed", format!("no {at} here"));
                continue;
            };
            let mut awaited = Awaited::new(listener.local_addr().unwrap().port()).unwrap();
            assert!(awaited.listens().unwrap(), "{at}");
            listener.set_nonblocking(true).unwrap();
            assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "{at}: a connection");
        }
    }

    #[test]
    fn who_is_bound_or_connected_does_not_listen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!Awaited::new(client.local_addr().unwrap().port()).unwrap().listens().unwrap());
    }
}
