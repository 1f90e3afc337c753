//! A model as a document: `closewait.watch/1`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::group::Since;
use super::history::States;
use super::model::{Destination, Holder, Model, Row};
use super::peer::Peer;
use super::scope::Scope;
use super::trend::Leak;
use crate::record::{Counts, PortRangeSummary, TcpState};

/// The sockets of this machine at one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WatchSnapshot {
    /// `closewait.watch/1`
    pub schema: String,
    /// This program's version.
    pub version: String,
    /// When it was written, RFC 3339 in UTC.
    pub taken_at: String,
    /// What was watched, as it was typed.
    pub scope: String,
    /// How long it had been watched, in seconds, and in how many looks.
    pub watched_s: f64,
    /// Looks so far.
    pub looks: u64,
    /// Sockets by state.
    pub states: Counts<TcpState>,
    /// Whether the process of `--pid` has ended.
    pub process_ended: bool,
    /// The local ports that connections are given.
    pub ephemeral_ports: PortRangeSummary,
    /// How many of them there are towards each destination: without those that are reserved or listened on.
    pub usable_ports: u32,
    /// Ports used up towards each destination, the fullest first.
    pub destinations: Vec<DestinationUse>,
    /// Sockets by where they lead to.
    pub remotes: Vec<Remote>,
    /// Sockets by who holds them.
    pub processes: Vec<Holding>,
    /// Processes that could not be looked into: their sockets have no `pid`.
    pub processes_not_visible: usize,
    /// Every socket, the longest held first.
    pub sockets: Vec<SocketRow>,
}

/// Local ports used up towards one destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DestinationUse {
    /// From this local address, which uses the most.
    pub local: IpAddr,
    /// Towards this.
    pub remote: SocketAddr,
    /// Ports that are used.
    pub used: u32,
    /// Ports that there are: `usable_ports`.
    pub available: u32,
    /// How many more a second at present; null when they do not get more, or one look was all.
    pub per_s: Option<f64>,
    /// When the last one is used up at that rate, in seconds.
    pub full_in_s: Option<f64>,
}

/// Sockets that lead to one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Remote {
    /// Whether this machine connects to it (`to`) or it connects to this machine (`from`).
    pub direction: String,
    /// Its address.
    pub address: IpAddr,
    /// The port that is connected to: its own (`to`), or this machine's (`from`).
    pub port: u16,
    /// What its sockets come to.
    pub sockets: Sum,
}

/// Sockets that one process holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Holding {
    /// The process; null where it is not visible, or only the kernel holds them.
    pub pid: Option<u32>,
    /// Its command line.
    pub command: Option<String>,
    /// The user of a process that is not visible.
    pub uid: Option<u32>,
    /// What its sockets come to.
    pub sockets: Sum,
}

/// What some sockets come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sum {
    /// By state.
    pub states: Counts<TcpState>,
    /// How long the longest has been in CLOSE_WAIT, in seconds; null when none is.
    pub close_wait_held_s: Option<f64>,
    /// Whether that is the least: it was there before this program looked.
    pub close_wait_held_at_least: bool,
    /// CLOSE_WAIT that only grows, or has only grown; null where it has not.
    pub leak: Option<LeakFigures>,
}

/// CLOSE_WAIT that only grows, or has only grown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeakFigures {
    /// By how many it has grown: all of it since one last left it; where some do leave, those that have been in it for 5
    /// seconds, since these last were as few.
    pub grown: u32,
    /// For how long, in seconds.
    pub for_s: f64,
    /// Sockets a second at present: over the last 10 seconds of growth, or the last 5 looks that found more where those
    /// lie further apart; null when it stands still, which takes 5 seconds and 5 times as long as lay between those looks.
    pub per_s: Option<f64>,
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SocketRow {
    /// This end.
    pub local: SocketAddr,
    /// The other end; port 0 for a listener.
    pub remote: SocketAddr,
    /// Its state.
    pub state: TcpState,
    /// How long it has been in it, in seconds.
    pub held_s: f64,
    /// Whether it has been longer, since it was there before this program looked.
    pub at_least: bool,
    /// The process that holds it; null where it is not visible, or only the kernel holds it.
    pub pid: Option<u32>,
    /// The user that made it.
    pub uid: u32,
    /// Bytes that wait to be read; a FIN counts as one. 0 for a listener.
    pub unread: u32,
    /// Bytes that wait to be sent or acknowledged. 0 for a listener.
    pub unsent: u32,
    /// Of a listener alone.
    pub accept_queue: Option<AcceptQueue>,
    /// The inode that `/proc/PID/fd` names; 0 where no descriptor leads to it.
    pub inode: u64,
}

/// Connections that a listener has not accepted yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AcceptQueue {
    /// How many wait.
    pub waiting: u32,
    /// How many may wait: its backlog.
    pub most: u32,
}

impl WatchSnapshot {
    /// The name and version of the schema.
    pub const SCHEMA: &'static str = "closewait.watch/1";
}

/// The JSON Schema of [`WatchSnapshot`].
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(WatchSnapshot).to_value()
}

/// The document of a model.
#[must_use]
pub fn snapshot(model: &Model, scope: &Scope, taken_at: String) -> WatchSnapshot {
    let mut rows: Vec<&Row> = model.rows.iter().collect();
    rows.sort_by_key(|row| row.since);
    WatchSnapshot {
        schema: WatchSnapshot::SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at,
        scope: scope.to_string(),
        watched_s: model.at.since(model.begun).as_secs_f64(),
        looks: model.looks,
        states: model.states.seen().map(|(state, n)| (state, u64::from(n))).collect(),
        process_ended: model.ended,
        ephemeral_ports: PortRangeSummary {
            low: model.ports.low(),
            high: model.ports.high(),
            count: model.ports.count(),
        },
        usable_ports: model.usable,
        destinations: model.destinations().iter().filter_map(destination).collect(),
        remotes: model
            .peers
            .iter()
            .map(|group| remote(group.peer, sum(model, group.states, group.oldest, group.leak())))
            .collect(),
        processes: model
            .holders
            .iter()
            .map(|group| holding(model, group.holder, sum(model, group.states, group.oldest, group.leak())))
            .collect(),
        processes_not_visible: model.denied,
        sockets: rows.into_iter().map(|row| socket(model, row)).collect(),
    }
}

fn destination(it: &Destination<'_>) -> Option<DestinationUse> {
    let Peer::To(remote) = it.group.peer else { return None };
    let (used, available, per_s) = (it.used, it.available, it.per_s);
    Some(DestinationUse {
        local: it.source,
        remote,
        used,
        available,
        per_s,
        full_in_s: it.full_in.map(|it| it.as_secs_f64()),
    })
}

fn remote(peer: Peer, sum: Sum) -> Remote {
    let (direction, address, port) = match peer {
        Peer::To(to) => ("to", to.ip(), to.port()),
        Peer::From(ip, own) => ("from", ip, own),
    };
    Remote { direction: direction.to_owned(), address, port, sockets: sum }
}

fn holding(model: &Model, holder: Holder, sum: Sum) -> Holding {
    let pid = pid(holder);
    let command = pid.and_then(|pid| model.processes.get(&pid)).map(|owner| owner.command.clone());
    let uid = match holder {
        Holder::Unknown(uid) => Some(uid),
        Holder::Process(_) | Holder::Kernel => None,
    };
    Holding { pid, command, uid, sockets: sum }
}

fn sum(model: &Model, states: States, oldest: Option<Since>, leak: Option<Leak>) -> Sum {
    Sum {
        states: states.seen().map(|(state, n)| (state, u64::from(n))).collect(),
        close_wait_held_s: oldest.map(|since| model.at.since(since.at).as_secs_f64()),
        close_wait_held_at_least: oldest.is_some_and(|since| since.at_least),
        leak: leak.map(|leak| LeakFigures { grown: leak.grown, for_s: leak.lasts.as_secs_f64(), per_s: leak.per_s }),
    }
}

fn socket(model: &Model, row: &Row) -> SocketRow {
    let entry = &row.entry;
    let listens = entry.state == TcpState::Listen;
    SocketRow {
        local: entry.local,
        remote: entry.remote,
        state: entry.state,
        held_s: Duration::as_secs_f64(&model.held(row)),
        at_least: row.at_least,
        pid: pid(row.holder),
        uid: entry.uid,
        unread: if listens { 0 } else { entry.unread },
        unsent: if listens { 0 } else { entry.unsent },
        accept_queue: listens.then_some(AcceptQueue { waiting: entry.unread, most: entry.unsent }),
        inode: entry.inode,
    }
}

const fn pid(holder: Holder) -> Option<u32> {
    match holder {
        Holder::Process(pid) => Some(pid),
        Holder::Unknown(_) | Holder::Kernel => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::leaking;
    use super::*;

    #[test]
    fn a_snapshot_obeys_its_schema_and_says_what_the_model_knows() {
        let schema = jsonschema::validator_for(&schema()).unwrap();
        let model = leaking();
        let snapshot = snapshot(&model, &Scope::Port(1433), "2026-11-25T15:00:00Z".to_owned());
        let mut document = serde_json::to_value(&snapshot).unwrap();
        schema.validate(&document).unwrap();
        assert_eq!(serde_json::from_value::<WatchSnapshot>(document.clone()).unwrap(), snapshot);
        assert_eq!(
            (document["schema"].as_str(), document["scope"].as_str()),
            (Some("closewait.watch/1"), Some(":1433"))
        );
        assert_eq!(document["sockets"].as_array().unwrap().len(), model.rows.len());
        let leaky = snapshot.processes.iter().find(|it| it.sockets.leak.is_some()).unwrap();
        assert_eq!(
            (leaky.pid, leaky.command.as_deref()),
            (Some(4242), Some("/opt/python/3.11.9/bin/python3.11 /srv/apps/pooler.py --pool"))
        );
        assert!(snapshot.destinations[0].per_s.is_some() && snapshot.destinations[0].full_in_s.is_some());
        assert!(snapshot.sockets.windows(2).all(|pair| pair[0].held_s >= pair[1].held_s));
        let listener = snapshot.sockets.iter().find(|it| it.state == TcpState::Listen).unwrap();
        let queue = Some(AcceptQueue { waiting: 2, most: 50 });
        assert_eq!((listener.unread, listener.unsent, &listener.accept_queue), (0, 0, &queue));
        document["sockets"][0]["state"] = "open".into();
        assert!(!schema.is_valid(&document), "a schema that takes anything proves nothing");
    }
}
