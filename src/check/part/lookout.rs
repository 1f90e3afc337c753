//! The lookout: packets as they come, and a look at sockets and processes a hundred times a second, at once when a
//! connection opens or closes.
//!
//! The choice not taken: looks alone. A connection that lives for a millisecond falls between two, and a FIN's time would
//! be known to a look's length.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::role::{Order, Sight, Word};
use super::super::track::{Look, Tracks};
use super::elsewhere::Elsewhere;
use super::text;
use crate::capture::{Ledger, Tap};
use crate::host::{BlockingChannel, Inside, Polled};
use crate::record::Side;
use crate::sample::{Error, Filter, Processes, Socket, Source, SourceKind, is_tcp};
use crate::units::Monotonic;

/// The time between two looks while the command has something open, or runs.
const BETWEEN: Duration = Duration::from_millis(10);

/// Looks that packets ask for are not closer than this.
const CLOSEST: Duration = Duration::from_millis(2);

/// A look may cost at most this share of the time, and one that packets ask for this share.
const SHARE: u32 = 10;
const SHARE_WOKEN: u32 = 4;

/// How often changes are told.
const EVERY: Duration = Duration::from_millis(50);

struct Lookout {
    tap: Option<Tap>,
    ledger: Ledger,
    /// None where others use this network too.
    elsewhere: Option<Elsewhere>,
    changed: std::collections::BTreeSet<usize>,
    source: Box<dyn Source + Send>,
    filters: Vec<Filter>,
    processes: Processes,
    tracks: Tracks,
    root: Option<(u32, bool)>,
    looked: Option<Monotonic>,
    cost: Duration,
    alive: usize,
}

/// Watches connections to `servers` until the conductor says `End`, or is gone; `alone` where nobody but the command uses
/// this network.
pub(super) fn watch(inside: Inside, servers: Vec<SocketAddr>, alone: bool) -> Result<(), String> {
    let mut channel = inside.blocking_channel().map_err(text)?;
    let tap = Tap::open();
    let notices = tap.as_ref().err().map(|error| {
        format!(
            "packets cannot be captured here (failed to {error}): times of closing are those of looks at the descriptor \
             tables, 10 ms apart"
        )
    });
    let lookout = Lookout::open(tap.ok(), servers, alone);
    match lookout {
        Ok(mut lookout) => {
            let notices = notices.into_iter().collect();
            channel.send(&Word::Ready { listening: Vec::new(), certificate: String::new(), notices }).map_err(text)?;
            lookout.run(&mut channel)
        }
        Err(error) => {
            channel.send(&Word::Failed(error.to_string())).map_err(text)?;
            Err(error.to_string())
        }
    }
}

impl Lookout {
    fn open(tap: Option<Tap>, servers: Vec<SocketAddr>, alone: bool) -> Result<Self, Error> {
        Ok(Self {
            tap,
            elsewhere: alone.then(|| Elsewhere::new(&servers)),
            // Where they listen and nowhere else: who is refused by nobody's port was not refused by them.
            filters: servers.iter().map(|server| Filter::new(Side::Client, *server)).collect(),
            ledger: Ledger::new(servers),
            changed: std::collections::BTreeSet::new(),
            source: SourceKind::Auto.open()?,
            processes: Processes::default(),
            tracks: Tracks::default(),
            root: None,
            looked: None,
            cost: Duration::ZERO,
            alive: 0,
        })
    }

    fn run(&mut self, channel: &mut BlockingChannel) -> Result<(), String> {
        let (mut next_look, mut next_word) = (Monotonic::now(), Monotonic::now());
        loop {
            self.wait(channel, next_look.min(next_word))?;
            let woken = self.read_packets();
            let mut last = false;
            loop {
                match channel.try_recv::<Order>().map_err(text)? {
                    Polled::Message(Order::Watch { root, with_root }) => {
                        self.root = Some((root, with_root));
                        // It may be asked again because something has changed: not in its own time, but now.
                        next_look = Monotonic::now();
                    }
                    Polled::Message(Order::End) => last = true,
                    Polled::Message(_) => {}
                    Polled::Nothing => break,
                    Polled::Closed => return Ok(()),
                }
            }
            let now = Monotonic::now();
            let soon = || self.looked.map_or(now, |looked| looked.after(CLOSEST.max(self.cost * SHARE_WOKEN)));
            let due = if woken { soon().min(next_look) } else { next_look };
            if now >= due || last {
                self.look().map_err(text)?;
                next_look = Monotonic::now().after(BETWEEN.max(self.cost * SHARE));
            } else if woken {
                next_look = due;
            }
            if Monotonic::now() >= next_word || last {
                channel.send(&Word::Saw(Box::new(self.sight()?))).map_err(text)?;
                next_word = Monotonic::now().after(EVERY);
            }
            if last {
                return channel.send(&Word::Done).map_err(text);
            }
        }
    }

    /// Waits for a packet, an order, or the time of the next look.
    fn wait(&self, channel: &BlockingChannel, until: Monotonic) -> Result<(), String> {
        let timeout = Timespec::try_from(until.remaining()).ok();
        let mut of = vec![PollFd::new(channel, PollFlags::IN)];
        if let Some(tap) = &self.tap {
            of.push(PollFd::from_borrowed_fd(tap.as_fd(), PollFlags::IN));
        }
        match poll(&mut of, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(format!("wait for packets: {errno}")),
        }
    }

    /// Whether a packet opened or closed a connection to the server.
    fn read_packets(&mut self) -> bool {
        let Some(tap) = &mut self.tap else { return false };
        let (ledger, elsewhere, changed) = (&mut self.ledger, &mut self.elsewhere, &mut self.changed);
        let mut woken = false;
        tap.read(&mut |segment| {
            let noted = ledger.note(&segment);
            woken |= noted.is_some();
            changed.extend(noted);
            if let Some(elsewhere) = elsewhere {
                elsewhere.note(&segment);
            }
        });
        woken
    }

    fn look(&mut self) -> Result<(), Error> {
        let Some((root, with_root)) = self.root else { return Ok(()) };
        let begun = Monotonic::now();
        let mut sockets: Vec<Socket> = Vec::new();
        for filter in &self.filters {
            let before = sockets.len();
            match self.source.sockets(filter, &mut |socket| sockets.push(socket)) {
                Ok(()) => {}
                // The table changed under the reading: the next look comes soon.
                Err(Error::Torn) => sockets.truncate(before),
                Err(error) => return Err(error),
            }
        }
        let processes = self.processes.look(root, with_root);
        self.alive = processes.len();
        let ended = Monotonic::now();
        let look = Look { begun, ended, sockets: &sockets, processes: &processes, is_tcp: &is_tcp };
        self.tracks.look(&look);
        self.looked = Some(begun);
        self.cost = Monotonic::now().since(begun);
        Ok(())
    }

    /// What has changed since the last word.
    fn sight(&mut self) -> Result<Sight, String> {
        let changed = self.tracks.take_changed();
        let packets = std::mem::take(&mut self.changed);
        let lost = self.tap.as_mut().map_or(Ok(0), Tap::lost).map_err(text)?;
        Ok(Sight {
            looked: self.looked,
            captures: self.tap.is_some(),
            packets: packets.into_iter().map(|at| (at, self.ledger.entries()[at].clone())).collect(),
            tracks: changed.sockets.into_iter().map(|at| (at, self.tracks.sockets()[at].clone())).collect(),
            strays: changed.strays.into_iter().map(|at| (at, self.tracks.strays()[at].clone())).collect(),
            processes: changed.processes.into_iter().map(|at| (at, self.tracks.processes()[at].clone())).collect(),
            waits: changed.waits,
            tasks: self.tracks.tasks(),
            lost,
            elsewhere: self.elsewhere.as_ref().map(Elsewhere::refused).unwrap_or_default(),
            alive: self.alive,
        })
    }
}
