//! The five ways in which a server ends a connection.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::time::Duration;

use socket2::SockRef;
use tokio::time::timeout;

use super::conversation::Wire;
use super::{CloseMode, Observer};
use crate::units::Monotonic;
use crate::wire::{Deed, Party};

/// How long the server reads on behind its FIN where the client may have bytes under way, which would destroy the answer.
const LINGER: Duration = Duration::from_millis(250);

/// Ends a connection whose login is over. Returns when the descriptor is closed, under `shutdown` and `hold` when the
/// client has ended the connection too.
pub(super) async fn end(mut wire: Wire, mode: CloseMode, observer: &Observer) {
    match mode {
        // What the client has under way would turn the FIN into an RST, which destroys an answer not yet read.
        CloseMode::Orderly => {
            // A client that leaves TLS behind its login may say so, and that is under way now.
            let lingers = wire.stream().has_left_tls();
            leave_tls(&mut wire).await;
            if drain(&mut wire).await {
                // It has ended the connection already.
            } else if lingers && wire.half_close().await.is_ok() {
                let _ = timeout(LINGER, wire.discard()).await;
            } else {
                wire.scribe().note(Party::Server, || Deed::Fin);
            }
        }
        // The kernel sends an RST for what lies unread.
        CloseMode::Unread => wire.scribe().note(Party::Server, || Deed::Rst),
        CloseMode::Abortive => {
            // It fails on no socket that is open; the close is then an orderly one.
            let _ = SockRef::from(wire.stream().socket()).set_linger(Some(Duration::ZERO));
            wire.scribe().note(Party::Server, || Deed::Rst);
        }
        CloseMode::Shutdown => {
            leave_tls(&mut wire).await;
            drain(&mut wire).await;
            // It fails when the client has gone already, and the read below then sees it.
            let _ = wire.half_close().await;
            observer.update(|counts| counts.ended_by_server += 1);
            over(&wire);
            hold(wire, observer).await;
            return;
        }
        CloseMode::Hold => {
            over(&wire);
            hold(wire, observer).await;
            observer.update(|counts| counts.ended_by_client += 1);
            return;
        }
    }
    over(&wire);
    close(wire);
    observer.over(|counts| {
        counts.open -= 1;
        counts.ended_by_server += 1;
    });
}

/// Reads and forgets what has come; whether the client had ended the connection before.
///
/// The runtime knows what it was told, and a client may have sent more since: the kernel is asked.
async fn drain(wire: &mut Wire) -> bool {
    if wire.drain().await {
        return true;
    }
    let mut room = [const { MaybeUninit::uninit() }; 4096];
    for _ in 0..16 {
        let end = match SockRef::from(wire.stream().socket()).recv(&mut room) {
            Ok(0) => Deed::Fin,
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => Deed::Rst,
        };
        wire.scribe().note(Party::Client, || end);
        return true;
    }
    false
}

/// Says that TLS ends, where there is any; a client that has gone is told nothing.
async fn leave_tls(wire: &mut Wire) {
    let _ = wire.stream_mut().close_notify().await;
    wire.stream_mut().leave_tls();
}

/// Reads until the client has ended the connection. Below TLS, whose own end may be followed by nothing for ever.
pub(super) async fn outlast(wire: &mut Wire) {
    wire.stream_mut().leave_tls();
    wire.discard().await;
}

/// Closes the descriptor of a connection that the client has ended, or whose socket is to be closed at once.
pub(super) fn close(wire: Wire) {
    let scribe = wire.scribe().clone();
    drop(wire);
    scribe.change(|journal| journal.closed = Some(Monotonic::now()));
}

/// The server has said its last word on the login.
fn over(wire: &Wire) {
    wire.scribe().change(|journal| journal.over = Some(Monotonic::now()));
}

/// Keeps the descriptor until the client has ended the connection.
async fn hold(mut wire: Wire, observer: &Observer) {
    observer.update(|counts| {
        counts.open -= 1;
        counts.held += 1;
    });
    outlast(&mut wire).await;
    close(wire);
    observer.over(|counts| counts.held -= 1);
}
