//! Frames and whatever happened beside them, in one order.

use crate::record::{MissingFin, RemarkKind, Side, TraceFrame, TraceRemark, TracedConnection};

/// A line of a trace.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    Frame(&'a TraceFrame),
    Remark(&'a TraceRemark),
    Missing(&'a MissingFin),
}

/// Everything of a connection in the order of its time; what is missing stands last.
pub(super) fn items(connection: &TracedConnection) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = connection.frames.iter().map(Item::Frame).collect();
    items.extend(connection.remarks.iter().map(Item::Remark));
    // Stable: a frame stands before a remark of the same instant.
    items.sort_by(|a, b| a.at_s().total_cmp(&b.at_s()));
    items.extend(connection.missing.iter().map(Item::Missing));
    items
}

impl Item<'_> {
    const fn at_s(&self) -> f64 {
        match self {
            Self::Frame(frame) => frame.at_s,
            Self::Remark(remark) => remark.at_s,
            Self::Missing(missing) => missing.since_s,
        }
    }

    /// What it is, without what differs between two connections that do the same: by this two are aligned.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Frame(frame) => {
                let names: Vec<&str> = frame.messages.iter().map(|message| message.name.as_str()).collect();
                let flags = frame.flags.replace("PSH, ", "");
                format!("{:?} {flags} {}", frame.from, names.join(" "))
            }
            Self::Remark(remark) => format!("{:?} {:?}", remark.kind, remark.side),
            // Beside the one that came.
            Self::Missing(missing) => format!("{:?} FIN, ACK ", missing.side),
        }
    }
}

/// Whose remark it is.
pub(super) const fn label(remark: &TraceRemark) -> &'static str {
    match (remark.kind, remark.side) {
        (RemarkKind::ErrorLog, _) => "error log:",
        (RemarkKind::Client, _) => "client:",
        (RemarkKind::Kernel, Side::Client) => "client's kernel:",
        (RemarkKind::Kernel, Side::Server) => "server's kernel:",
    }
}

/// Seconds as milliseconds, to the microsecond.
pub(super) fn millis(seconds: f64) -> String {
    format!("{:.3}", seconds * 1e3)
}

/// A log's line without its date, which stands in the head, where the table has its own time.
pub(super) fn said(remark: &TraceRemark) -> &str {
    if remark.kind == RemarkKind::ErrorLog { remark.text.get(11..).unwrap_or(&remark.text) } else { &remark.text }
}
