//! What three witnesses saw, connection by connection: the packets, the server's journal, and the descriptor tables.
//!
//! Each witness alone is blind somewhere: packets do not show a descriptor that a reset left behind, the journal does not
//! show a SYN that nobody answered, and a look at the descriptor tables misses what happens between two looks. Joined by
//! their addresses and times they give one [`Connection`]; where they contradict each other, that is said.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::track::{Stray, Track};
use crate::capture::Entry;
use crate::record::TcpState;
use crate::units::Monotonic;
use crate::wire::{Deed, Journal, LoginEnd, MessageKind, Party};

/// What the server's journal tells of a connection, without the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) opened: Monotonic,
    pub(super) faulted: bool,
    pub(super) login: Option<LoginEnd>,
    pub(super) over: Option<Monotonic>,
    pub(super) closed_first: Option<Party>,
    /// It asked for encryption, and its login came without.
    pub(super) continued_in_clear: bool,
    /// It sent a request although its login was not accepted.
    pub(super) took_refusal_for_login: bool,
}

impl Told {
    pub(super) fn of(journal: &Journal) -> Self {
        let accepted = journal.login == Some(LoginEnd::Accepted);
        Self {
            client: canonical(journal.client),
            server: canonical(journal.server),
            opened: journal.opened,
            faulted: !journal.faults.is_empty(),
            login: journal.login,
            over: journal.over.filter(|_| server_ended(journal) || is_final(journal)),
            closed_first: journal.closed_first,
            continued_in_clear: continued_in_clear(journal),
            took_refusal_for_login: !accepted && !was_acknowledged(journal) && asked_something(journal),
        }
    }
}

/// Whether the server has ended its direction.
fn server_ended(journal: &Journal) -> bool {
    journal.entries.iter().any(|entry| entry.by == Party::Server && matches!(entry.deed, Deed::Fin | Deed::Rst))
}

/// Whether the client can know that its login is over although the server keeps the connection: it was told that it is
/// refused, nothing else, and that the answer ends there. Whoever was not waits, and is right to; and a session that was
/// accepted goes on.
fn is_final(journal: &Journal) -> bool {
    matches!(journal.login, Some(LoginEnd::Refused { .. })) && journal.whole && !was_acknowledged(journal)
}

/// Whether a LOGINACK came although the journal's login was not accepted.
fn was_acknowledged(journal: &Journal) -> bool {
    journal.faults.iter().any(|fault| ["login-error-then-ack", "login-route"].contains(&fault.as_str()))
}

/// Whether the client asked for encryption in PRELOGIN, and went on to log in without.
fn continued_in_clear(journal: &Journal) -> bool {
    let (mut asked, mut encrypted) = (false, false);
    for entry in &journal.entries {
        match (&entry.by, &entry.deed) {
            (Party::Client, Deed::Message { kind: MessageKind::Prelogin, text, .. }) => {
                asked = matches!(text.as_str(), "On" | "Required");
            }
            (Party::Server, Deed::Tls) | (Party::Client, Deed::ClientHello { .. }) => encrypted = true,
            (Party::Client, Deed::Message { kind: MessageKind::Login7, .. } | Deed::Malformed { number: 17835 }) => {
                return asked && !encrypted;
            }
            _ => {}
        }
    }
    false
}

fn asked_something(journal: &Journal) -> bool {
    journal.messages(Party::Client).any(|kind| {
        matches!(kind, MessageKind::SqlBatch | MessageKind::Rpc | MessageKind::Transaction | MessageKind::Attention)
    })
}

/// Everything that the witnesses said.
#[derive(Debug, Clone, Default)]
pub(super) struct Testimony {
    /// None where packets could not be captured.
    pub(super) packets: Option<Vec<Entry>>,
    pub(super) tracks: Vec<Track>,
    pub(super) strays: Vec<Stray>,
    pub(super) told: Vec<Told>,
    /// Where a journal stands among `told`, by the place that its server gave it.
    pub(super) places: BTreeMap<usize, usize>,
    /// Whether the last look found no process of the command.
    pub(super) nobody_left: bool,
    /// When the descriptor tables were last read.
    pub(super) looked: Option<Monotonic>,
    /// A fault of the whole listener strikes every connection, and no journal tells of it.
    pub(super) listener_fault: bool,
    /// Where else the command asked for a connection, and was refused.
    pub(super) elsewhere: Vec<SocketAddr>,
}

/// One connection of the command, as all witnesses together know it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Connection {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) opened: Monotonic,
    pub(super) faulted: bool,
    pub(super) login: Option<LoginEnd>,
    /// When the server had said its last word; none while it has not.
    pub(super) over: Option<Monotonic>,
    /// When the client's last descriptor of it was closed; none while one is open.
    pub(super) closed: Option<Monotonic>,
    /// Until when it was open for sure: between this and `closed` nobody looked.
    pub(super) surely: Option<Monotonic>,
    pub(super) packets: Option<Entry>,
    /// Who held it, as last seen: a process by its place among the processes, and its descriptor.
    pub(super) holder: Option<(usize, u32)>,
    /// Its state when it was last seen open.
    pub(super) state: Option<TcpState>,
    /// Who closed first, as the journal has it.
    pub(super) closed_first: Option<Party>,
    pub(super) continued_in_clear: bool,
    pub(super) took_refusal_for_login: bool,
}

impl Connection {
    /// Whether a login was accepted on it: keeping it is then what a pool is for.
    pub(super) fn logged_in(&self) -> bool {
        self.login == Some(LoginEnd::Accepted)
    }

    /// How long it was open behind its login's end, seen at `now`; none while the login is not over.
    pub(super) fn held(&self, now: Monotonic) -> Option<Duration> {
        let over = self.over?;
        Some(self.closed.unwrap_or(now).since(over.max(self.opened)))
    }

    /// How long it was, or has been, open.
    pub(super) fn open_for(&self, now: Monotonic) -> Duration {
        self.closed.unwrap_or(now).since(self.opened)
    }
}

/// An address as it is on the wire.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A connection that no look caught: it cannot have been open much longer than the time between two looks.
const UNSEEN: Duration = Duration::from_millis(100);

/// A socket may be seen so long before it is connected, and still be a connection that no look saw alive.
const UNCONNECTED: Duration = Duration::from_millis(50);

/// Later than anything.
const NEVER: Monotonic = Monotonic::from_nanos(u64::MAX);

/// A journal begins at accept, which comes behind the SYN; clocks are one, but the accepting process may be late.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(120);

impl Testimony {
    /// One connection for each that any witness saw, in the order of their opening.
    pub(super) fn connections(&self) -> Vec<Connection> {
        let mut tracks = Waiting::new(self.tracks.iter().map(|it| ((it.client, it.server), it)));
        let mut told = Waiting::new(self.told.iter().map(|it| ((it.client, it.server), it)));
        let mut openings: Ends<Vec<Monotonic>> = BTreeMap::new();
        for entry in self.packets.iter().flatten() {
            openings.entry((entry.client, entry.server)).or_default().push(entry.opened);
        }
        let mut connections = Vec::new();
        for entry in self.packets.iter().flatten() {
            let ends = (entry.client, entry.server);
            // When the same two ends open another connection, what comes belongs to that one.
            let mut later = openings.get(&ends).into_iter().flatten().filter(|opened| **opened > entry.opened);
            let next = later.next().copied().unwrap_or(NEVER);
            // A look that shows a connection may have begun before it was opened. But whose ends are used again, that one
            // is held by nobody any more.
            let last = next == NEVER;
            let let_go = |it: &Track| it.holder.is_none() || it.gone.is_some_and(|gone| gone <= next);
            let track = tracks.take(&ends, |it| last || it.seen < next && let_go(it));
            let told = told.take(&ends, |it| it.opened >= entry.opened && it.opened < next.after(ACCEPTED_WITHIN));
            connections.push(self.join(Some(entry), track, told));
        }
        // Without packets, or where they were lost, the other two are what there is.
        for told in told.rest() {
            let track = tracks.take(&(told.client, told.server), |_| true);
            connections.push(self.join(None, track, Some(told)));
        }
        connections
            .extend(tracks.rest().filter(|it| it.holder.is_some()).map(|track| self.join(None, Some(track), None)));
        connections.sort_by_key(|connection| connection.opened);
        self.give_strays(&mut connections);
        connections
    }

    fn join(&self, entry: Option<&Entry>, track: Option<&Track>, told: Option<&Told>) -> Connection {
        let (client, server) = entry
            .map(|it| (it.client, it.server))
            .or(told.map(|it| (it.client, it.server)))
            .or(track.map(|it| (it.client, it.server)))
            .expect("a connection has a witness");
        let seen = earlier(told.map(|it| it.opened), track.map(|it| it.seen));
        let server_end = entry.and_then(|it| earlier(it.server_fin, it.server_rst));
        let said = told.and_then(|it| it.over);
        let over = match (said, server_end) {
            // The journal is written a moment behind the packet.
            (Some(said), Some(end)) => Some(said.min(end)),
            (Some(said), None) => Some(said),
            (None, _) if told.is_some() => None,
            (None, end) => end,
        };
        let closed = self.closed(entry, track, told);
        Connection {
            client,
            server,
            opened: entry.map(|it| it.opened).or(seen).expect("a connection has a witness"),
            faulted: told.map_or(self.listener_fault, |it| it.faulted),
            login: told.and_then(|it| it.login),
            over,
            closed: closed.map(|(closed, _)| closed),
            surely: closed.map(|(_, surely)| surely),
            packets: entry.cloned(),
            holder: track.and_then(|it| it.holder),
            state: track.map(|it| it.state),
            closed_first: told.and_then(|it| it.closed_first),
            continued_in_clear: told.is_some_and(|it| it.continued_in_clear),
            took_refusal_for_login: told.is_some_and(|it| it.took_refusal_for_login),
        }
    }

    /// When the client's last descriptor was closed, and the earliest that this can have been.
    fn closed(
        &self,
        entry: Option<&Entry>,
        track: Option<&Track>,
        told: Option<&Told>,
    ) -> Option<(Monotonic, Monotonic)> {
        // An RST behind the server's own is the kernel's answer, and no deed of the client's.
        let reset = |it: &Entry| it.client_rst.filter(|rst| it.server_rst.is_none_or(|server| *rst < server));
        let sent = entry.and_then(|it| earlier(it.client_fin, reset(it)));
        let Some(track) = track.filter(|track| track.holder.is_some()) else {
            // Never seen in a process: it was open for less than the time between two looks.
            let opened = entry.map(|it| it.opened).or(told.map(|it| it.opened))?;
            let unseen = self.nobody_left || self.looked.is_some_and(|looked| looked.since(opened) > UNSEEN);
            let reset = entry.and_then(|it| it.server_rst);
            return sent.or(reset.filter(|_| unseen)).or(unseen.then_some(opened)).map(|closed| (closed, closed));
        };
        let last_held = match track.gone {
            Some(_) => track.last_held,
            None => self.looked.unwrap_or(track.last_held),
        };
        match (sent, track.gone) {
            // The descriptor leaves its table before the FIN leaves the machine: who has it afterwards only shut it down.
            (Some(sent), _) if last_held <= sent => Some((sent, sent)),
            (_, gone) => gone.map(|gone| (gone, last_held.min(gone))),
        }
    }

    /// Descriptors that are in no TCP state when they are first seen belong to connections that were reset so soon that no
    /// look saw them alive: they are given out in the order of time.
    fn give_strays(&self, connections: &mut [Connection]) {
        // One that was gone at once had only not been connected yet.
        let mut strays: Vec<&Stray> = self.strays.iter().filter(|stray| stray.gone != Some(stray.seen)).collect();
        strays.sort_by_key(|stray| stray.seen);
        let reset =
            |it: &&mut Connection| it.holder.is_none() && it.packets.as_ref().is_some_and(|it| it.server_rst.is_some());
        let mut unseen: Vec<&mut Connection> = connections.iter_mut().filter(reset).collect();
        for stray in strays.into_iter().rev() {
            let Some(at) = unseen.iter().rposition(|it| it.opened <= stray.seen.after(UNCONNECTED)) else { continue };
            let connection = unseen.remove(at);
            connection.holder = Some(stray.holder);
            connection.state = Some(TcpState::Close);
            connection.closed = stray.gone;
            connection.surely = stray.gone.map(|_| stray.last_held);
        }
    }

    /// Where the witnesses contradict each other; `lost` frames may explain it.
    pub(super) fn disagreements(&self, connections: &[Connection], lost: u64) -> Vec<String> {
        let mut said = Vec::new();
        if lost > 0 {
            said.push(format!("{lost} packets were lost to the capture: times may be those of the journal"));
        }
        let Some(packets) = &self.packets else { return said };
        let answered = packets.iter().filter(|it| it.answered.is_some()).count();
        if !self.listener_fault && answered != self.told.len() {
            said.push(format!(
                "the packets show {answered} connections answered, the server's journal {} accepted",
                self.told.len()
            ));
        }
        for connection in connections {
            said.extend(self.contradiction(connection));
        }
        said.truncate(MOST_DISAGREEMENTS);
        said
    }

    fn contradiction(&self, connection: &Connection) -> Option<String> {
        let entry = connection.packets.as_ref()?;
        let port = connection.client.port();
        let gone = self.looked?;
        if let (None, None, Some(closed)) =
            (earlier(entry.client_fin, entry.client_rst), entry.server_rst, connection.closed)
            && entry.answered.is_some()
            && gone.since(closed) > SETTLED
        {
            return Some(format!("port {port}: no process holds it any more, and no packet says that it was closed"));
        }
        let first = match (earlier(entry.client_fin, entry.client_rst), earlier(entry.server_fin, entry.server_rst)) {
            (Some(client), Some(server)) if client.max(server).since(client.min(server)) < SETTLED => return None,
            (Some(client), Some(server)) => Some(if client < server { Party::Client } else { Party::Server }),
            (Some(_), None) => Some(Party::Client),
            (None, Some(_)) => Some(Party::Server),
            (None, None) => None,
        };
        match (first, connection.closed_first) {
            (Some(packets), Some(journal)) if packets != journal => Some(format!(
                "port {port}: the packets show that the {} closed first, the journal that the {} did",
                name(packets),
                name(journal)
            )),
            _ => None,
        }
    }
}

/// Contradictions that are told; more say no more.
const MOST_DISAGREEMENTS: usize = 20;

/// Two witnesses of one event may be so far apart.
const SETTLED: Duration = Duration::from_millis(200);

const fn name(party: Party) -> &'static str {
    match party {
        Party::Client => "client",
        Party::Server => "server",
    }
}

/// The earlier of two instants, where there are any.
pub(super) fn earlier(one: Option<Monotonic>, other: Option<Monotonic>) -> Option<Monotonic> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The two ends of a connection.
type Ends<T> = BTreeMap<(SocketAddr, SocketAddr), T>;

/// What a witness saw and nobody has joined yet, by the two ends, oldest first.
struct Waiting<'a, T>(Ends<Vec<&'a T>>);

impl<'a, T> Waiting<'a, T> {
    fn new(all: impl Iterator<Item = ((SocketAddr, SocketAddr), &'a T)>) -> Self {
        let mut by_ends: Ends<Vec<&'a T>> = BTreeMap::new();
        for (ends, it) in all {
            by_ends.entry(ends).or_default().push(it);
        }
        Self(by_ends)
    }

    /// The oldest between these ends, if it fits.
    fn take(&mut self, ends: &(SocketAddr, SocketAddr), fits: impl Fn(&T) -> bool) -> Option<&'a T> {
        let waiting = self.0.get_mut(ends)?;
        let at = waiting.iter().position(|it| fits(it))?;
        Some(waiting.remove(at))
    }

    fn rest(self) -> impl Iterator<Item = &'a T> {
        self.0.into_values().flatten()
    }
}
