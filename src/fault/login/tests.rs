//! Every answer by its bytes: what is right about it, and the one thing that is wrong.

use super::super::testbed::{VERSIONS, at_login, at_login_of, message, reply, script, sent};
use super::super::{End, FaultSpec};
use super::*;
use crate::fault::Action;
use crate::tds::{Done, Error, HEADER_LEN, Header, PacketType, Token};
use crate::units::Span;

fn numbers(tokens: &[Token]) -> Vec<i32> {
    let errors = tokens.iter().filter_map(|token| match token {
        Token::Error(error) => Some(error.number),
        _ => None,
    });
    errors.collect()
}

const DONE: Token = Token::Done(Done { status: Done::ERROR, command: 0, rows: 0 });

#[test]
fn a_refusal_is_error_and_done_in_one_message() {
    for version in VERSIONS {
        let tokens = reply("login-18456", version).unwrap();
        assert!(
            matches!(&tokens[..], [Token::Error(error), DONE]
                if (error.number, error.state, error.class) == (18456, 1, 14)
                && error.text == "Login failed for user 'app'." && error.server == "SQL01"),
            "{tokens:?}"
        );
        let script = script(at_login_of("login-18456-state-5", version));
        assert_eq!((script.then, script.refusals[0].state, script.refusals[0].wire_state), (Then::End, 5, 1));
    }
}

#[test]
fn two_errors_and_one_done() {
    for version in VERSIONS {
        let tokens = reply("login-4060-18456", version).unwrap();
        assert_eq!((numbers(&tokens), tokens.len(), &tokens[2]), (vec![4060, 18456], 3, &DONE));
    }
    let states: Vec<_> = script(at_login("login-4060-18456")).refusals.iter().map(|it| (it.number, it.state)).collect();
    assert_eq!(states, [(4060, 1), (18456, 38)]);
}

#[test]
fn done_is_missing_short_or_alone() {
    for version in VERSIONS {
        let tokens = reply("login-no-done", version).unwrap();
        assert_eq!((numbers(&tokens), tokens.len()), (vec![18456], 1));
        assert_eq!(reply("login-short-done", version), Err(Error::Short("reply")));
        assert_eq!(reply("login-done-only", version).unwrap(), [DONE]);
        assert_eq!(script(at_login_of("login-done-only", version)).refusals, []);
        assert_eq!(reply("login-empty", version).unwrap(), []);
    }
    let short = sent(at_login("login-short-done"));
    assert_eq!(short[short.len() - 4..], [0xFD, 2, 0, 0], "DONE, its status, half of its command");
    assert_eq!(sent(at_login("login-empty")), [4, 1, 0, 8, 0, 51, 1, 0]);
}

#[test]
fn a_cut_error_is_a_whole_message_and_a_cut_packet_is_none() {
    for version in VERSIONS {
        assert!(matches!(reply("login-cut", version), Err(Error::Short(_))));
        let whole = sent(at_login_of("login-18456", version));
        let cut = sent(at_login_of("login-cut-packet", version));
        assert_eq!((&cut[..], message(&cut)), (&whole[..HEADER_LEN + (whole.len() - HEADER_LEN) / 2], None));
    }
}

#[test]
fn without_the_end_bit_the_message_never_ends() {
    for version in VERSIONS {
        let mut bytes = sent(at_login_of("login-no-eom", version));
        assert_eq!(message(&bytes), None);
        bytes[1] |= Header::END;
        assert_eq!(bytes, sent(at_login_of("login-18456", version)), "and nothing else is wrong");
    }
}

#[test]
fn garbage_is_a_reply_of_no_tokens_and_a_bad_type_a_request_of_good_ones() {
    for version in VERSIONS {
        assert!(matches!(reply("login-garbage", version), Err(Error::Unknown { what: "token", .. })));
        let message = message(&sent(at_login_of("login-bad-type", version))).unwrap();
        assert_eq!(message.kind, PacketType::SQL_BATCH);
        assert_eq!(numbers(&Token::decode_all(&message.payload, version).unwrap()), [18456]);
    }
    assert_eq!(sent(at_login("login-garbage")), sent(at_login("login-garbage")));
}

#[test]
fn a_split_answer_is_the_good_one_in_packets_of_a_byte() {
    for version in VERSIONS {
        let bytes = sent(at_login_of("login-split", version));
        let whole = sent(at_login_of("login-18456", version));
        assert_eq!(bytes.len(), (whole.len() - HEADER_LEN) * (HEADER_LEN + 1));
        assert_eq!(message(&bytes).unwrap().payload, message(&whole).unwrap().payload);
    }
}

#[test]
fn infos_never_end_the_message() {
    for version in VERSIONS {
        let script = script(at_login_of("login-info-forever:every=20ms", version));
        let [Step::Repeat { bytes, every }] = script.steps.as_slice() else { panic!("{script:?}") };
        assert_eq!(*every, Span::from_millis(20));
        // Three of them, the last made a message's end to read them all.
        let mut three = bytes.repeat(3);
        three[2 * bytes.len() + 1] |= Header::END;
        let tokens = Token::decode_all(&message(&three).unwrap().payload, version).unwrap();
        assert!(tokens.len() == 3 && tokens.iter().all(|token| matches!(token, Token::Info(_))), "{tokens:?}");
        assert_eq!(message(&bytes.repeat(3)), None);
    }
}

#[test]
fn an_error_before_a_good_answer() {
    for version in VERSIONS {
        let tokens = reply("login-error-then-ack", version).unwrap();
        assert!(
            matches!(&tokens[..], [Token::Error(error), Token::LoginAck(ack), Token::Done(done)]
                if error.number == 18456 && ack.tds_version == version && done.status == Done::FINAL),
            "{tokens:?}"
        );
    }
}

/// The routing token byte by byte [MS-TDS 2.2.7.9], between LOGINACK and DONE.
#[test]
fn a_route_names_this_server_or_another() {
    let token = [0xE3, 18, 0, 20, 13, 0, 0, 0x99, 0x05, 4, 0, b'd', 0, b'b', 0, b'-', 0, b'2', 0, 0, 0];
    for version in VERSIONS {
        let payload = message(&sent(at_login_of("login-route:to=db-2:1433", version))).unwrap().payload;
        let at = payload.windows(token.len()).position(|part| part == token).expect("the routing token");
        let before = Token::decode_all(&payload[..at], version).unwrap();
        let after = Token::decode_all(&payload[at + token.len()..], version).unwrap();
        assert!(matches!(&before[..], [Token::LoginAck(_)]), "{before:?}");
        assert_eq!(after, [Token::Done(Done::of(Done::FINAL))]);
    }
    let here: Vec<u8> = "192.0.2.7".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bytes = sent(at_login("login-route"));
    assert!(bytes.windows(here.len()).any(|part| part == here), "{bytes:?}");
}

/// A second reader of ENVCHANGE 20.
#[test]
fn an_independent_crate_reads_the_route() {
    use tds_protocol::token::{Token as Theirs, TokenParser};

    let bytes = sent(at_login("login-route:to=db-2:1444"));
    let mut parser = TokenParser::new(message(&bytes).unwrap().payload.into());
    assert!(matches!(parser.next_token().unwrap(), Some(Theirs::LoginAck(_))));
    let Some(Theirs::EnvChange(change)) = parser.next_token().unwrap() else { panic!("no ENVCHANGE") };
    assert_eq!(change.routing_info(), Some(("db-2", 1444)));
    assert!(matches!(parser.next_token().unwrap(), Some(Theirs::Done(_))));
}

#[test]
fn nothing_is_said_or_a_byte_a_second() {
    assert_eq!(script(at_login("login-end")), Script::end());
    assert_eq!(script(at_login("login-stall")), Script::stall(None));
    let script = script(at_login("login-drip:every=50ms"));
    assert_eq!((script.steps, script.then), (vec![Step::Drip(Span::from_millis(50))], Then::Proceed));
    let spec: FaultSpec = "login-stall:for=1s,end=hold".parse().unwrap();
    assert_eq!(spec.end(), Some(End::Hold));
}

/// What the definitions say of their answers, read from the bytes: of a refusal, a message with its end and its last DONE.
#[test]
fn a_refusal_is_whole_where_it_says_so() {
    for fault in crate::fault::Fault::all().filter(|fault| fault.phase() == Phase::Login) {
        let Action::Instead(script) = at_login(&fault.to_string()) else { panic!("{fault}") };
        if script.refusals.is_empty() {
            continue;
        }
        let message = message(&sent(Action::Instead(script)));
        let tokens = message.and_then(|message| Token::decode_all(&message.payload, VERSIONS[1]).ok());
        let whole = matches!(tokens.as_deref(), Some([.., Token::Done(_)]));
        assert_eq!(fault.is_whole(), whole, "{fault}: {tokens:?}");
    }
}

#[test]
fn they_act_at_the_login_only() {
    for fault in FAULTS {
        let acts = super::super::testbed::act(fault.name);
        let acting: Vec<usize> = (0..acts.len()).filter(|at| acts[*at] != Action::Proceed).collect();
        assert_eq!(acting, [4], "{}", fault.name);
    }
}
