//! The FIN that did not come, since when, and what that means.

use super::Subject;
use super::account::{Gathered, seconds};
use crate::record::{MissingFin, Side, TcpState, TraceFrame, TracedConnection};
use crate::server::CloseMode;
use crate::units::Monotonic;

/// The FIN that is missing at the end of a connection; none when each side that should have closed has, or
/// would have had more time.
pub(super) fn missing(
    subject: &Subject,
    gathered: &Gathered,
    connection: &TracedConnection,
    zero: Monotonic,
) -> Option<MissingFin> {
    if gathered.broken_off {
        return None;
    }
    let (client, server) = (connection.client_end.state, connection.server_end.state);
    let port = connection.client.map_or(0, |client| client.port());
    let attempted = gathered.attempted.map(|attempted| seconds(zero, attempted.at));
    let (side, since_s, text) = match (client, server) {
        (TcpState::CloseWait, _) => {
            (Side::Client, fin(connection, Side::Server)?, leak(port, &server_side(subject, gathered, connection)))
        }
        (TcpState::Established, TcpState::Established) => {
            let text = leak(port, "The server has not closed either: its side stays in ESTABLISHED.");
            (Side::Client, attempted?, text)
        }
        (_, TcpState::CloseWait) => {
            let text = "the client has closed and the server has not: the server's side stays in CLOSE_WAIT until its \
                        process closes the descriptor";
            (Side::Server, fin(connection, Side::Client)?, text.to_owned())
        }
        _ => return None,
    };
    Some(MissingFin { side, since_s, waited_s: (connection.looked_s - since_s).max(0.0), text })
}

fn leak(port: u16, server: &str) -> String {
    format!(
        "the client has not closed: its port {port} stays taken until its process closes the descriptor or ends. {server}"
    )
}

/// When a side's FIN was seen.
fn fin(connection: &TracedConnection, side: Side) -> Option<f64> {
    let is_fin = |frame: &&TraceFrame| frame.from == side && frame.flags.contains("FIN");
    connection.frames.iter().find(is_fin).map(|frame| frame.at_s)
}

/// What becomes of the server's side.
fn server_side(subject: &Subject, gathered: &Gathered, connection: &TracedConnection) -> String {
    let timeout = connection.tcp_fin_timeout_s;
    if connection.server_end.kernel.is_none() {
        return format!(
            "The server's FIN_WAIT_2 was gone after tcp_fin_timeout ({timeout} s): a look at the server shows nothing."
        );
    }
    let last = gathered.looked.changes.iter().rfind(|seen| seen.side == Side::Server);
    // Behind TLS the server reads on for a moment before it closes its descriptor.
    if subject.server_close != CloseMode::Shutdown || last.is_some_and(|seen| seen.orphan) {
        format!(
            "The server's FIN_WAIT_2 goes after tcp_fin_timeout ({timeout} s): from then on a look at the server shows \
             nothing."
        )
    } else {
        "The server keeps its descriptor, so its FIN_WAIT_2 never expires.".to_owned()
    }
}
