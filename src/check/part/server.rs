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
use crate::server::{Config, Error, Observer, Server};

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
    let servers = match bind_all(listen, config).await {
        Ok(servers) => servers,
        Err(error) => return fail(&mut sender, told(&error)).await,
    };
    let listening = servers.iter().map(Server::address).collect();
    let certificate = servers.first().map(Server::certificate).unwrap_or_default();
    let observer = servers.first().map(Server::observer);
    for server in servers {
        tokio::task::spawn_local(server.serve(std::future::pending()));
    }
    sender.send(&Word::Ready { listening, certificate, notices: Vec::new() }).await.map_err(text)?;
    let mut said = BTreeMap::new();
    loop {
        let order = tokio::time::timeout(EVERY, receiver.recv::<Order>()).await;
        let changed = observer.as_ref().map(|observer| changed(observer, &mut said)).unwrap_or_default();
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

/// One server that listens in all of these places: a client that checks its certificate need not know which it came to.
async fn bind_all(listen: &[SocketAddr], config: &Config) -> Result<Vec<Server>, Error> {
    let mut servers: Vec<Server> = Vec::new();
    for address in listen {
        let server = match servers.first() {
            Some(first) => first.beside(*address).await?,
            None => Server::bind(*address, config.clone()).await?,
        };
        servers.push(server);
    }
    Ok(servers)
}

/// Every journal that is not as it was told last, by its connection's number.
fn changed(observer: &Observer, said: &mut BTreeMap<u64, Told>) -> Vec<(usize, Told)> {
    let mut changed = Vec::new();
    for journal in observer.journal() {
        let now = Told::of(&journal);
        if said.get(&journal.connection) != Some(&now) {
            let place = usize::try_from(journal.connection).unwrap_or(usize::MAX) % MOST_CONNECTIONS;
            changed.push((place, now.clone()));
            said.insert(journal.connection, now);
        }
    }
    changed
}

fn told(error: &Error) -> String {
    let source = std::error::Error::source(error).map_or(String::new(), |source| format!(": {source}"));
    format!("{error}{source}")
}

async fn fail(sender: &mut Sender, why: String) -> Result<(), String> {
    sender.send(&Word::Failed(why.clone())).await.map_err(text)?;
    Err(why)
}
