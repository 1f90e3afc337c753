//! The five ways in which a server ends a connection.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::{CloseMode, Observer};
use crate::wire::Connection;

/// Ends a connection whose login is over. Returns when the descriptor is closed, under `shutdown` and `hold` when the
/// client has ended the connection too.
pub(super) async fn end(mut connection: Connection<TcpStream>, mode: CloseMode, observer: &Observer) {
    match mode {
        // What the client has under way would turn the FIN into an RST, which destroys an answer not yet read.
        CloseMode::Orderly => connection.drain().await,
        CloseMode::Unread => {}
        CloseMode::Abortive => {
            // It fails on no socket that is open; the close is then an orderly one.
            let _ = SockRef::from(connection.stream()).set_linger(Some(Duration::ZERO));
        }
        CloseMode::Shutdown => {
            connection.drain().await;
            // It fails when the client has gone already, and the read below then sees it.
            let _ = connection.half_close().await;
            observer.update(|counts| counts.ended_by_server += 1);
            hold(connection, observer).await;
            return;
        }
        CloseMode::Hold => {
            hold(connection, observer).await;
            observer.update(|counts| counts.ended_by_client += 1);
            return;
        }
    }
    drop(connection);
    observer.update(|counts| {
        counts.open -= 1;
        counts.ended_by_server += 1;
    });
}

/// Keeps the descriptor until the client has ended the connection.
async fn hold(connection: Connection<TcpStream>, observer: &Observer) {
    observer.update(|counts| {
        counts.open -= 1;
        counts.held += 1;
    });
    let mut connection = connection;
    connection.discard().await;
    drop(connection);
    observer.update(|counts| counts.held -= 1);
}
