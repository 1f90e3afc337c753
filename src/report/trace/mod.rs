//! A trace for its readers: JSON, and a table of frames for the terminal.
//!
//! One connection fills a table; two stand side by side, aligned by what their frames are, where the terminal has room
//! for both, and one below the other where it has not. The choice not taken: a drawn sequence chart, which has no place
//! for the numbers that a reader wants to compare with a capture's.

mod compare;
#[cfg(test)]
mod fixture;
mod items;
mod table;
#[cfg(test)]
mod tests;

use super::terminal::style::{Paint, Style};
use super::terminal::{text, wrapped};
use super::{ReportError, json};
use crate::record::{Outcome, Trace, TraceEnd, TracedConnection};

/// The trace as a JSON document (`closewait.trace/1`), indented, with a line's end after it.
///
/// # Errors
/// Only where a value has no JSON, which plain data always has.
pub fn trace_json(trace: &Trace) -> Result<String, ReportError> {
    json::indented(trace)
}

/// The trace for a person.
#[must_use]
pub fn trace_terminal(trace: &Trace, style: Style) -> String {
    let mut lines = match trace.connections.as_slice() {
        [left, right] if compare::fits(left, right, style) => compare::side_by_side(left, right, style),
        all => all.iter().flat_map(|connection| single(connection, style)).collect(),
    };
    for notice in &trace.notices {
        lines.extend(wrapped(notice, "notice: ", style.width()));
    }
    if !trace.complete {
        let what = if trace.connections.is_empty() {
            "stopped by a signal before a connection was begun"
        } else {
            "stopped by a signal: what was traced until then stands above"
        };
        lines.push(style.paint(Paint::Odd, what));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// One connection: what it is, its frames, and how it ends.
fn single(connection: &TracedConnection, style: Style) -> Vec<String> {
    let mut lines = head(connection, style.width(), style);
    lines.push(String::new());
    lines.extend(table::table(connection, style));
    lines.push(String::new());
    lines.extend(foot(connection, style.width(), style));
    lines.push(String::new());
    lines
}

/// What was traced.
fn head(connection: &TracedConnection, width: usize, style: Style) -> Vec<String> {
    let it = connection;
    let faults = if it.faults.is_empty() { "none".to_owned() } else { it.faults.join(" + ") };
    let close = strategy(it);
    let facts = format!("{}, close {close}, fault {faults}, TLS {}, sandbox {}", it.driver, it.tls, it.sandbox);
    let name = text::printable(&it.name);
    let mut lines = wrapped(&facts, &format!("{name}  "), width);
    lines[0] = lines[0].replacen(&name, &style.paint(Paint::Strong, &name), 1);
    let ends = it.client.map_or_else(String::new, |client| format!("client {client}, server {}", it.server));
    let began = it.began_at.as_ref().map_or_else(String::new, |at| format!(", from {at}"));
    lines.extend(wrapped(&format!("{ends}{began}"), "", width));
    lines
}

/// The strategy that applied, and where it is not the one after a failed login, that too.
fn strategy(it: &TracedConnection) -> String {
    let (failed, good) = (&it.close_failed, &it.close_logged_in);
    match it.outcome {
        _ if good == failed => failed.clone(),
        Some(Outcome::LoggedIn) => format!("{good} after a good login ({failed} after a failed one)"),
        None => format!("{failed} after a failed login, {good} after a good one"),
        Some(_) => failed.clone(),
    }
}

/// How it ends, and whether the kernel agrees.
fn foot(connection: &TracedConnection, width: usize, style: Style) -> Vec<String> {
    let (client, server) = (connection.client_end, connection.server_end);
    // A client that nobody answers closes without a frame.
    let gave_up = connection.frames.last().is_some_and(|frame| frame.client.after != client.state);
    let by = if gave_up { "by the frames and the client's giving up" } else { "by the frames" };
    let mut lines = wrapped(&format!("client {}, server {}, {by}", client.state, server.state), "at the end  ", width);
    let told = |end: TraceEnd| end.kernel.map_or_else(|| "no socket".to_owned(), |state| state.to_string());
    let (verdict, paint) = match (client.agrees, server.agrees) {
        (Some(false), _) | (_, Some(false)) => ("DISAGREES", Paint::Bad),
        (Some(true), Some(true)) => ("agrees", Paint::Good),
        _ => ("not compared (frames still came, or were not kept)", Paint::Odd),
    };
    let kernel = format!("{verdict}: client {}, server {} (sock_diag)", told(client), told(server));
    lines.extend(wrapped(&kernel, "the kernel  ", width).iter().map(|line| style.paint(paint, line)));
    if connection.broken_off {
        let text = "by a signal, before the client had done with its socket what it does";
        lines.extend(wrapped(text, "broken off  ", width).iter().map(|line| style.paint(Paint::Odd, line)));
    }
    for (count, what) in [(connection.frames_lost, "lost by the kernel"), (connection.frames_omitted, "not kept")] {
        if count > 0 {
            lines.push(style.paint(Paint::Odd, &format!("{count} frames were {what}")));
        }
    }
    lines
}
