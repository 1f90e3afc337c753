//! The SQL Server of a trace: the embedded one, which also tells what TLS hides.

use std::net::SocketAddr;

use super::super::role::{Order, Told, Word};
use super::{fail, text};
use crate::host::Inside;
use crate::server::{self, Config, Server};
use crate::units::PortRange;

/// How often a port is picked anew.
const MOST_BINDS: usize = 32;

pub(super) async fn serve(
    inside: Inside,
    listen: SocketAddr,
    avoid: Option<PortRange>,
    config: Config,
) -> Result<(), String> {
    let (mut sender, mut receiver) = inside.channel().map_err(text)?;
    let server = match bind(listen, avoid, &config).await {
        Ok(server) => server,
        Err(error) => {
            let source = std::error::Error::source(&error).map_or(String::new(), |source| format!(": {source}"));
            return fail(&mut sender, format!("{error}{source}")).await;
        }
    };
    let (observer, disclosure) = (server.observer(), server.disclosure());
    let ready = Word::Ready { listening: Some(server.address()), certificate: server.certificate() };
    sender.send(&ready).await.map_err(text)?;
    tokio::task::spawn_local(server.serve(std::future::pending()));
    while let Ok(Some(order)) = receiver.recv::<Order>().await {
        if order == Order::Tell {
            let mut told = Told { journals: observer.journal(), ..Told::default() };
            if let Some(disclosure) = &disclosure {
                (told.secrets, told.received, told.sent) =
                    (disclosure.secrets(), disclosure.received(), disclosure.sent());
            }
            sender.send(&Word::Told(Box::new(told))).await.map_err(text)?;
        }
    }
    Ok(())
}

/// A port that the kernel picks may lie in the client's range; such a one is kept until another was found, so that it is
/// not picked again.
async fn bind(listen: SocketAddr, avoid: Option<PortRange>, config: &Config) -> Result<Server, server::Error> {
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
