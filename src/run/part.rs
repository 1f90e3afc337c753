//! The inside of a part: plays its role until the conductor says `End`, or is gone.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::ledger::keep;
use super::role::{Diagnostics, Farewell, LoadRole, Order, Role, Script, Word};
use super::watcher::watch;
use crate::client::Client;
use crate::host::{self, Inside, Receiver, Sender, part_in_runtime};
use crate::load::{Report, Worker};
use crate::server::{self, Server};
use crate::units::PortRange;

/// Plays this process's part of a run; its exit code. `diagnose` starts what the part says on stderr.
///
/// Must be called before any thread is started.
#[must_use]
pub fn part(inside: Result<Inside, host::Error>, diagnose: impl FnOnce(&Diagnostics)) -> i32 {
    host::ended("a part", inside.map_err(|error| error.to_string()).and_then(|inside| play(inside, diagnose)))
}

fn play(inside: Inside, diagnose: impl FnOnce(&Diagnostics)) -> Result<(), String> {
    let script: Script = inside.role().map_err(|error| error.to_string())?;
    diagnose(&script.diagnostics);
    match script.role {
        Role::Server { listen, avoid, config } => part_in_runtime(serve(inside, listen, avoid, config)),
        Role::Load(role) => part_in_runtime(load(inside, *role)),
        Role::Ledger { server, fin_wait } => keep(inside, server, fin_wait),
        Role::Sampler { config, client_namespace, server_namespace } => {
            watch(inside, config, client_namespace, server_namespace)
        }
    }
}

/// How often a server's port is picked anew.
const MOST_BINDS: usize = 32;

/// How often a load worker says that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(1);

async fn serve(
    inside: Inside,
    listen: SocketAddr,
    avoid: Option<PortRange>,
    config: server::Config,
) -> Result<(), String> {
    let (mut sender, mut receiver) = inside.channel().map_err(text)?;
    let server = match bind(listen, avoid, &config).await {
        Ok(server) => server,
        Err(error) => return fail(&mut sender, text(error)).await,
    };
    sender.send(&Word::Ready(Some(server.address()))).await.map_err(text)?;
    let counts = server.serve(obey(&mut receiver, &Notify::new())).await;
    let farewell = Farewell { cpu_s: cpu(), accepted: Some(counts.accepted), ..Farewell::default() };
    sender.send(&Word::Ended(Box::new(farewell))).await.map_err(text)
}

/// Binds the server. A port that the kernel picks may lie in the client's range, which would then have one less: such a
/// one is kept until another was found, so that it is not picked again.
async fn bind(listen: SocketAddr, avoid: Option<PortRange>, config: &server::Config) -> Result<Server, server::Error> {
    let mut kept = Vec::new();
    loop {
        let server = Server::bind(listen, config.clone()).await?;
        let wrong = avoid.is_some_and(|range| range.holds(server.address().port()));
        if !wrong || kept.len() == MOST_BINDS {
            return Ok(server);
        }
        kept.push(server);
    }
}

async fn load(inside: Inside, role: LoadRole) -> Result<(), String> {
    if let Some(limit) = role.nofile {
        host::limit_descriptors(limit).map_err(|error| format!("limit its descriptors to {limit}: {error}"))?;
    }
    let (mut sender, mut receiver) = inside.channel().map_err(text)?;
    sender.send(&Word::Ready(None)).await.map_err(text)?;
    let start = match receiver.recv::<Order>().await {
        Ok(Some(Order::Begin(start))) => start,
        _ => return Ok(()),
    };
    let worker = Worker::new(role.load, Client::new(role.client), role.share, start);
    // A worker says some ten words a second and the conductor does nothing but listen: what waits here is bounded by that.
    let (words, queue) = mpsc::unbounded_channel();
    let stop = Notify::new();
    let talk = speak(sender, queue);
    let work = async {
        let say = |report| drop(words.send(Word::from(report)));
        tokio::select! {
            () = play_and_settle(&worker, &say, &words, &stop) => {}
            () = obey(&mut receiver, &stop) => {}
            () = stay_alive(&words) => {}
        }
        drop(worker);
        let farewell = Farewell { cpu_s: cpu(), ..Farewell::default() };
        let _ = words.send(Word::Ended(Box::new(farewell)));
        drop(words);
    };
    tokio::join!(work, talk).1
}

async fn play_and_settle(worker: &Worker, say: &impl Fn(Report), words: &mpsc::UnboundedSender<Word>, stop: &Notify) {
    let last = match worker.play(say, stop).await {
        Ok(()) => Word::Played,
        Err(error) => Word::Failed(format!("keep its schedule: {error}")),
    };
    let _ = words.send(last);
    worker.settle(say).await;
}

/// Says so once a second.
async fn stay_alive(words: &mpsc::UnboundedSender<Word>) {
    let mut every = tokio::time::interval(ALIVE_EVERY);
    while words.send(Word::Alive).is_ok() {
        every.tick().await;
    }
}

/// Passes `Stop` on; returns at `End`, or when the conductor is gone.
async fn obey(receiver: &mut Receiver, stop: &Notify) {
    while let Ok(Some(order)) = receiver.recv::<Order>().await {
        match order {
            Order::Stop => stop.notify_one(),
            Order::End => return,
            Order::Begin(_) | Order::FullTable(_) => {}
        }
    }
}

async fn speak(mut sender: Sender, mut queue: mpsc::UnboundedReceiver<Word>) -> Result<(), String> {
    while let Some(word) = queue.recv().await {
        sender.send(&word).await.map_err(text)?;
    }
    Ok(())
}

impl From<Report> for Word {
    fn from(report: Report) -> Self {
        match report {
            Report::Interval(interval) => Self::Interval(interval),
            Report::Exhausted(after) => Self::Exhausted(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

async fn fail(sender: &mut Sender, error: String) -> Result<(), String> {
    sender.send(&Word::Failed(error.clone())).await.map_err(text)?;
    Err(error)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn cpu() -> f64 {
    host::cpu_time().as_secs_f64()
}
