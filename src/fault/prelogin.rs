//! `prelogin-*`: the first exchange [MS-TDS 2.2.6.5] goes wrong.

use super::definition::{Definition, Phase, STALLS, or};
use super::parameters::{Key, Parameters};
use super::{Action, Script, Stage, Step, Then};
use crate::tds::{Encryption, PacketType, Prelogin, packets};
use crate::units::Span;

/// The pause between two bytes of a drip.
pub(super) const DRIP: Span = Span::from_secs(1);

/// What a web server says to a PRELOGIN. Read as a header, its letters announce a packet of 21,584 bytes.
const NOT_TDS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

const TEMPLATE: Definition =
    Definition::template(Phase::Prelogin, "reports that the server cannot be understood, and closes");

pub(super) const FAULTS: &[Definition] = &[
    Definition {
        name: "prelogin-garbage",
        wire: "PRELOGIN is answered with bytes that are no TDS: HTTP's 400 Bad Request; then the end",
        incident: "the port is a web server's, or a proxy answers in its own protocol",
        act: |_, stage| answer(stage, |_, _| Some(Script::send(NOT_TDS.to_vec()).into())),
        ..TEMPLATE
    },
    Definition {
        name: "prelogin-bad-option",
        wire: "a good PRELOGIN reply but for its offsets, each of which points outside of the packet; then the end",
        incident: "a gateway or another implementation of TDS with a fault of its own, a middlebox that rewrites",
        act: |_, stage| answer(stage, bad_option),
        ..TEMPLATE
    },
    Definition {
        name: "prelogin-cut",
        wire: "the first half of a good PRELOGIN reply; then the end",
        incident: "a server that dies, or a middlebox that ends the connection, inside of the reply",
        client: "reports that the connection was closed too early, and closes",
        act: |_, stage| answer(stage, |_, _| Some(Script::step(Step::Half).into())),
        ..TEMPLATE
    },
    Definition {
        name: "prelogin-drip",
        wire: "a good PRELOGIN reply, a byte a second; who waits for all of it may go on",
        incident: "a link that is almost dead: data keeps coming, so that no idle time-out ever fires",
        client: "meets its own login time-out, which counts from the start and not from the last byte, and closes",
        own: &[or(Key::Every, "1s")],
        never_over: true,
        act: drip,
        ..TEMPLATE
    },
    Definition {
        name: "prelogin-stall",
        wire: "PRELOGIN is read and never answered",
        incident: "SqlClient's \"time-out while attempting to consume the pre-login handshake acknowledgement\"",
        client: "meets its own login time-out, reports that, and closes",
        own: STALLS,
        never_over: true,
        act: |parameters, stage| answer(stage, |_, _| Some(Script::stall(parameters.time).into())),
        ..TEMPLATE
    },
    Definition {
        name: "prelogin-end",
        wire: "PRELOGIN is read; then the end",
        incident: "\"an error occurred during the pre-login handshake\": a server that shuts down, a full Azure gateway",
        client: "reports that the connection was closed, and closes",
        act: |_, stage| answer(stage, |_, _| Some(Script::end().into())),
        ..TEMPLATE
    },
    Definition {
        name: "prelogin-encryption-mismatch",
        wire: "a PRELOGIN reply with the ENCRYPTION that was not asked for, and a server that means it: REQ to a client \
               that cannot (NOT_SUP, or none), ON to one that wants the login packet only (OFF), NOT_SUP to one that \
               wants all of it (ON, REQ)",
        incident: "forced encryption and an old driver, a server without a certificate, a middlebox that strips TLS",
        client: "refuses what it cannot do, and closes; it never goes on in clear when it asked for encryption",
        act: |_, stage| answer(stage, mismatch),
        ..TEMPLATE
    },
];

fn answer(stage: &Stage<'_>, how: impl Fn(&Prelogin<'_>, &Prelogin<'_>) -> Option<Action>) -> Action {
    match stage {
        Stage::Prelogin { asked, reply } => how(asked, reply).unwrap_or(Action::Proceed),
        _ => Action::Proceed,
    }
}

fn drip(parameters: &Parameters, stage: &Stage<'_>) -> Action {
    let step = Step::Drip(parameters.every.unwrap_or(DRIP));
    answer(stage, |_, _| Some(Script::step(step.clone()).then(Then::Proceed).into()))
}

fn bad_option(_: &Prelogin<'_>, reply: &Prelogin<'_>) -> Option<Action> {
    // VERSION has data in every reply, so that one offset at least points where nothing is.
    let mut payload = reply.encode().ok()?;
    for at in 0..reply.options.len() {
        // The offset's high byte: 16 KiB further, which is beyond every PRELOGIN.
        payload[at * 5 + 1] |= 0x40;
    }
    Some(Script::send(packets(PacketType::REPLY, 0, 4096, &payload)).into())
}

fn mismatch(asked: &Prelogin<'_>, _: &Prelogin<'_>) -> Option<Action> {
    Some(Action::Encrypt(match asked.encryption() {
        None | Some(Encryption::NotSupported) => Encryption::Required,
        Some(Encryption::Off) => Encryption::On,
        Some(Encryption::On | Encryption::Required) => Encryption::NotSupported,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testbed::{act, asked, at_prelogin, script, sent};
    use super::*;
    use crate::tds::{Assembler, Error};

    #[test]
    fn garbage_is_no_packet_that_ever_ends() {
        let bytes = sent(at_prelogin("prelogin-garbage"));
        let mut assembler = Assembler::new();
        assembler.push(&bytes);
        assert_eq!(assembler.next(4096), Err(Error::TooLong { limit: 4096 }));
        assert!(tds_protocol::packet::PacketHeader::decode(&mut bytes.as_slice()).is_err(), "no packet type");
    }

    #[test]
    fn a_bad_option_is_a_good_packet_with_a_bad_message() {
        let bytes = sent(at_prelogin("prelogin-bad-option"));
        let mut assembler = Assembler::new();
        assembler.push(&bytes);
        let message = assembler.next(4096).unwrap().unwrap();
        assert_eq!(message.kind, PacketType::REPLY);
        assert_eq!(Prelogin::decode(&message.payload), Err(Error::Outside("PRELOGIN option")));
        // VERSION, ENCRYPTION, MARS: 3 * 5 + 1 = 16 bytes of table.
        assert_eq!(message.payload[..15], [0, 0x40, 16, 0, 6, 1, 0x40, 22, 0, 1, 4, 0x40, 23, 0, 1]);
    }

    #[test]
    fn the_encryption_is_never_what_was_asked_for() {
        for (value, answer) in [
            (None, Encryption::Required),
            (Some(2), Encryption::Required),
            (Some(0), Encryption::On),
            (Some(1), Encryption::NotSupported),
            (Some(3), Encryption::NotSupported),
        ] {
            assert_eq!(asked("prelogin-encryption-mismatch", value), Action::Encrypt(answer), "{value:?}");
        }
    }

    #[test]
    fn half_a_byte_a_second_nothing_or_the_end() {
        assert_eq!(script(at_prelogin("prelogin-cut")), Script::step(Step::Half));
        assert_eq!(script(at_prelogin("prelogin-end")), Script::end());
        assert_eq!(script(at_prelogin("prelogin-stall")).then, Then::Silence);
        let drip = script(at_prelogin("prelogin-drip"));
        assert_eq!((drip.steps, drip.then), (vec![Step::Drip(Span::from_secs(1))], Then::Proceed));
        let faster = script(at_prelogin("prelogin-drip:every=5ms"));
        assert_eq!(faster.steps, [Step::Drip(Span::from_millis(5))]);
    }

    #[test]
    fn they_act_at_prelogin_only() {
        for fault in FAULTS {
            let acts: Vec<bool> = act(fault.name).iter().map(|action| *action != Action::Proceed).collect();
            assert_eq!(acts, [false, true, false, false, false, false, false], "{}", fault.name);
        }
    }
}
