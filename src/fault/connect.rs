//! `connect-*`: what a client meets before anybody has read a byte of it.

use super::definition::{Definition, ENDS, Phase, STALLS, Scope};
use super::parameters::Parameters;
use super::{Action, ListenerFault, Script, Stage};

pub(super) const FAULTS: &[Definition] = &[
    Definition {
        name: "connect-refuse",
        phase: Phase::Connect,
        wire: "nobody listens: every SYN is answered with RST",
        incident: "the service is stopped or restarts, the port or the instance is wrong",
        client: "reports that the connection was refused; there is nothing to close but its own descriptor",
        own: &[],
        scope: Scope::Listener(ListenerFault::Refuse),
        never_over: false,
        whole: true,
        act: |_, _| Action::Proceed,
    },
    Definition {
        name: "connect-stall",
        phase: Phase::Connect,
        wire: "no SYN is answered: the accept queue is full, and the client's kernel sends SYN again and again",
        incident: "a firewall that drops, a host that is down, a listener whose process hangs under a full queue",
        client: "meets its own connect time-out, reports that, and closes the socket in SYN_SENT",
        own: &[],
        scope: Scope::Listener(ListenerFault::Stall),
        never_over: true,
        whole: true,
        act: |_, _| Action::Proceed,
    },
    Definition {
        name: "connect-no-reply",
        phase: Phase::Connect,
        wire: "accepted; what comes is read, and nothing is ever said",
        incident: "a server out of worker threads (THREADPOOL), a load balancer in front of a dead node",
        client: "meets its own login time-out, reports that, and closes",
        own: STALLS,
        scope: Scope::Connection,
        never_over: true,
        whole: true,
        act: no_reply,
    },
    Definition {
        name: "connect-end",
        phase: Phase::Connect,
        wire: "accepted and ended at once, before a byte is read",
        incident: "a proxy or load balancer with no server behind it, a failover of a cluster's address",
        client: "reports that the connection was closed, and closes",
        own: ENDS,
        scope: Scope::Connection,
        never_over: false,
        whole: true,
        act: end,
    },
];

fn no_reply(parameters: &Parameters, stage: &Stage<'_>) -> Action {
    match stage {
        Stage::Accepted => Script::stall(parameters.time).into(),
        _ => Action::Proceed,
    }
}

fn end(_: &Parameters, stage: &Stage<'_>) -> Action {
    match stage {
        Stage::Accepted => Script::end().into(),
        _ => Action::Proceed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::{act, at_accept, script};
    use super::super::{FaultSpec, Step, Then};
    use super::*;
    use crate::units::Span;

    #[test]
    fn they_act_before_the_first_byte_and_only_there() {
        assert_eq!(script(at_accept("connect-end")), Script::end());
        assert_eq!(script(at_accept("connect-no-reply")).then, Then::Silence);
        for name in ["connect-end", "connect-no-reply"] {
            assert!(act(name)[1..].iter().all(|action| *action == Action::Proceed), "{name}");
        }
    }

    #[test]
    fn no_reply_may_have_a_time() {
        let script = script(at_accept("connect-no-reply:for=30s,end=reset"));
        assert_eq!((script.steps, script.then), (vec![Step::Wait(Span::from_secs(30))], Then::End));
    }

    #[test]
    fn two_belong_to_the_listener() {
        let listener = |text: &str| text.parse::<FaultSpec>().unwrap().listener();
        assert_eq!(listener("connect-refuse"), Some(ListenerFault::Refuse));
        assert_eq!(listener("connect-stall:during=5s..10s"), Some(ListenerFault::Stall));
        assert_eq!(listener("connect-end"), None);
        assert!(act("connect-refuse").iter().all(|action| *action == Action::Proceed));
    }
}
