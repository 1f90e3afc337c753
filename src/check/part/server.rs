//! The SQL Server of a check: the embedded one, and word of every journal that changes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::super::MOST_CONNECTIONS;
use super::super::evidence::Told;
use super::super::role::{Order, Word};
use super::text;
use crate::host::{Inside, Sender, part_in_runtime};
use crate::sandbox::add_address;
use crate::server::{Config, Observer, Server};

/// How often changed journals are told.
const EVERY: Duration = Duration::from_millis(50);

pub(super) fn serve(
    inside: Inside,
    addresses: &[IpAddr],
    listen: &[SocketAddr],
    config: &Config,
) -> Result<(), String> {
    part_in_runtime(serve_all(inside, addresses, listen, config))
}

async fn serve_all(inside: Inside, addresses: &[IpAddr], listen: &[SocketAddr], config: &Config) -> Result<(), String> {
    let (mut sender, mut receiver) = inside.channel().map_err(text)?;
    for address in addresses {
        if let Err(error) = add_address(*address) {
            return fail(&mut sender, format!("give the server's host the address {address}: {error}")).await;
        }
    }
    let mut observers = Vec::new();
    let mut listening = Vec::new();
    let mut certificate = String::new();
    for address in listen {
        let server = match Server::bind(*address, config.clone()).await {
            Ok(server) => server,
            Err(error) => return fail(&mut sender, told(&error)).await,
        };
        listening.push(server.address());
        certificate = server.certificate();
        observers.push(server.observer());
        tokio::task::spawn_local(server.serve(std::future::pending()));
    }
    sender.send(&Word::Ready { listening, certificate, notices: Vec::new() }).await.map_err(text)?;
    let mut said = Vec::new();
    loop {
        let order = tokio::time::timeout(EVERY, receiver.recv::<Order>()).await;
        let changed = changed(&observers, &mut said);
        if !changed.is_empty() {
            sender.send(&Word::Told(changed)).await.map_err(text)?;
        }
        match order {
            Err(_) => {}
            Ok(Ok(Some(Order::End))) => return sender.send(&Word::Done).await.map_err(text),
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None) | Err(_)) => return Ok(()),
        }
    }
}

/// Every journal that is not as it was told last, by its connection's number; each server's lie behind the one's before.
fn changed(observers: &[Observer], said: &mut Vec<BTreeMap<u64, Told>>) -> Vec<(usize, Told)> {
    said.resize_with(observers.len(), BTreeMap::new);
    let mut changed = Vec::new();
    for (which, (observer, said)) in observers.iter().zip(said).enumerate() {
        for journal in observer.journal() {
            let now = Told::of(&journal);
            if said.get(&journal.connection) != Some(&now) {
                let place = usize::try_from(journal.connection).unwrap_or(usize::MAX) % MOST_CONNECTIONS;
                changed.push((which * MOST_CONNECTIONS + place, now.clone()));
                said.insert(journal.connection, now);
            }
        }
    }
    changed
}

fn told(error: &crate::server::Error) -> String {
    let source = std::error::Error::source(error).map_or(String::new(), |source| format!(": {source}"));
    format!("{error}{source}")
}

async fn fail(sender: &mut Sender, why: String) -> Result<(), String> {
    sender.send(&Word::Failed(why.clone())).await.map_err(text)?;
    Err(why)
}
