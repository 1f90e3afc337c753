//! A look at each process of the command that is about to exit.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::evidence::canonical;
use super::super::exits::Exit;
use crate::record::Side;
use crate::sample::{Filter, OpenSockets, Socket, Source, SourceKind, sockets_of};
use crate::units::Monotonic;

/// Looks at what a process has open.
pub(super) struct Inspector {
    /// The kernel's socket table; opened when a process first exits with a socket, and none where it cannot be.
    table: Option<Option<Box<dyn Source + Send>>>,
    filters: Vec<Filter>,
}

impl Inspector {
    /// Of connections to these servers, at any of their addresses.
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        let mut ports: Vec<u16> = servers.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let any = |port| Filter::new(Side::Client, (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into());
        Self { table: None, filters: ports.into_iter().map(any).collect() }
    }

    /// What a process has open that is held at its exit; none when it has been killed meanwhile.
    pub(super) fn look_at(&mut self, pid: u32) -> Option<Exit> {
        let at = Monotonic::now();
        let OpenSockets { started, inodes } = sockets_of(pid)?;
        let open = match &inodes {
            Some(inodes) if !inodes.is_empty() => self.ends(inodes),
            _ => Vec::new(),
        };
        Some(Exit { pid, started, at, inodes, open })
    }

    fn ends(&mut self, inodes: &[u64]) -> Vec<(SocketAddr, SocketAddr)> {
        let Some(table) = self.table.get_or_insert_with(|| SourceKind::Auto.open().ok()) else { return Vec::new() };
        let mut found = Vec::new();
        for filter in &self.filters {
            // A table that changed under the reading has shown what was in it all the time.
            let _ = table.sockets(filter, &mut |socket: Socket| {
                if inodes.contains(&socket.inode) {
                    found.push((canonical(socket.local), canonical(socket.remote)));
                }
            });
        }
        found
    }
}
