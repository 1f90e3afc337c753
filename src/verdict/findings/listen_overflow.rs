//! The server's accept queue overflowed: connects were dropped before the server saw them.

use super::evidence::rise;
use super::finding;
use crate::record::{ArmRun, Finding, Phase, Severity, Side};
use crate::units::Count;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    // Outside a namespace the counter belongs to every listener of the machine.
    if !matches!(arm.facts.sandbox.as_str(), "two-hosts" | "one-host") {
        return None;
    }
    let overflows = rise(arm, Side::Server, |counters| counters.listen_overflows);
    if overflows == 0 {
        return None;
    }
    let slowest = arm.latencies.of(Phase::Connect).and_then(|connects| connects.max());
    let slowest = slowest.map_or_else(String::new, |max| {
        format!(" (the slowest connect took {:.0} ms; a dropped SYN is sent again after 1 s)", max.as_secs_f64() * 1e3)
    });
    let text = format!(
        "the server's accept queue overflowed {} times in the {} arm: the kernel dropped handshakes before the server saw \
         them{slowest}. Fix: accept faster, or make the queue longer (the listener's backlog, and net.core.somaxconn above \
         it).",
        Count(overflows),
        arm.facts.name,
    );
    finding("listen-overflow", arm, Severity::Warning, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::record::Counters;
    use crate::verdict::fixture::Story;

    fn told(before: u64, after: u64) -> Story {
        let counters = |listen_overflows| Counters { listen_overflows, ..Counters::default() };
        Story::new("slow").counters(0, Side::Server, counters(before)).counters(9, Side::Server, counters(after))
    }

    #[test]
    fn only_a_rise_within_the_arm_counts() {
        assert!(rule(&arm(told(5, 12))).unwrap().text.contains("overflowed 7 times"));
        assert_eq!(found(told(5, 5)), Vec::<String>::new());
    }

    #[test]
    fn a_machine_wide_counter_is_no_evidence() {
        let mut story = told(5, 12);
        story.facts.sandbox = "port-range".into();
        assert_eq!(rule(&arm(story)), None);
    }
}
