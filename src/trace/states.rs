//! The TCP state of both ends, told by the frames between them [RFC 9293, 3.3.2].
//!
//! Whoever sends a frame has made its own step before, and whoever receives it makes one then, so that a frame moves both.
//! A frame that crosses another is seen by its acknowledgement number, which does not cover the other. The choice not taken:
//! asking the kernel after each frame, which would be too late for most of them; it is asked once, at the end, and must
//! agree.

use crate::record::{Side, StateChange, TcpState};

/// What a step needs to know of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Step {
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    /// The sequence number.
    pub(super) sequence: u32,
    /// The acknowledgement number, where `ack` is set.
    pub(super) acknowledgement: u32,
    /// Bytes of data.
    pub(super) length: u32,
}

/// Both ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct States {
    client: End,
    server: End,
}

#[derive(Debug, Clone, Copy)]
struct End {
    state: TcpState,
    /// The number that acknowledges this end's FIN, once it was sent.
    fin: Option<u32>,
}

impl End {
    const fn new(state: TcpState) -> Self {
        Self { state, fin: None }
    }

    /// The step of whoever sends.
    fn sends(&mut self, step: Step, peers_fin: Option<u32>) {
        use TcpState::{Close, CloseWait, Closing, Established, FinWait1, LastAck, Listen, SynRecv, SynSent};
        if step.rst {
            self.state = Close;
            return;
        }
        match self.state {
            Close if step.syn && !step.ack => self.state = SynSent,
            Listen if step.syn && step.ack => self.state = SynRecv,
            _ => {}
        }
        if !step.fin || self.fin.is_some() {
            return;
        }
        self.fin = Some(step.sequence.wrapping_add(step.length).wrapping_add(1));
        match self.state {
            Established | SynRecv => self.state = FinWait1,
            // The two FIN have crossed: this end had not seen the other's when it sent its own.
            CloseWait if peers_fin.is_some_and(|fin| !covers(step, fin)) => self.state = Closing,
            CloseWait => self.state = LastAck,
            _ => {}
        }
    }

    /// The step of whoever receives.
    fn receives(&mut self, step: Step) {
        use TcpState::{
            Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent, TimeWait,
        };
        if step.rst {
            // A reset of what was never more than asked for leaves the listener as it is.
            self.state = if self.state == Listen { Listen } else { Close };
            return;
        }
        match self.state {
            SynSent if step.syn && step.ack => self.state = Established,
            SynRecv if step.ack && !step.syn => self.state = Established,
            _ => {}
        }
        if self.fin.is_some_and(|fin| covers(step, fin)) {
            match self.state {
                FinWait1 => self.state = FinWait2,
                Closing => self.state = TimeWait,
                LastAck => self.state = Close,
                _ => {}
            }
        }
        if step.fin {
            match self.state {
                Established => self.state = CloseWait,
                FinWait1 => self.state = Closing,
                FinWait2 => self.state = TimeWait,
                _ => {}
            }
        }
    }
}

/// Whether a segment acknowledges everything before `number`.
const fn covers(step: Step, number: u32) -> bool {
    step.ack && step.acknowledgement.wrapping_sub(number).cast_signed() >= 0
}

impl States {
    /// Before the first frame: the client has no connection, the server listens or does not.
    pub(super) const fn new(listens: bool) -> Self {
        let server = if listens { TcpState::Listen } else { TcpState::Close };
        Self { client: End::new(TcpState::Close), server: End::new(server) }
    }

    /// The client's attempt is over, and left no socket: one that was still asking closed without a frame [RFC 9293,
    /// 3.10.4].
    pub(super) fn gives_up(&mut self) {
        if self.client.state == TcpState::SynSent {
            self.client.state = TcpState::Close;
        }
    }

    /// The states now: the client's and the server's.
    pub(super) const fn now(&self) -> (TcpState, TcpState) {
        (self.client.state, self.server.state)
    }

    /// A segment goes from one end to the other: how the client's and the server's state change.
    pub(super) fn step(&mut self, from: Side, step: Step) -> (StateChange, StateChange) {
        let before = self.now();
        let (sender, receiver) = match from {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        sender.sends(step, receiver.fin);
        receiver.receives(step);
        let after = self.now();
        (StateChange { before: before.0, after: after.0 }, StateChange { before: before.1, after: after.1 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use TcpState::{
        Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent, TimeWait,
    };

    /// A frame by its sender, its flags, its sequence number, its acknowledgement number and its length.
    type Row<'a> = (Side, &'a str, u32, u32, u32, TcpState, TcpState);

    fn step(flags: &str, sequence: u32, acknowledgement: u32, length: u32) -> Step {
        let has = |flag| flags.contains(flag);
        Step { syn: has('S'), ack: has('A'), fin: has('F'), rst: has('R'), sequence, acknowledgement, length }
    }

    fn plays(rows: &[Row<'_>]) {
        let mut states = States::new(true);
        for (at, (from, flags, sequence, acknowledgement, length, client, server)) in rows.iter().enumerate() {
            states.step(*from, step(flags, *sequence, *acknowledgement, *length));
            assert_eq!(states.now(), (*client, *server), "row {at}: {flags}");
        }
    }

    const C: Side = Side::Client;
    const S: Side = Side::Server;

    const OPEN: [Row<'_>; 3] = [
        (C, "S", 0, 0, 0, SynSent, Listen),
        (S, "SA", 0, 1, 0, Established, SynRecv),
        (C, "A", 1, 1, 0, Established, Established),
    ];

    fn opened(rows: &[Row<'static>]) {
        plays(&[&OPEN[..], rows].concat());
    }

    #[test]
    fn the_article_s_leak() {
        opened(&[
            (C, "A", 1, 1, 100, Established, Established),
            (S, "FA", 1, 101, 57, CloseWait, FinWait1),
            (C, "A", 101, 59, 0, CloseWait, FinWait2),
        ]);
    }

    #[test]
    fn the_server_closes_then_the_client() {
        opened(&[
            (S, "FA", 1, 1, 0, CloseWait, FinWait1),
            (C, "FA", 1, 2, 0, LastAck, TimeWait),
            (S, "A", 2, 2, 0, Close, TimeWait),
        ]);
    }

    #[test]
    fn the_client_closes_first_and_has_the_time_wait() {
        opened(&[
            (C, "FA", 1, 1, 0, FinWait1, CloseWait),
            (S, "A", 1, 2, 0, FinWait2, CloseWait),
            (S, "FA", 1, 2, 0, TimeWait, LastAck),
            (C, "A", 2, 2, 0, TimeWait, Close),
        ]);
    }

    #[test]
    fn both_close_at_once() {
        opened(&[
            (C, "FA", 1, 1, 0, FinWait1, CloseWait),
            (S, "FA", 1, 1, 0, Closing, Closing),
            (C, "A", 2, 2, 0, Closing, TimeWait),
            (S, "A", 2, 2, 0, TimeWait, TimeWait),
        ]);
    }

    #[test]
    fn a_reset_leaves_nothing() {
        opened(&[(S, "FA", 1, 1, 0, CloseWait, FinWait1), (C, "RA", 1, 2, 0, Close, Close)]);
    }

    #[test]
    fn where_nobody_listens_a_reset_answers_and_there_never_was_a_listener() {
        let mut states = States::new(false);
        states.step(C, step("S", 0, 0, 0));
        assert_eq!(states.now(), (SynSent, Close));
        states.step(S, step("RA", 0, 1, 0));
        assert_eq!(states.now(), (Close, Close));
    }

    #[test]
    fn a_syn_that_nobody_answers() {
        plays(&[(C, "S", 0, 0, 0, SynSent, Listen), (C, "S", 0, 0, 0, SynSent, Listen)]);
        let mut states = States::new(true);
        states.gives_up();
        assert_eq!(states.now(), (Close, Listen), "nothing was asked");
        states.step(C, step("S", 0, 0, 0));
        states.gives_up();
        assert_eq!(states.now(), (Close, Listen));
        for answer in [(S, step("SA", 0, 1, 0)), (C, step("A", 1, 1, 0))] {
            states = States::new(true);
            states.step(C, step("S", 0, 0, 0));
            states.step(answer.0, answer.1);
            let before = states.now();
            states.gives_up();
            assert!(before.0 == SynSent || states.now() == before, "what is open is closed by a frame");
        }
    }

    #[test]
    fn a_fin_sent_again_changes_nothing() {
        opened(&[
            (S, "FA", 1, 1, 0, CloseWait, FinWait1),
            (S, "FA", 1, 1, 0, CloseWait, FinWait1),
            (C, "A", 1, 2, 0, CloseWait, FinWait2),
            (S, "FA", 1, 1, 0, CloseWait, FinWait2),
        ]);
    }

    #[test]
    fn numbers_wrap() {
        let first = u32::MAX - 2;
        let mut states = States::new(true);
        for (from, step) in [
            (C, step("S", first, 0, 0)),
            (S, step("SA", first, first.wrapping_add(1), 0)),
            (C, step("A", first.wrapping_add(1), first.wrapping_add(1), 10)),
            (S, step("FA", first.wrapping_add(1), 8, 10)),
            (C, step("A", 8, 9, 0)),
        ] {
            states.step(from, step);
        }
        assert_eq!(states.now(), (CloseWait, FinWait2));
    }

    #[test]
    fn without_the_last_acknowledgement_it_is_another_state() {
        // What holds this machine against the kernel must be able to fail: a frame that is missing shows.
        let mut states = States::new(true);
        for (from, flags, sequence, acknowledgement) in
            [(C, "S", 0, 0), (S, "SA", 0, 1), (C, "A", 1, 1), (S, "FA", 1, 1)]
        {
            states.step(from, step(flags, sequence, acknowledgement, 0));
        }
        assert_ne!(states.now().1, FinWait2);
    }

    proptest! {
        #[test]
        fn any_frames_in_any_order_never_panic(
            frames in prop::collection::vec((any::<bool>(), any::<[bool; 4]>(), any::<u32>(), any::<u32>(), 0u32..70_000), 0..40),
        ) {
            let mut states = States::new(true);
            for (client, [syn, ack, fin, rst], sequence, acknowledgement, length) in frames {
                let from = if client { C } else { S };
                let before = states.now();
                let (client, server) =
                    states.step(from, Step { syn, ack, fin, rst, sequence, acknowledgement, length });
                prop_assert_eq!((client.before, server.before), before);
                prop_assert_eq!((client.after, server.after), states.now());
            }
        }
    }
}
