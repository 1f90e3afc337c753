//! Test support: a trace of a leaky client and one of an orderly one.

use crate::record::{
    HostFacts, MissingFin, Outcome, RemarkKind, Side, StateChange, TcpState, Trace, TraceEnd, TraceFrame, TraceMessage,
    TraceRemark, TracedConnection,
};

use Side::{Client, Server};
use TcpState::{Close, CloseWait, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent, TimeWait};

/// Of one connection that leaks.
pub(in crate::report) fn leak() -> Trace {
    of(vec![leaky()])
}

/// Of a connection that leaks and one that does not.
pub(in crate::report) fn both() -> Trace {
    of(vec![leaky(), orderly()])
}

fn of(connections: Vec<TracedConnection>) -> Trace {
    Trace {
        schema: Trace::SCHEMA.to_owned(),
        seed: 1,
        complete: true,
        host: HostFacts { kernel: "6.18.44".to_owned(), cores: 2, nofile: 20_000 },
        notices: Vec::new(),
        connections,
        agrees: true,
    }
}

struct Frames(Vec<TraceFrame>, (TcpState, TcpState));

impl Frames {
    fn put(
        &mut self,
        from: Side,
        flags: &str,
        numbers: (u32, u32, u32),
        messages: &[(&str, &str)],
        states: (TcpState, TcpState),
    ) {
        let (seq, ack, length) = numbers;
        let messages: Vec<TraceMessage> = messages
            .iter()
            .map(|(name, text)| TraceMessage { name: (*name).to_owned(), text: (*text).to_owned(), encrypted: false })
            .collect();
        let mut what: Vec<String> = messages.iter().map(|it| format!("{}: {}", it.name, it.text)).collect();
        if flags.contains("FIN") {
            what.push(format!("FIN of the {}", if from == Client { "client" } else { "server" }));
        }
        if what.is_empty() {
            what.push(flags.to_owned());
        }
        let ports = if from == Client { (40000, 1433) } else { (1433, 40000) };
        let number = self.0.len() as u64 + 1;
        self.0.push(TraceFrame {
            number,
            at_s: number as f64 * 0.000_125 - 0.000_125,
            from,
            source_port: ports.0,
            destination_port: ports.1,
            flags: flags.to_owned(),
            seq,
            ack: flags.contains("ACK").then_some(ack),
            length,
            what: what.join("; "),
            messages,
            retransmission: false,
            client: StateChange { before: self.1.0, after: states.0 },
            server: StateChange { before: self.1.1, after: states.1 },
        });
        self.1 = states;
    }
}

fn refused() -> Frames {
    let mut frames = Frames(Vec::new(), (Close, Listen));
    frames.put(Client, "SYN", (0, 0, 0), &[], (SynSent, Listen));
    frames.put(Server, "SYN, ACK", (0, 1, 0), &[], (Established, SynRecv));
    let open = (Established, Established);
    frames.put(Client, "ACK", (1, 1, 0), &[], open);
    frames.put(Client, "PSH, ACK", (1, 1, 47), &[("PRELOGIN", "no encryption")], open);
    frames.put(Server, "PSH, ACK", (1, 48, 43), &[("PRELOGIN reply", "no encryption")], open);
    frames.put(Client, "PSH, ACK", (48, 44, 198), &[("LOGIN7", "user 'closewait', application 'closewait'")], open);
    let error = [("ERROR 18456", "Login failed for user 'closewait'."), ("DONE", "error")];
    frames.put(Server, "FIN, PSH, ACK", (44, 246, 117), &error, (CloseWait, FinWait1));
    frames
}

fn leaky() -> TracedConnection {
    let mut frames = refused();
    frames.put(Client, "ACK", (246, 162, 0), &[], (CloseWait, FinWait2));
    let mut it = connection("leaky", frames);
    it.missing = Some(MissingFin {
        side: Client,
        since_s: 0.000_75,
        waited_s: 1.0,
        text: "the client has not closed: its port 40000 stays taken".to_owned(),
    });
    it.remarks.push(TraceRemark {
        at_s: 0.002,
        kind: RemarkKind::Client,
        side: Client,
        text: "leaky: it keeps the socket, and does not close it".to_owned(),
    });
    it
}

fn orderly() -> TracedConnection {
    let mut frames = refused();
    frames.put(Client, "FIN, ACK", (246, 162, 0), &[], (LastAck, TimeWait));
    frames.put(Server, "ACK", (162, 247, 0), &[], (Close, TimeWait));
    connection("orderly", frames)
}

fn connection(name: &str, frames: Frames) -> TracedConnection {
    let Frames(frames, (client, server)) = frames;
    let end = |state| TraceEnd { state, kernel: Some(state).filter(|state| *state != Close), agrees: Some(true) };
    let log = |text: &str| TraceRemark {
        at_s: 0.000_7,
        kind: RemarkKind::ErrorLog,
        side: Server,
        text: format!("2026-11-25 15:00:00.12 Logon       {text}"),
    };
    TracedConnection {
        name: name.to_owned(),
        driver: "tiberius".to_owned(),
        close: name.to_owned(),
        close_failed: name.to_owned(),
        close_logged_in: "orderly".to_owned(),
        faults: vec!["login-18456".to_owned()],
        tls: "off".to_owned(),
        sandbox: "two-hosts".to_owned(),
        tcp_fin_timeout_s: 60,
        tcp_tw_reuse: 2,
        nofile: None,
        began_at: Some("2026-11-25T15:00:00.123456789Z".to_owned()),
        client: Some(([198, 18, 0, 1], 40000).into()),
        server: ([198, 18, 0, 2], 1433).into(),
        outcome: Some(Outcome::LoginRejected),
        server_error: Some(18456),
        broken_off: false,
        looked_s: 1.001,
        frames,
        remarks: vec![
            log("Error: 18456, Severity: 14, State: 8."),
            log(
                "Login failed for user 'closewait'. Reason: Password did not match that for the login provided. [CLIENT: 198.18.0.1]",
            ),
        ],
        missing: None,
        client_end: end(client),
        server_end: end(server),
        frames_lost: 0,
        frames_omitted: 0,
    }
}
