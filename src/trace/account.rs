//! What was gathered of a connection to its record. Pure: frames, looks and journals go in, the record comes out.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use super::explain::{Explainer, Stream, Taken};
use super::role::{Attempted, Looked, Told};
use super::states::{States, Step};
use super::{Subject, missing};
use crate::capture::{Captured, Frame, TcpFlags};
use crate::client::Close;
use crate::record::{
    Named as _, Outcome, RemarkKind, Side, StateChange, TcpState, TraceEnd, TraceFrame, TraceMessage, TraceRemark,
    TracedConnection,
};
use crate::units::Monotonic;

/// What was gathered.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub(super) server: SocketAddr,
    pub(super) sandbox: &'static str,
    pub(super) tcp_fin_timeout: Duration,
    pub(super) tcp_tw_reuse: u8,
    pub(super) frames: Vec<Captured>,
    pub(super) attempted: Option<Attempted>,
    /// When the client closed its socket.
    pub(super) closed: Option<Monotonic>,
    /// When it was known that the client keeps its descriptor, and whether for ever.
    pub(super) kept: Option<(Monotonic, bool)>,
    /// Whether a signal ended the looking before the client had done with its socket what it does.
    pub(super) broken_off: bool,
    pub(super) looked: Looked,
    pub(super) told: Told,
    /// When the looking ended.
    pub(super) ended: Monotonic,
}

/// The record of a connection.
pub(super) fn account(subject: &Subject, gathered: &Gathered) -> TracedConnection {
    let (frames, states) = frames(gathered);
    let began = gathered.frames.first().map(|captured| captured.at);
    let zero = began.or(gathered.attempted.map(|attempted| attempted.at)).unwrap_or(gathered.ended);
    let (client_state, server_state) = states.now();
    let first = gathered.frames.first();
    let client = first.and_then(|captured| Frame::parse(&captured.bytes)).map(|frame| frame.from);
    let mut connection = TracedConnection {
        name: subject.name.clone(),
        driver: subject.driver.name().to_owned(),
        close: subject.close_after(gathered.attempted.map(|attempted| attempted.outcome)).to_string(),
        close_failed: subject.close.to_string(),
        close_logged_in: subject.close_logged_in.to_string(),
        faults: subject.faults.iter().map(ToString::to_string).collect(),
        tls: subject.encryption.name().to_owned(),
        sandbox: gathered.sandbox.to_owned(),
        tcp_fin_timeout_s: gathered.tcp_fin_timeout.as_secs(),
        tcp_tw_reuse: gathered.tcp_tw_reuse,
        nofile: subject.nofile,
        began_at: first.map(|captured| {
            humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(captured.wall_ns)).to_string()
        }),
        client,
        server: gathered.server,
        outcome: gathered.attempted.map(|attempted| attempted.outcome),
        server_error: gathered.attempted.and_then(|attempted| attempted.server_error),
        broken_off: gathered.broken_off,
        looked_s: seconds(zero, gathered.ended),
        frames,
        remarks: Vec::new(),
        missing: None,
        client_end: end(Side::Client, client_state, gathered),
        server_end: end(Side::Server, server_state, gathered),
        frames_lost: gathered.looked.lost,
        frames_omitted: gathered.looked.omitted,
    };
    connection.remarks = remarks(subject, gathered, &connection, zero);
    connection.missing = missing::missing(subject, gathered, &connection, zero);
    connection
}

/// From `zero` to `at`, in seconds, to the nanosecond.
pub(super) fn seconds(zero: Monotonic, at: Monotonic) -> f64 {
    at.since(zero).as_secs_f64()
}

/// One direction's numbers and bytes.
#[derive(Default)]
struct Direction {
    /// The number of its SYN.
    first: Option<u32>,
    /// The number of its FIN.
    fin: Option<u32>,
    stream: Stream,
}

impl Direction {
    /// Whether a segment without data is a SYN or a FIN that was sent before.
    fn asks_again(&self, step: Step) -> bool {
        step.length == 0
            && ((step.syn && self.first == Some(step.sequence)) || (step.fin && self.fin == Some(step.sequence)))
    }
}

/// The frames, and in which states they and the client's giving up leave the two ends.
fn frames(gathered: &Gathered) -> (Vec<TraceFrame>, States) {
    let mut explainer = Explainer::new(gathered.told.received.clone(), gathered.told.sent.clone());
    let mut states = States::new(listens(gathered));
    let (mut ours, mut theirs) = (Direction::default(), Direction::default());
    let zero = gathered.frames.first().map(|captured| captured.at);
    let parsed = gathered.frames.iter().filter_map(|captured| Some((captured.at, Frame::parse(&captured.bytes)?)));
    let frames = parsed
        .zip(1..)
        .map(|((at, frame), number)| {
            let from = if frame.to == gathered.server { Side::Client } else { Side::Server };
            let (own, other) = match from {
                Side::Client => (&mut ours, &mut theirs),
                Side::Server => (&mut theirs, &mut ours),
            };
            let has = |flag| frame.flags.has(flag);
            let step = Step {
                syn: has(TcpFlags::SYN),
                ack: has(TcpFlags::ACK),
                fin: has(TcpFlags::FIN),
                rst: has(TcpFlags::RST),
                sequence: frame.sequence,
                acknowledgement: frame.acknowledgement,
                length: u32::try_from(frame.payload.len()).unwrap_or(u32::MAX),
            };
            let asks_again = own.asks_again(step);
            if step.fin {
                own.fin.get_or_insert(frame.sequence.wrapping_add(step.length));
            }
            if step.syn {
                own.first.get_or_insert(frame.sequence);
                own.stream.begin(frame.sequence);
            }
            // Without a SYN of its own a side begins at 1, as in tshark: a refusal is all that it says.
            let seq = frame.sequence.wrapping_sub(own.first.unwrap_or(frame.sequence.wrapping_sub(1)));
            let ack =
                step.ack.then(|| frame.acknowledgement.wrapping_sub(other.first.unwrap_or(frame.acknowledgement)));
            let Taken { bytes, again } = own.stream.take(frame.sequence, frame.payload);
            let again = again || asks_again;
            let messages = if bytes.is_empty() { Vec::new() } else { explainer.data(from, &bytes) };
            let (client, server) = states.step(from, step);
            TraceFrame {
                number,
                at_s: seconds(zero.unwrap_or(at), at),
                from,
                source_port: frame.from.port(),
                destination_port: frame.to.port(),
                flags: frame.flags.to_string(),
                seq,
                ack,
                length: step.length,
                what: what(from, step, again, &messages, if from == Side::Client { server } else { client }),
                messages,
                retransmission: again,
                client,
                server,
            }
        })
        .collect();
    if gathered.attempted.is_some_and(|attempted| !attempted.is_open) {
        states.gives_up();
    }
    (frames, states)
}

/// Whether somebody listens when the connection is asked for: a SYN that a reset answers was nobody's [RFC 9293, 3.10.7.1].
fn listens(gathered: &Gathered) -> bool {
    let mut parsed = gathered.frames.iter().filter_map(|captured| Frame::parse(&captured.bytes));
    let answer = parsed.find(|frame| frame.from == gathered.server);
    answer.is_none_or(|frame| !frame.flags.has(TcpFlags::RST))
}

/// What a frame is, in a line. `receiver` is how the state of whoever receives it changes.
fn what(from: Side, step: Step, again: bool, messages: &[TraceMessage], receiver: StateChange) -> String {
    let mut parts: Vec<String> = Vec::new();
    if step.syn {
        parts.push(if step.ack { "SYN, ACK" } else { "SYN" }.to_owned());
    }
    if again {
        parts.push("sent again".to_owned());
    }
    for message in messages {
        let text = if message.text.is_empty() { String::new() } else { format!(": {}", message.text) };
        let lock = if message.encrypted { " (TLS)" } else { "" };
        parts.push(format!("{}{lock}{text}", message.name));
    }
    if step.length > 0 && parts.is_empty() {
        parts.push("data ahead of its turn".to_owned());
    }
    if step.fin {
        parts.push(format!("FIN of the {}", from.name()));
    }
    if step.rst {
        let is_refusal = from == Side::Server && receiver.before == TcpState::SynSent;
        let resets = || format!("RST: the {} resets", from.name());
        parts.push(if is_refusal { "RST: nobody listens".to_owned() } else { resets() });
    }
    if parts.is_empty() {
        use TcpState::{Closing, FinWait1, LastAck};
        // Of the receiver's FIN, when its state says so.
        let of_fin = matches!(receiver.before, FinWait1 | Closing | LastAck) && receiver.before != receiver.after;
        parts.push(if of_fin { "ACK of the FIN" } else { "ACK" }.to_owned());
    }
    parts.join("; ")
}

/// How an end stands, by the frames and by the kernel.
fn end(side: Side, state: TcpState, gathered: &Gathered) -> TraceEnd {
    let seen: Vec<_> = gathered.looked.changes.iter().filter(|seen| seen.side == side).collect();
    let own = seen.last().and_then(|seen| seen.state);
    // What was asked for and never made has no socket of its own: the listener is what there is.
    let kernel = own.or((state == TcpState::Listen && gathered.looked.listening).then_some(state));
    let agrees = match (state, kernel) {
        // A listener has no socket for a connection that was never made.
        (TcpState::Close | TcpState::Listen, None) => true,
        (state, Some(kernel)) => state == kernel,
        // Gone without a frame: only what time ends, and only once that time has passed.
        (state, None) => {
            let since = seen.iter().rfind(|seen| seen.state == Some(state)).map(|seen| seen.at);
            let gone = seen.last().map(|seen| seen.at);
            match (lifetime(state, gathered), since, gone) {
                (Some(lifetime), Some(since), Some(gone)) => gone.since(since) + SLACK >= lifetime,
                _ => false,
            }
        }
    };
    // Beside frames that still come, or that are not known, a difference tells nothing of the kernel.
    let looked = &gathered.looked;
    let is_sound = looked.still && looked.lost == 0 && looked.omitted == 0;
    TraceEnd { state, kernel, agrees: (agrees || is_sound).then_some(agrees) }
}

/// How much sooner than the kernel's timer a state may seem to end: it was seen a look after it had begun.
const SLACK: Duration = Duration::from_millis(500);

/// How long the kernel keeps a state that no frame ends; none for one that it keeps for ever.
pub(super) fn lifetime(state: TcpState, gathered: &Gathered) -> Option<Duration> {
    /// `TCP_TIMEWAIT_LEN`
    const TIME_WAIT: Duration = Duration::from_secs(60);
    match state {
        TcpState::FinWait2 => Some(gathered.tcp_fin_timeout),
        TcpState::TimeWait => Some(TIME_WAIT),
        _ => None,
    }
}

fn remarks(subject: &Subject, gathered: &Gathered, connection: &TracedConnection, zero: Monotonic) -> Vec<TraceRemark> {
    let mut remarks = Vec::new();
    let mut remark = |at, kind, side, text: String| {
        remarks.push(TraceRemark { at_s: seconds(zero, at), kind, side, text });
    };
    let journal = gathered.told.journals.iter().find(|journal| Some(journal.client) == connection.client);
    // What the server says later is of frames that nobody looked at.
    let entries = journal.iter().flat_map(|journal| &journal.log).filter(|entry| entry.at <= gathered.ended);
    for entry in entries {
        for line in entry.text.lines() {
            remark(entry.at, RemarkKind::ErrorLog, Side::Server, line.to_owned());
        }
    }
    if let Some(attempted) = gathered.attempted {
        let number = attempted.server_error.map(|number| format!(" ({number})")).unwrap_or_default();
        let outcome = attempted.outcome.name().replace('_', " ");
        let last = connection.frames.last().map(|frame| frame.client.after);
        let closes = match (last, connection.client_end.state) {
            (Some(TcpState::SynSent), TcpState::Close) => {
                "; it closes its socket, SYN_SENT -> CLOSE, and sends nothing"
            }
            _ => "",
        };
        let text = format!("the attempt has ended: {outcome}{number}{closes}");
        remark(attempted.at, RemarkKind::Client, Side::Client, text);
    }
    let outcome = gathered.attempted.map(|attempted| attempted.outcome);
    let close = subject.close_after(outcome);
    let strategy =
        if outcome == Some(Outcome::LoggedIn) { format!("{close} (a good login)") } else { close.to_string() };
    if let Some((at, for_ever)) = gathered.kept {
        let what = match (close, for_ever) {
            (Close::Half, _) => "it has shut its direction down and keeps the descriptor",
            (_, true) => "it keeps the socket, and does not close it",
            (_, false) => "it keeps the socket for now",
        };
        remark(at, RemarkKind::Client, Side::Client, format!("{strategy}: {what}"));
    }
    if let Some(at) = gathered.closed {
        remark(at, RemarkKind::Client, Side::Client, format!("{strategy}: it has closed the socket"));
    }
    for (side, end) in [(Side::Client, connection.client_end), (Side::Server, connection.server_end)] {
        let gone = gathered.looked.changes.iter().rfind(|seen| seen.side == side && seen.state.is_none());
        if let Some(gone) =
            gone.filter(|_| end.kernel.is_none() && !matches!(end.state, TcpState::Close | TcpState::Listen))
        {
            let why = match end.state {
                TcpState::FinWait2 => {
                    format!(" (tcp_fin_timeout, {} s): this side shows nothing any more", connection.tcp_fin_timeout_s)
                }
                _ => String::new(),
            };
            let text = format!("the kernel has let go of {}{why}", end.state);
            remark(gone.at, RemarkKind::Kernel, side, text);
        }
    }
    remarks.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    remarks
}

#[cfg(test)]
mod tests;
