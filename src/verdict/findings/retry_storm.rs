//! Retries made most of the load: what failed is asked for again and again.

use super::finding;
use crate::record::{ArmRun, Finding, Named as _, Outcome, Severity, TRANSIENT_ERRORS};
use crate::units::Count;

/// Fewer retries than this are not a storm, whatever their share.
const LEAST: u64 = 100;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    // What a cap kept from starting, or the pool answered, nobody tried.
    let untried = arm.outcomes.of(Outcome::Capped) + arm.pool_blocked;
    let made = arm.outcomes.total().saturating_sub(untried);
    let retries = made.saturating_sub(arm.started).min(arm.retries);
    // From here on there are more retries than first attempts.
    if retries < LEAST || retries <= arm.started {
        return None;
    }
    let text = format!(
        "{} of the {} arm's {} attempts were retries, which made the load {:.1} times the arrivals. They came \
         to {}. {}",
        Count(retries),
        arm.facts.name,
        Count(made),
        made as f64 / arm.started.max(1) as f64,
        outcomes(arm),
        advice(arm),
    );
    finding("retry-storm", arm, Severity::Warning, text)
}

/// `login_rejected 1,200 (error 18456), timed_out 30`: the most frequent first.
fn outcomes(arm: &ArmRun) -> String {
    let mut outcomes: Vec<_> = arm.outcomes.iter().filter(|(outcome, _)| *outcome != Outcome::Capped).collect();
    outcomes.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let told = outcomes.into_iter().map(|(outcome, n)| {
        let errors = match outcome {
            Outcome::LoginRejected if !arm.server_errors.is_empty() => format!(" ({})", errors(arm, |_| true)),
            _ => String::new(),
        };
        format!("{} {}{errors}", outcome.name(), Count(n))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// `error 18456`, `errors 4060, 18456`: those that refused a login and are `wanted`; empty where none is.
fn errors(arm: &ArmRun, wanted: impl Fn(u32) -> bool) -> String {
    let numbers: Vec<_> = arm.server_errors.keys().filter(|number| wanted(**number)).map(u32::to_string).collect();
    match numbers.len() {
        0 => String::new(),
        1 => format!("error {}", numbers[0]),
        _ => format!("errors {}", numbers.join(", ")),
    }
}

/// What helps, by what came of the attempts.
fn advice(arm: &ArmRun) -> String {
    let transient = |number| TRANSIENT_ERRORS.contains(&number);
    let (lasting, passing) = (errors(arm, |number| !transient(number)), errors(arm, transient));
    let any = |outcomes: &[Outcome]| outcomes.iter().any(|outcome| arm.outcomes.of(*outcome) > 0);
    let mut advice = Vec::new();
    if !lasting.is_empty() {
        advice.push(format!("Fix: do not retry {lasting}, which SqlClient does not either."));
    }
    if !passing.is_empty() {
        advice.push(format!("SqlClient, too, takes {passing} for transient, and asks again after a pause."));
    }
    if any(&[Outcome::PortsExhausted, Outcome::DescriptorsExhausted]) {
        advice.push("Each retry for want of a port or a descriptor asks once more for what has run out.".to_owned());
    }
    // Whatever is not an error of the server's may pass or stay: nobody knows from here.
    let others = arm
        .outcomes
        .iter()
        .any(|(outcome, _)| !matches!(outcome, Outcome::LoggedIn | Outcome::LoginRejected | Outcome::Capped));
    if lasting.is_empty() || !passing.is_empty() || others {
        let these = if lasting.is_empty() { "Fix: space retries" } else { "Space the others" };
        advice.push(format!("{these} out with a growing, jittered back-off, and give up in the end."));
    }
    advice.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::verdict::fixture::Story;

    fn told(story: Story) -> String {
        rule(&arm(story.retries(800).load(0, 1000, 200, 200))).unwrap().text
    }

    fn storm(outcome: Outcome) -> Story {
        Story::new("storm").outcome(outcome, 1000)
    }

    #[test]
    fn fires_when_retries_outnumber_logins() {
        let text = told(storm(Outcome::LoginRejected).server_error(18456, 1000));
        assert!(
            text.starts_with("800 of the storm arm's 1,000 attempts were retries, which made the load 5.0 times"),
            "{text}"
        );
        let story = storm(Outcome::LoginRejected).server_error(18456, 1000);
        assert_eq!(found(story.retries(400).load(0, 1000, 600, 600)), Vec::<String>::new());
        // 700 were never made.
        let story = Story::new("capped").outcome(Outcome::LoginRejected, 300).capped(700, 0).server_error(18456, 300);
        assert_eq!(rule(&arm(story.retries(800).load(0, 1000, 200, 200))), None);
    }

    /// It said of every storm that 18456 does not heal.
    #[test]
    fn the_advice_is_that_of_what_happened() {
        let text = told(storm(Outcome::LoginRejected).server_error(18456, 1000));
        assert!(
            text.contains("login_rejected 1,000 (error 18456)")
                && text.contains("Fix: do not retry error 18456, which")
        );
        assert!(!text.contains("back-off") && !text.contains("transient"), "{text}");
        let text = told(storm(Outcome::LoginRejected).server_error(40613, 1000));
        assert!(
            text.contains("SqlClient, too, takes error 40613 for transient") && text.contains("Fix: space"),
            "{text}"
        );
        assert!(!text.contains("do not retry"), "{text}");
        let text = told(storm(Outcome::Refused).outcome(Outcome::TimedOut, 7));
        assert!(text.contains("came to refused 1,000, timed_out 7. Fix: space retries out"), "{text}");
        assert!(!text.contains("error"), "{text}");
        let mixed = storm(Outcome::LoginRejected).server_error(18456, 400).server_error(4060, 600);
        let text = told(mixed.outcome(Outcome::PortsExhausted, 50));
        for part in
            ["(errors 4060, 18456)", "do not retry error 18456,", "takes error 4060", "has run out. Space the others"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
