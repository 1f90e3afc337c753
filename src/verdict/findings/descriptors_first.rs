//! Descriptors ran out before ports did: a different wall, often mistaken for the other.

use super::evidence::exhausted;
use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Severity};
use crate::units::Count;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let failed = arm.outcomes.of(Outcome::DescriptorsExhausted);
    if failed == 0 || exhausted(arm) {
        return None;
    }
    let open =
        arm.descriptors_peak.map_or_else(String::new, |most| format!(", with at most {} seen open", Count(most)));
    let text = format!(
        "the {} arm ran out of descriptors (EMFILE, {} attempts{open}) when only {} of {} ports were in use. This is the \
         limit of the process (RLIMIT_NOFILE), not of the port range: a socket that is not closed costs both. Fix: \
         close the connection on a failed login too; to reach the ports, raise `ulimit -n`.",
        arm.facts.name,
        Count(failed),
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
    );
    finding("descriptors-first", arm, Severity::Failure, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::record::TcpState;
    use crate::verdict::fixture::Story;

    #[test]
    fn fires_when_descriptors_were_the_first_wall() {
        let story = Story::new("leaky").outcome(Outcome::DescriptorsExhausted, 7);
        let found = rule(&arm(story.client(10, &[(TcpState::CloseWait, 1000)]))).unwrap();
        assert!(found.text.contains("7 attempts") && found.text.contains("1,000 of 2,000 ports"), "{}", found.text);
    }

    #[test]
    fn ports_that_ran_out_come_first() {
        let story = Story::new("leaky").outcome(Outcome::DescriptorsExhausted, 7).exhausted(10);
        assert_eq!(found(story), ["ports-exhausted"]);
    }
}
