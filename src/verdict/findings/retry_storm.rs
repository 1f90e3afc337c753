//! Retries made most of the load: a refused login is asked again and again.

use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Severity};
use crate::units::Count;

/// Fewer retries than this are not a storm, whatever their share.
const LEAST: u64 = 100;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let attempts = arm.outcomes.total();
    let first = attempts.saturating_sub(arm.retries);
    // From here on there are more retries than first attempts.
    if arm.retries < LEAST || arm.retries <= first {
        return None;
    }
    let text = format!(
        "{} of the {} arm's {} attempts were retries: each login was tried {:.1} times on average, and {} were refused by \
         the server. A refused login (18456) does not heal by asking again; each retry costs both sides a connection. \
         Fix: do not retry an error that is not transient, and space the others out with a growing, jittered back-off.",
        Count(arm.retries),
        arm.facts.name,
        Count(attempts),
        attempts as f64 / first.max(1) as f64,
        Count(arm.outcomes.of(Outcome::LoginRejected)),
    );
    finding("retry-storm", arm, Severity::Warning, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::verdict::fixture::Story;

    #[test]
    fn fires_when_retries_outnumber_logins() {
        let told = |retries| Story::new("storm").outcome(Outcome::LoginRejected, 1000).retries(retries);
        assert!(rule(&arm(told(800))).unwrap().text.contains("tried 5.0 times"));
        assert_eq!(found(told(400)), Vec::<String>::new());
    }
}
