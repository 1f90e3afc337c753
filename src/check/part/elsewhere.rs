//! Where else the command asked for a connection: no evidence of what it did, but of what it may have been told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::super::evidence::canonical;
use crate::capture::Segment;

/// Places that are kept, and places that are told.
const MOST: usize = 64;
const MOST_TOLD: usize = 3;

/// What a place answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Nothing,
    Refusal,
    /// Somebody listens there, whatever comes later.
    Yes,
}

/// Places that are none of the servers.
#[derive(Debug)]
pub(super) struct Elsewhere {
    servers: Vec<SocketAddr>,
    places: BTreeMap<SocketAddr, Answer>,
}

impl Elsewhere {
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        Self { servers: servers.iter().copied().map(canonical).collect(), places: BTreeMap::new() }
    }

    pub(super) fn note(&mut self, segment: &Segment) {
        let (from, to, flags) = (canonical(segment.from), canonical(segment.to), segment.flags);
        if flags.syn && !flags.ack {
            if !self.servers.contains(&to) && self.places.len() < MOST {
                self.places.entry(to).or_insert(Answer::Nothing);
            }
        } else if let Some(answer) = self.places.get_mut(&from) {
            match answer {
                _ if flags.syn => *answer = Answer::Yes,
                Answer::Nothing if flags.rst => *answer = Answer::Refusal,
                _ => {}
            }
        }
    }

    /// Where it was refused and nobody ever listened; where that was at a server's port, those places alone.
    pub(super) fn refused(&self) -> Vec<SocketAddr> {
        let refused = self.places.iter().filter(|(_, answer)| **answer == Answer::Refusal).map(|(place, _)| *place);
        let (likely, others): (Vec<_>, Vec<_>) =
            refused.partition(|place| self.servers.iter().any(|server| server.port() == place.port()));
        let told = if likely.is_empty() { others } else { likely };
        told.into_iter().take(MOST_TOLD).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Flags;
    use crate::units::Monotonic;

    const SYN: Flags = Flags { syn: true, ack: false, fin: false, rst: false };
    const ANSWER: Flags = Flags { syn: true, ack: true, fin: false, rst: false };
    const RST: Flags = Flags { syn: false, ack: true, fin: false, rst: true };

    fn refused(segments: &[(&str, Flags)]) -> Vec<String> {
        let client = "10.0.0.1:40000".parse().unwrap();
        let mut elsewhere = Elsewhere::new(&["10.0.0.2:1433".parse().unwrap()]);
        for (place, flags) in segments {
            let place = place.parse().unwrap();
            let (from, to) = if *flags == SYN { (client, place) } else { (place, client) };
            elsewhere.note(&Segment { at: Monotonic::from_nanos(0), from, to, sequence: 0, flags: *flags });
        }
        elsewhere.refused().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_refused_is_told_and_the_servers_port_alone_where_it_is_among_it() {
        let other = [("127.0.0.1:6379", SYN), ("127.0.0.1:6379", RST)];
        assert_eq!(refused(&other), ["127.0.0.1:6379"]);
        let local = [("[::1]:1433", SYN), ("[::1]:1433", RST), ("127.0.0.1:1433", SYN), ("127.0.0.1:1433", RST)];
        assert_eq!(refused(&[&other[..], &local].concat()), ["127.0.0.1:1433", "[::1]:1433"]);
    }

    #[test]
    fn the_server_and_whoever_listened_are_not_told() {
        assert!(refused(&[("10.0.0.2:1433", SYN), ("10.0.0.2:1433", RST)]).is_empty());
        assert!(refused(&[("127.0.0.1:80", SYN), ("127.0.0.1:80", ANSWER), ("127.0.0.1:80", RST)]).is_empty());
        let late = [("127.0.0.1:80", SYN), ("127.0.0.1:80", RST), ("127.0.0.1:80", SYN), ("127.0.0.1:80", ANSWER)];
        assert!(refused(&late).is_empty(), "a service that came up");
        assert!(refused(&[("10.0.0.9:1433", SYN)]).is_empty(), "nobody has answered");
        assert!(refused(&[("10.0.0.9:1433", RST)]).is_empty(), "nobody has asked");
    }
}
