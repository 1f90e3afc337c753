//! The offered rate was not reached, and who is to blame: the cap, the client, or the server.

use std::time::Duration;

use super::evidence::median;
use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Phase, Severity};
use crate::units::Count;

/// One attempt in twenty missing changes what the numbers mean.
const MISSING: f64 = 0.05;

/// An end of the schedule that is this late is no accident of the scheduler's.
const OVERRUN: Duration = Duration::from_millis(10);

/// Attempts that start this late are not the schedule's any more; the product's own aim is 2 ms.
const LATE: Duration = Duration::from_millis(100);

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    // What the pool answers is no attempt that was kept from its start.
    let missing = arm.offered.saturating_sub(arm.started + arm.pool_blocked);
    let lag = arm.schedule_lag.at(0.99).unwrap_or_default();
    let overrun = arm.last_start.saturating_sub(arm.schedule);
    let short = arm.offered > 0 && missing as f64 / arm.offered as f64 > MISSING;
    let behind = overrun > OVERRUN.max(arm.schedule.mul_f64(MISSING));
    if !short && !behind && lag < LATE {
        return None;
    }
    let text = format!(
        "the {} arm did not reach its rate: {} attempts fell due within {:.2} s, {} of them were started within {:.2} s, \
         and one in a hundred at least {:.1} ms late. {}",
        arm.facts.name,
        Count(arm.offered),
        arm.schedule.as_secs_f64(),
        Count(arm.started),
        arm.last_start.as_secs_f64(),
        lag.as_secs_f64() * 1e3,
        blame(arm, missing),
    );
    finding("rate-not-reached", arm, Severity::Warning, text)
}

/// The cap where it explains half of what is missing, or else whichever end an attempt spends more of its time on; where
/// none is missing, the client: an open loop starts late for nobody else's sake.
fn blame(arm: &ArmRun, missing: u64) -> String {
    let capped = arm.outcomes.of(Outcome::Capped);
    let server = median(arm, Phase::Prelogin) + median(arm, Phase::Tls) + median(arm, Phase::Login);
    let client = median(arm, Phase::Connect) + arm.schedule_lag.at(0.5).unwrap_or_default();
    let (server_ms, client_ms) = (server.as_secs_f64() * 1e3, client.as_secs_f64() * 1e3);
    if capped > 0 && capped >= missing / 2 {
        format!(
            "The cap is to blame: {} attempts met the limit of connections in flight or held (an attempt waits {server_ms:.1} \
             ms for the server, by the median). Fix: raise the cap (`in_flight`, `max_held`; outside a sandbox 1,000 are held at the most unless `--max-held` says \
             more), or offer less.",
            Count(capped)
        )
    } else if missing > 0 && server > client {
        format!(
            "The server is to blame: by the median an attempt waits {server_ms:.1} ms for its answers, against \
             {client_ms:.1} ms in the client. Fix: offer less, or give the server more."
        )
    } else {
        format!(
            "The client is to blame: by the median an attempt spends {client_ms:.1} ms on a late start and its connect, \
             against {server_ms:.1} ms waiting for the server. Fix: offer less, or give the load more cores; the \
             latencies of this arm are those of an overloaded client."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::verdict::fixture::Story;

    fn blamed(story: Story) -> String {
        rule(&arm(story.load(0, 1000, 2000, 1000))).unwrap().text
    }

    #[test]
    fn blames_whom_the_evidence_names() {
        let told = || Story::new("slow").outcome(Outcome::LoginRejected, 1000);
        assert!(blamed(told().outcome(Outcome::Capped, 900)).contains("The cap is to blame: 900"));
        let server = told().phase(Phase::Login, Duration::from_millis(80), 10);
        assert!(blamed(server).contains("The server is to blame"));
        let client = told().lag(Duration::from_millis(300)).phase(Phase::Login, Duration::from_millis(1), 10);
        assert!(blamed(client).contains("The client is to blame"));
    }

    #[test]
    fn a_generator_that_falls_behind_is_told_by_its_times() {
        let story =
            || Story::new("fast").phase(Phase::Login, Duration::from_millis(80), 10).lag(Duration::from_millis(20));
        let found = rule(&arm(story().behind(40).load(0, 12, 500, 500))).unwrap().text;
        assert!(
            found.contains("500 attempts fell due within 0.01 s, 500 of them were started within 0.04 s"),
            "{found}"
        );
        assert!(found.contains("The client is to blame"), "{found}");
        assert_eq!(rule(&arm(story().behind(1002).load(0, 1000, 500, 500))), None);
        let mut pooled = arm(story().load(0, 1000, 500, 10));
        pooled.pool_blocked = 490;
        assert_eq!(rule(&pooled), None, "the pool's answers are not missing");
    }

    #[test]
    fn a_rate_that_was_reached_is_no_finding() {
        let told = |lag| Story::new("fine").lag(Duration::from_millis(lag)).load(0, 1000, 2000, 1990);
        assert_eq!(found(told(2)), Vec::<String>::new());
        assert_eq!(found(told(300)), ["rate-not-reached"], "all started, but late");
    }
}
