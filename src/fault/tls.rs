//! `tls-*` and `strict-*`: the TLS handshake goes wrong, in PRELOGIN packets, or as the first thing of all (TDS 8.0).
//!
//! One fault, two names: each strikes its own way of carrying TLS, and lets the other pass.

use super::definition::{Definition, Phase, STALLS};
use super::parameters::Parameters;
use super::{Action, Script, Stage, Step};
use crate::wire::tls::{Credential, Framing};

/// Bytes whose first is no record type of TLS (20 to 24), and which are no TDS packet either.
const NOT_TLS: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n";

/// The same fault in both ways of carrying TLS.
macro_rules! both {
    ($tls:literal, $strict:literal, $fields:expr, $how:expr) => {{
        const FIELDS: Definition = $fields;
        [
            Definition { name: $tls, act: |parameters, stage| handshake(stage, false, parameters, $how), ..FIELDS },
            Definition {
                name: $strict,
                phase: Phase::Strict,
                act: |parameters, stage| handshake(stage, true, parameters, $how),
                ..FIELDS
            },
        ]
    }};
}

const TEMPLATE: Definition = Definition::template(Phase::Tls, "reports that TLS failed, and closes");

static PAIRS: [[Definition; 2]; 8] = [
    both!(
        "tls-garbage",
        "strict-garbage",
        Definition {
            wire: "the ClientHello is answered with bytes that are no TLS record (under tls-, in a PRELOGIN packet); \
                   then the end",
            incident: "another service's port, a proxy that takes TLS apart and loses its place",
            ..TEMPLATE
        },
        |strict, _| Script::send(framing(strict).wrap(NOT_TLS)).into()
    ),
    both!(
        "tls-alert",
        "strict-alert",
        Definition {
            wire: "the ClientHello is answered with the fatal alert handshake_failure (under tls-, in a PRELOGIN \
                   packet); then the end",
            incident: "no version or cipher in common: TLS 1.0 and 1.1 were switched off, an old driver, FIPS mode",
            ..TEMPLATE
        },
        |strict, _| Script::send(framing(strict).alert()).into()
    ),
    both!(
        "tls-cut",
        "strict-cut",
        Definition {
            wire: "the first half of the server's flight (ServerHello, certificate); then the end",
            incident: "a middlebox that ends long handshakes, an MTU that large certificates do not fit through",
            ..TEMPLATE
        },
        |_, _| Script::step(Step::Half).into()
    ),
    both!(
        "tls-stall",
        "strict-stall",
        Definition {
            wire: "the ClientHello is read and never answered",
            incident: "a server that waits for a certificate's revocation list or a key store, an inspecting firewall",
            client: "meets its own login time-out, reports that, and closes",
            own: STALLS,
            never_over: true,
            ..TEMPLATE
        },
        |_, parameters| Script::stall(parameters.time).into()
    ),
    both!(
        "tls-end",
        "strict-end",
        Definition {
            wire: "the ClientHello is read; then the end, without an alert",
            incident: "SQL Server's own answer when Schannel finds no cipher; a load balancer's, when it is overrun",
            ..TEMPLATE
        },
        |_, _| Script::end().into()
    ),
    both!(
        "tls-untrusted",
        "strict-untrusted",
        Definition {
            wire: "a good handshake with a certificate that nobody has signed for this client",
            incident: "SQL Server's self-signed fallback certificate, and a driver whose default has become to check it",
            client: UNTRUSTING,
            ..TEMPLATE
        },
        |_, _| Action::Present(Credential::Untrusted)
    ),
    both!(
        "tls-expired",
        "strict-expired",
        Definition {
            wire: "a good handshake with a certificate whose time is over",
            incident: "the yearly outage: nobody renewed the certificate",
            client: UNTRUSTING,
            ..TEMPLATE
        },
        |_, _| Action::Present(Credential::Expired)
    ),
    both!(
        "tls-wrong-name",
        "strict-wrong-name",
        Definition {
            wire: "a good handshake with a certificate that names another host",
            incident: "a connection by IP address, alias or listener name that the certificate does not have",
            client: UNTRUSTING,
            ..TEMPLATE
        },
        |_, _| Action::Present(Credential::WrongName)
    ),
];

const UNTRUSTING: &str = "refuses the certificate with an alert, reports that, and closes; a client that was told to \
                          trust any certificate logs in";

/// `tls-*`, then `strict-*`.
pub(super) fn faults() -> impl Iterator<Item = &'static Definition> {
    PAIRS.iter().map(|[tls, _]| tls).chain(PAIRS.iter().map(|[_, strict]| strict))
}

/// How this way of TLS carries its records. A stage knows no session, so the packets have no id.
const fn framing(strict: bool) -> Framing {
    if strict { Framing::Raw } else { Framing::Packets { spid: 0 } }
}

fn handshake(
    stage: &Stage<'_>,
    strict: bool,
    parameters: &Parameters,
    how: impl Fn(bool, &Parameters) -> Action,
) -> Action {
    match stage {
        Stage::Handshake { strict: is } if *is == strict => how(strict, parameters),
        _ => Action::Proceed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::{act, at_handshake, script, sent};
    use super::super::{Step, Then};
    use super::*;

    #[test]
    fn each_strikes_its_own_way_of_tls() {
        for fault in faults() {
            let strict = fault.phase == Phase::Strict;
            assert!(fault.name.starts_with(if strict { "strict-" } else { "tls-" }), "{}", fault.name);
            assert_ne!(at_handshake(fault.name, strict), Action::Proceed, "{}", fault.name);
            let acts = act(fault.name).iter().filter(|action| **action != Action::Proceed).count();
            assert_eq!(acts, 1, "{}: the other way of TLS and every other stage pass", fault.name);
        }
    }

    #[test]
    fn an_alert_is_a_record_alone_or_in_a_packet() {
        assert_eq!(sent(at_handshake("strict-alert", true)), [0x15, 3, 3, 0, 2, 2, 40]);
        let wrapped = [0x12, 1, 0, 15, 0, 0, 1, 0, 0x15, 3, 3, 0, 2, 2, 40];
        assert_eq!(sent(at_handshake("tls-alert", false)), wrapped);
    }

    #[test]
    fn garbage_begins_with_no_record_type() {
        for (name, strict, header) in [("strict-garbage", true, 0), ("tls-garbage", false, 8)] {
            let bytes = sent(at_handshake(name, strict));
            assert!(!(20..=24).contains(&bytes[header]), "{name}");
            assert_eq!(bytes.len(), header + NOT_TLS.len());
        }
    }

    #[test]
    fn half_nothing_the_end_or_another_certificate() {
        assert_eq!(script(at_handshake("tls-cut", false)), Script::step(Step::Half));
        assert_eq!(script(at_handshake("strict-end", true)), Script::end());
        assert_eq!(script(at_handshake("strict-stall", true)).then, Then::Silence);
        assert_eq!(at_handshake("tls-expired", false), Action::Present(Credential::Expired));
        assert_eq!(at_handshake("strict-wrong-name", true), Action::Present(Credential::WrongName));
        assert_eq!(at_handshake("tls-untrusted", false), Action::Present(Credential::Untrusted));
    }
}
