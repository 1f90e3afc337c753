//! The five ways in which a server ends a connection.

use std::io::{ErrorKind, Read as _};
use std::mem::MaybeUninit;
use std::time::Duration;

use socket2::SockRef;
use tokio::time::timeout;

use super::conversation::Wire;
use super::{CloseMode, Counts, Observer};
use crate::units::Monotonic;
use crate::wire::{Deed, Party};

/// How long the server reads on behind its FIN where the client may have bytes under way, which would destroy the answer.
const LINGER: Duration = Duration::from_millis(250);

/// Ends a connection whose login is over. Returns when the descriptor is closed, under `shutdown` and `hold` when the
/// client has ended the connection too.
pub(super) async fn end(mut wire: Wire, mode: CloseMode, observer: &Observer) {
    let mut first = Party::Server;
    match mode {
        // What the client has under way would turn the FIN into an RST, which destroys an answer not yet read.
        CloseMode::Orderly => {
            // A client that leaves TLS behind its login may say so, and that is under way now.
            let lingers = wire.stream().has_left_tls();
            leave_tls(&mut wire).await;
            if drain(&mut wire).await {
                first = Party::Client;
            } else if lingers && wire.half_close().await.is_ok() {
                over(&wire);
                let _ = timeout(LINGER, wire.discard()).await;
                return closed(wire, observer, first);
            } else {
                wire.scribe().note(Party::Server, || Deed::Fin);
            }
        }
        CloseMode::Unread => {
            // The kernel sends an RST for what lies unread. Where nothing does, since TLS or a fault has read it, the
            // client is to see the same.
            if !lies_unread(&wire) {
                reset_at_close(&wire);
            }
            wire.scribe().note(Party::Server, || Deed::Rst);
        }
        CloseMode::Abortive => {
            reset_at_close(&wire);
            // An RST cannot leave with the answer, so a client that closes on it may be first.
            if drain(&mut wire).await {
                first = Party::Client;
            } else {
                wire.scribe().note(Party::Server, || Deed::Rst);
            }
        }
        CloseMode::Shutdown => {
            // A client that has not understood that its login is over says so inside of TLS.
            let _ = wire.stream_mut().close_notify().await;
            wire.stream_mut().outlive_tls();
            if drain(&mut wire).await {
                first = Party::Client;
            }
            // It fails when the client has gone already, and the read below then sees it.
            let _ = wire.half_close().await;
            over(&wire);
            observer.update(|counts| {
                ended(counts, first);
                held(counts);
            });
            outlast(&mut wire).await;
            close(wire);
            observer.over(|counts| counts.held -= 1);
            return;
        }
        CloseMode::Hold => {
            over(&wire);
            observer.update(held);
            outlast(&mut wire).await;
            close(wire);
            observer.over(|counts| {
                counts.held -= 1;
                ended(counts, Party::Client);
            });
            return;
        }
    }
    over(&wire);
    closed(wire, observer, first);
}

/// Closes the descriptor of a connection that `first` has ended before the other.
pub(super) fn closed(wire: Wire, observer: &Observer, first: Party) {
    close(wire);
    observer.over(|counts| {
        counts.open -= 1;
        ended(counts, first);
    });
}

fn ended(counts: &mut Counts, first: Party) {
    match first {
        Party::Client => counts.ended_by_client += 1,
        Party::Server => counts.ended_by_server += 1,
    }
}

/// The login is over, and the descriptor is kept until the client has ended the connection.
fn held(counts: &mut Counts) {
    counts.open -= 1;
    counts.held += 1;
}

/// Whether the kernel has bytes of the client that nobody has read.
fn lies_unread(wire: &Wire) -> bool {
    let seen = SockRef::from(wire.stream().socket()).peek(&mut [MaybeUninit::uninit(); 1]);
    matches!(seen, Ok(count) if count > 0)
}

/// Lets the close send an RST.
fn reset_at_close(wire: &Wire) {
    // It fails on no socket that is open; the close is then an orderly one.
    let _ = SockRef::from(wire.stream().socket()).set_linger(Some(Duration::ZERO));
}

/// Reads and forgets what has come; whether the client had ended the connection before.
///
/// The runtime knows what it was told, and a client may have sent more since: the kernel is asked.
async fn drain(wire: &mut Wire) -> bool {
    if wire.drain().await {
        return true;
    }
    let mut room = [0; 4096];
    for _ in 0..16 {
        let read = (&*SockRef::from(wire.stream().socket())).read(&mut room);
        let end = match read {
            Ok(0) => Deed::Fin,
            // Nobody understands the records behind these without them.
            Ok(count) if wire.stream().is_tls() => {
                wire.stream_mut().unread(&room[..count]);
                if wire.drain().await {
                    return true;
                }
                continue;
            }
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

/// Reads until the client has ended the connection, and not TLS alone.
pub(super) async fn outlast(wire: &mut Wire) {
    wire.stream_mut().outlive_tls();
    wire.discard().await;
}

/// Closes the descriptor.
fn close(wire: Wire) {
    let scribe = wire.scribe().clone();
    drop(wire);
    scribe.change(|journal| journal.closed = Some(Monotonic::now()));
}

/// The server has said its last word on the login.
fn over(wire: &Wire) {
    wire.scribe().change(|journal| journal.over = Some(Monotonic::now()));
}
