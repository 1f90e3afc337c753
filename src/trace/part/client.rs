//! The client of a trace: one attempt, then what its strategy does with the socket.

use super::super::role::{Attempted, Order, Word};
use super::text;
use crate::client::{Client, Close, Closed, Config, Held};
use crate::host::{Inside, Receiver, Sender};
use crate::units::Monotonic;

pub(super) async fn attempt(inside: Inside, config: Config) -> Result<(), String> {
    let (mut sender, mut receiver) = inside.channel().map_err(text)?;
    sender.send(&Word::Ready { listening: None, certificate: String::new() }).await.map_err(text)?;
    let Ok(Some(Order::Begin)) = receiver.recv::<Order>().await else { return Ok(()) };
    tokio::select! {
        played = play(&mut sender, config) => drop(played?),
        () = gone(&mut receiver) => return Ok(()),
    }
    Ok(())
}

/// Never returns while the conductor lives: whatever is held is held until this process is killed.
async fn play(sender: &mut Sender, config: Config) -> Result<std::convert::Infallible, String> {
    let ended = Client::new(config).attempt().await;
    let attempted = Attempted {
        at: ended.at,
        outcome: ended.outcome,
        server_error: ended.server_error,
        is_open: ended.open.is_some(),
    };
    sender.send(&Word::Attempted(attempted)).await.map_err(text)?;
    let mut held = Held::default();
    if let Some(open) = ended.open {
        match open.close().await {
            Closed::After(_) => sender.send(&Word::Closed(Monotonic::now())).await.map_err(text)?,
            Closed::Held(close, socket) => {
                held.hold(ended.at, close, socket);
                keep(sender, &mut held, close).await?;
            }
        }
    }
    std::future::pending().await
}

/// A late closer closes when its time has come, or at once where one socket is as many as may pile up.
async fn keep(sender: &mut Sender, held: &mut Held, close: Close) -> Result<(), String> {
    let at_once = matches!(close, Close::Late(late) if late.count == Some(1));
    let due = if at_once { Some(Monotonic::now()) } else { held.next_due() };
    sender.send(&Word::Kept { at: Monotonic::now(), for_ever: due.is_none() }).await.map_err(text)?;
    let Some(due) = due else { return Ok(()) };
    while held.let_go(Monotonic::now).is_empty() {
        tokio::time::sleep(due.remaining()).await;
    }
    sender.send(&Word::Closed(Monotonic::now())).await.map_err(text)
}

/// Returns when the conductor is gone.
async fn gone(receiver: &mut Receiver) {
    while let Ok(Some(_)) = receiver.recv::<Order>().await {}
}
