//! `login-*`: the answer to LOGIN7 goes wrong, in SQL Server's own ways and in ways that no server should have.

mod error;
mod reply;

pub use error::LoginError;

use super::definition::{Definition, Phase, STALLS, or, plain};
use super::parameters::Key;
use super::prelogin::DRIP;
use super::{Script, Step, Then};
use reply::at_login;

const TEMPLATE: Definition = Definition::template(
    Phase::Login,
    "reports that the answer cannot be understood, or the error that it has read of it, and closes",
);

pub(super) const FAULTS: &[Definition] = &[
    Definition {
        name: "login-4060-18456",
        wire: "one answer with two errors, 4060 and then 18456 (state 38 in the error log), and DONE",
        incident: "SQL Server's own answer when the database is offline, renamed, or not yet failed over",
        client: "reports both, or the first; it retries by 4060's rules if it retries; and closes",
        act: |_, stage| at_login(stage, reply::both_errors),
        ..TEMPLATE
    },
    Definition {
        name: "login-no-done",
        wire: "ERROR 18456 and no DONE, in a message that is ended properly",
        incident: "a server or gateway that breaks off inside of its answer",
        whole: false,
        act: |_, stage| at_login(stage, reply::no_done),
        ..TEMPLATE
    },
    Definition {
        name: "login-short-done",
        wire: "ERROR 18456 and the first four bytes of DONE, in a message that is ended properly",
        incident: "a gateway that counts the length of its answer wrong",
        whole: false,
        act: |_, stage| at_login(stage, reply::short_done),
        ..TEMPLATE
    },
    Definition {
        name: "login-done-only",
        wire: "DONE with its error bit, and no ERROR that says which",
        incident: "gateways and other implementations that lose the error's text",
        client: "reports that the login failed, without a number, and closes",
        act: |_, stage| at_login(stage, reply::done_only),
        ..TEMPLATE
    },
    Definition {
        name: "login-empty",
        wire: "a reply packet with nothing in it",
        incident: "a server that gives up after it has begun to answer",
        client: "reports that there was no answer, and closes",
        act: |_, stage| at_login(stage, reply::empty),
        ..TEMPLATE
    },
    Definition {
        name: "login-cut",
        wire: "half of ERROR 18456, in a message that is ended properly",
        incident: "a proxy that cuts messages by its own buffer",
        whole: false,
        act: |_, stage| at_login(stage, reply::cut),
        ..TEMPLATE
    },
    Definition {
        name: "login-cut-packet",
        wire: "a packet header that announces ERROR 18456 and DONE whole, half of them, and the end",
        incident: "a server that dies while it sends, a middlebox that ends the connection between two segments",
        client: "reports that the connection was closed inside of the answer, and closes",
        whole: false,
        act: |_, stage| at_login(stage, reply::cut_packet),
        ..TEMPLATE
    },
    Definition {
        name: "login-no-eom",
        wire: "ERROR 18456 and DONE whole, in a packet that is not marked as the message's last",
        incident: "a proxy that forwards packets and loses the last one, or its status",
        client: "reports 18456, which it has whole, or that the connection was closed inside of the answer, and closes",
        whole: false,
        act: |_, stage| at_login(stage, reply::no_eom),
        ..TEMPLATE
    },
    Definition {
        name: "login-garbage",
        wire: "a reply packet of 64 random bytes, the same ones always, which are no tokens",
        incident: "memory or cipher state mixed up on the way; what a TLS or compression fault leaves",
        act: |_, stage| at_login(stage, reply::garbage),
        ..TEMPLATE
    },
    Definition {
        name: "login-bad-type",
        wire: "ERROR 18456 and DONE in a packet of a request's type (0x01) instead of a reply's (0x04)",
        incident: "a proxy that mixes up its two directions",
        act: |_, stage| at_login(stage, reply::bad_type),
        ..TEMPLATE
    },
    Definition {
        name: "login-drip",
        wire: "the good answer, a byte a second; who waits for all of it is logged in",
        incident: "a link that is almost dead: data keeps coming, so that no idle time-out ever fires",
        client: "meets its own login time-out, which counts from the start and not from the last byte, and closes",
        own: &[or(Key::Every, "1s")],
        never_over: true,
        act: |parameters, stage| {
            let every = parameters.every.unwrap_or(DRIP);
            at_login(stage, |_| Script::step(Step::Drip(every)).then(Then::Proceed))
        },
        ..TEMPLATE
    },
    Definition {
        name: "login-split",
        wire: "ERROR 18456 and DONE, legal, in packets of one byte each",
        incident: "no fault of the server: readers that expect a token, or a text, to lie in one packet fail here",
        client: "reports 18456 with its whole text, and closes",
        act: |_, stage| at_login(stage, reply::split),
        ..TEMPLATE
    },
    Definition {
        name: "login-info-forever",
        wire: "INFO tokens, ten a second, in a message that never ends",
        incident: "a logon trigger that PRINTs in a loop; progress without end",
        client: "meets its own login time-out, which counts from the start and not from the last token, and closes",
        own: &[or(Key::Every, "100ms")],
        never_over: true,
        act: |parameters, stage| {
            let every = parameters.every.unwrap_or(reply::INFOS);
            at_login(stage, |login| reply::info_forever(login, every))
        },
        ..TEMPLATE
    },
    Definition {
        name: "login-stall",
        wire: "LOGIN7 is read and never answered",
        incident: "a logon trigger that hangs, a domain controller that does not answer, a database that recovers",
        client: "meets its own login time-out, reports that, and closes",
        own: STALLS,
        never_over: true,
        act: |parameters, stage| at_login(stage, |_| Script::stall(parameters.time)),
        ..TEMPLATE
    },
    Definition {
        name: "login-end",
        wire: "LOGIN7 is read; then the end, without an answer",
        incident: "\"an error occurred during the login process\" (233): a server that restarts or sheds load",
        client: "reports that the connection was closed, and closes",
        act: |_, stage| at_login(stage, |_| Script::end()),
        ..TEMPLATE
    },
    Definition {
        name: "login-error-then-ack",
        wire: "ERROR 18456, then LOGINACK and DONE as after a good login; then the end",
        incident: "no server known: it tells who decides by LOGINACK and who by ERROR",
        client: "reports 18456 and closes, or finds its session ended and closes",
        act: |_, stage| at_login(stage, reply::error_then_ack),
        ..TEMPLATE
    },
    Definition {
        name: "login-route",
        wire: "LOGINACK, then ENVCHANGE 20: log in at this address instead; without `to` the server's own",
        incident: "Azure SQL's gateway (redirect policy), read-only routing of an availability group",
        client: "closes, and logs in at the other address; after some such answers in a row it gives up",
        own: &[plain(Key::To), plain(Key::End)],
        act: |parameters, stage| at_login(stage, |login| reply::route(login, parameters.to.as_ref())),
        ..TEMPLATE
    },
];

#[cfg(test)]
mod tests;
