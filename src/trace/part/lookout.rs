//! The lookout of a trace: frames as they come, and both hosts' socket tables every few milliseconds.

use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::role::{Looked, Order, Seen, Word};
use super::text;
use crate::capture::{Captured, Frame, FrameTap, TcpFlags};
use crate::host::{BlockingChannel, Inside, Polled};
use crate::record::{Side, TcpState};
use crate::sample::{Error, Filter, Socket, Source, SourceKind};
use crate::units::Monotonic;

/// The time between two looks.
const BETWEEN: Duration = Duration::from_millis(10);

/// How long nothing comes and nothing changes around the last look, and how long is waited for that.
const STILL: Duration = Duration::from_millis(20);
const UNTIL_STILL: Duration = Duration::from_millis(200);

/// A look may cost at most this share of the time: outside a sandbox the table may be long.
const SHARE: u32 = 10;

/// Frames that are kept, and bytes of them: a server that never stops talking fills no memory.
const MOST_FRAMES: usize = 5_000;
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Changes in the tables that are kept; a connection has some ten.
const MOST_CHANGES: usize = 1_000;

struct Lookout {
    tap: FrameTap,
    server: SocketAddr,
    /// The client, once its SYN was seen.
    client: Option<SocketAddr>,
    /// The tables of the client's host and of the server's.
    tables: [(Side, Box<dyn Source + Send>); 2],
    looked: Looked,
    frames: usize,
    bytes: usize,
}

pub(super) fn watch(mut inside: Inside, server: SocketAddrV4, server_namespace: bool) -> Result<(), String> {
    let namespace = inside.take_fds().into_iter().next().filter(|_| server_namespace);
    let mut channel = inside.blocking_channel().map_err(text)?;
    match Lookout::open(server, namespace) {
        Ok(mut lookout) => {
            let ready = Word::Ready { listening: None, certificate: String::new() };
            channel.send(&ready).map_err(text)?;
            lookout.run(&mut channel)
        }
        Err(why) => channel.send(&Word::Failed(why)).map_err(text),
    }
}

impl Lookout {
    fn open(server: SocketAddrV4, namespace: Option<OwnedFd>) -> Result<Self, String> {
        let told = |error: &dyn std::error::Error| {
            error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        };
        let tap = FrameTap::open(server).map_err(|error| told(&error))?;
        let own = SourceKind::Auto.open().map_err(|error| told(&error))?;
        let servers = match namespace {
            Some(namespace) => SourceKind::Auto.open_in(namespace),
            None => SourceKind::Auto.open(),
        };
        Ok(Self {
            tap,
            server: server.into(),
            client: None,
            tables: [(Side::Client, own), (Side::Server, servers.map_err(|error| told(&error))?)],
            looked: Looked { interface: interface(server), ..Looked::default() },
            frames: 0,
            bytes: 0,
        })
    }

    fn run(&mut self, channel: &mut BlockingChannel) -> Result<(), String> {
        let mut next = Monotonic::now();
        loop {
            self.wait(channel, next)?;
            self.pass_on(channel)?;
            let order = channel.try_recv::<Order>().map_err(text)?;
            if Monotonic::now() >= next {
                let begun = Monotonic::now();
                self.look().map_err(text)?;
                let cost = Monotonic::now().since(begun);
                next = Monotonic::now().after(BETWEEN.max(cost * SHARE));
            }
            match order {
                Polled::Message(Order::Tell) => {
                    self.look_when_still(channel)?;
                    self.looked.lost = self.tap.lost().map_err(text)?;
                    channel.send(&Word::Looked(Box::new(self.looked.clone()))).map_err(text)?;
                }
                Polled::Closed => return Ok(()),
                _ => {}
            }
        }
    }

    /// Waits for a frame, an order, or the time of the next look.
    fn wait(&self, channel: &BlockingChannel, until: Monotonic) -> Result<(), String> {
        let timeout = Timespec::try_from(until.remaining()).ok();
        let mut of = [PollFd::new(channel, PollFlags::IN), PollFd::from_borrowed_fd(self.tap.as_fd(), PollFlags::IN)];
        match poll(&mut of, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(format!("wait for frames: {errno}")),
        }
    }

    /// The frames of the one connection, as far as they are kept.
    fn read(&mut self) -> Vec<Captured> {
        let mut kept = Vec::new();
        let Self { tap, server, client, looked, frames, bytes, .. } = self;
        tap.read(&mut |captured| {
            let Some(frame) = Frame::parse(&captured.bytes) else { return };
            let opens = frame.flags.has(TcpFlags::SYN) && !frame.flags.has(TcpFlags::ACK);
            if client.is_none() && opens && frame.to == *server {
                *client = Some(frame.from);
            }
            if client.is_none() || (Some(frame.from) != *client && Some(frame.to) != *client) {
                return;
            }
            if *frames == MOST_FRAMES || *bytes + captured.bytes.len() > MOST_BYTES {
                looked.omitted += 1;
                return;
            }
            *frames += 1;
            *bytes += captured.bytes.len();
            kept.push(captured);
        });
        kept
    }

    /// Says which frames have come; whether there are any.
    fn pass_on(&mut self, channel: &mut BlockingChannel) -> Result<bool, String> {
        let seen = |it: &Self| (it.frames, it.looked.omitted);
        let before = seen(self);
        let frames = self.read();
        if !frames.is_empty() {
            channel.send(&Word::Frames(frames)).map_err(text)?;
        }
        Ok(seen(self) != before)
    }

    /// The last look: two with nothing between them, since a table says nothing of frames that were read before a look and
    /// came beside it. Where such a time does not come before long, the looking ends without it.
    fn look_when_still(&mut self, channel: &mut BlockingChannel) -> Result<(), String> {
        let until = Monotonic::now().after(UNTIL_STILL);
        self.look().map_err(text)?;
        loop {
            std::thread::sleep(STILL);
            let came = self.pass_on(channel)?;
            let changed = self.look().map_err(text)?;
            self.looked.still = !came && !changed;
            if self.looked.still || Monotonic::now() >= until {
                return Ok(());
            }
        }
    }

    /// One look at both tables; what is not as it was seen last is noted. Whether there is such.
    fn look(&mut self) -> Result<bool, Error> {
        let mut changed = false;
        let Some(client) = self.client else { return Ok(changed) };
        self.looked.listening = false;
        for (side, table) in &mut self.tables {
            let mut found: Option<Socket> = None;
            let mut listening = false;
            let filter = Filter::new(*side, self.server);
            let read = table.sockets(&filter, &mut |socket| {
                let other = if *side == Side::Client { socket.local } else { socket.remote };
                if other == client {
                    found = Some(socket);
                }
                listening |= *side == Side::Server && socket.state == TcpState::Listen;
            });
            match read {
                Ok(()) => {}
                // The table changed under the reading: the next look comes soon.
                Err(Error::Torn) => {
                    changed = true;
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.looked.listening |= listening;
            let state = found.map(|socket| socket.state);
            let orphan = found.is_some_and(|socket| socket.inode == 0);
            let changes = &mut self.looked.changes;
            let before = changes.iter().rfind(|seen| seen.side == *side);
            let same = before.map_or(state.is_none(), |seen| (seen.state, seen.orphan) == (state, orphan));
            changed |= !same;
            if !same && changes.len() < MOST_CHANGES {
                changes.push(Seen { at: Monotonic::now(), side: *side, state, orphan });
            }
        }
        Ok(changed)
    }
}

/// The interface that leads to the server: loopback, or the only other one of a host in a sandbox.
fn interface(server: SocketAddrV4) -> String {
    let listed = std::fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let mut names = listed.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned());
    let wanted = server.ip().is_loopback();
    names.find(|name| (name == "lo") == wanted).unwrap_or_else(|| "lo".to_owned())
}
