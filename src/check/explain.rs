//! Why a verdict was given, and what to do about it, in plain sentences.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::judge::{Judgement, Limits, Stopped};
use crate::record::CheckVerdict;
use crate::units::{HostPort, Span};

/// Sentences for a verdict; the last says what to do. `cause` is why the command was stopped before its time, if it was.
pub(super) fn explain(judgement: &Judgement, stopped: Stopped, cause: Option<&str>, limits: &Limits) -> String {
    let Some(cause) = cause else { return by_verdict(judgement, stopped, limits) };
    match judgement.verdict {
        CheckVerdict::NoConnection | CheckVerdict::Timeout if judgement.connections.is_empty() => {
            format!("The command never reached the server. {cause}")
        }
        CheckVerdict::Crash | CheckVerdict::Timeout => cause.to_owned(),
        _ => format!("{cause} {}", by_verdict(judgement, stopped, limits)),
    }
}

fn by_verdict(judgement: &Judgement, stopped: Stopped, limits: &Limits) -> String {
    let made = judgement.connections.len();
    let leaked = judgement.connections.iter().filter(|it| it.leaked).count();
    let grace = Span(limits.grace);
    let patience = Span(limits.patience);
    let shown = matches!(judgement.verdict, CheckVerdict::Crash | CheckVerdict::Leak | CheckVerdict::Hang);
    if stopped == Stopped::Interrupted && !shown {
        return "The check was stopped before the command ended.".to_owned();
    }
    match judgement.verdict {
        CheckVerdict::Crash => {
            "A signal ended the command, and not one of ours. See what it printed last, and whether it dumped core."
                .to_owned()
        }
        CheckVerdict::Leak => {
            let never_over = judgement.connections.iter().any(|it| it.leaked && it.connection.over.is_none());
            let what = if never_over {
                format!("was still open after {patience} although the program had long gone on without it")
            } else {
                format!("was open for more than {grace} after its login had failed, while its process ran")
            };
            format!(
                "{leaked} of {}: each {what}. Close the connection on a failed login too: in the error path of whatever opens \
                 it (finally, using, with, defer, Drop).",
                connections(made)
            )
        }
        CheckVerdict::Hang => format!(
            "The server never finished the login, and the program waited longer than {patience} without going on. Give the \
             login a time-out, and set --patience to that time-out plus a margin."
        ),
        CheckVerdict::Timeout => {
            "The command did not end in the time that it had. Raise --timeout, or stop a service with --for 20s."
                .to_owned()
        }
        CheckVerdict::NoConnection => {
            "The command never reached the server. Give it {host} and {port} in its arguments or \
             CLOSEWAIT_HOST and CLOSEWAIT_PORT in its environment, or name the server that it knows: --as HOST:PORT."
                .to_owned()
        }
        CheckVerdict::Undecided => {
            let shorter = longest(judgement).filter(|longest| *longest > Duration::from_millis(250));
            let hint = shorter.map_or(String::new(), |_| " take --grace 200ms, or".to_owned());
            let open = judgement.connections.iter().filter(|it| it.unproven).count();
            let ended = if stopped == Stopped::No { "its process" } else { "its process, or when this check ended it" };
            format!(
                "{open} of {}: each ended with {ended}, sooner than {grace} after its login had failed, so whether the program \
                 would have closed it cannot be said. To decide it,{hint} keep the program running for the grace and 1 s ({}) \
                 after its last login; where it closes its connections, 100 ms after the last close are enough. \
                 --allow-undecided passes it.",
                connections(made),
                Span(limits.grace + Duration::from_secs(1))
            )
        }
        CheckVerdict::NotReached => format!(
            "{} made, and none came as far as the fault. A fault of TLS needs a client that encrypts, a fault of a session \
             one that sends a request.",
            connections(made)
        ),
        CheckVerdict::Clean => {
            let but = match judgement.connections.iter().any(|it| it.excuse.is_some()) {
                true => ", what it was late for want of a processor aside",
                false => "",
            };
            format!("{}, and none was kept longer than {grace} after its login had failed{but}.", connections(made))
        }
    }
}

/// What the command may have meant that never reached the server; `elsewhere` it was refused.
pub(super) fn meant(elsewhere: &[SocketAddr]) -> Option<String> {
    let localhost = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let mut places: Vec<String> = Vec::new();
    for place in elsewhere {
        let ip = place.ip();
        let host = if localhost.contains(&ip) { "localhost".to_owned() } else { ip.to_string() };
        let place = HostPort { host, port: place.port() }.to_string();
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let first = places.first()?;
    Some(format!(
        " It tried {}, and was refused: if that is the server that it knows, add --as {first}.",
        places.join(", ")
    ))
}

fn longest(judgement: &Judgement) -> Option<Duration> {
    judgement.connections.iter().filter_map(|it| it.held).max()
}

fn connections(count: usize) -> String {
    format!("{count} {}", if count == 1 { "connection" } else { "connections" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_addresses_of_localhost_are_one_place() {
        let places = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        assert_eq!(meant(&[]), None);
        let told = meant(&places(&["127.0.0.1:1433", "[::1]:1433", "[fd12::1]:1433"])).unwrap();
        assert!(told.contains("It tried localhost:1433, [fd12::1]:1433, and was refused"), "{told}");
        assert!(told.ends_with("add --as localhost:1433."), "{told}");
    }
}
