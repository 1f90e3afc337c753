//! The offered rate was not reached, and who is to blame: the cap, the client, or the server.
//!
//! An open loop waits for no answer: it skips an attempt only where a cap is met, and starts one late only where its own
//! process does not get to it. So a slow server keeps attempts from starting through a cap alone, and whether the server or
//! the cap is to blame is told by what fills the cap.

use std::time::Duration;

use super::evidence::mean;
use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Phase, Severity};
use crate::units::Count;

/// One attempt in twenty missing changes what the numbers mean.
const MISSING: f64 = 0.05;

/// An end of the schedule that is this late is no accident of the scheduler's.
const OVERRUN: Duration = Duration::from_millis(10);

/// Attempts that start this late are not the schedule's any more; the product's own aim is 2 ms. Nor is a server quick that
/// takes as long.
const LATE: Duration = Duration::from_millis(100);

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    // What the pool answers is no attempt that was kept from its start, nor is what a stop gave up.
    let missing = arm.offered.saturating_sub(arm.started + arm.pool_blocked);
    let capped = missing.min(arm.outcomes.of(Outcome::Capped));
    let lag = arm.schedule_lag.at(0.99).unwrap_or_default();
    let overrun = arm.last_start.saturating_sub(arm.schedule);
    let short = arm.offered > 0 && capped as f64 / arm.offered as f64 > MISSING;
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
        if short { blame_for_the_cap(arm, capped) } else { late_starts() },
    );
    finding("rate-not-reached", arm, Severity::Warning, text)
}

/// Every attempt was started, and late.
fn late_starts() -> String {
    "The client is to blame: an open loop waits for no answer, and starts late only where its own process does not get to \
     it in time. Fix: offer less, or give the load more cores; the latencies of this arm are those of an overloaded client."
        .to_owned()
}

/// So many attempts met a cap: by what had filled it.
fn blame_for_the_cap(arm: &ArmRun, capped: u64) -> String {
    if arm.capped_by_held > arm.outcomes.of(Outcome::Capped) / 2 {
        return format!(
            "The cap is to blame: {} attempts were not started because the sockets that the `{}` strategy holds ({} at the \
             most) had filled it. Fix: raise `max_held` (outside a sandbox 1,000 are held at the most unless `--max-held` \
             says more), hold less, or offer less.",
            Count(capped),
            arm.facts.close,
            Count(arm.held_peak),
        );
    }
    let (lag, under_way) = (mean(Some(&arm.schedule_lag)), under_way(arm));
    let (lag_ms, way_ms) = (lag.as_secs_f64() * 1e3, under_way.as_secs_f64() * 1e3);
    let capped = Count(capped);
    if lag.max(under_way) < LATE {
        format!(
            "The cap is to blame: {capped} attempts met the limit of attempts under way, although one takes only {way_ms:.1} \
             ms on average and starts {lag_ms:.1} ms late. Fix: raise the cap (`in_flight`, and `max_held` or `--max-held` \
             where that is lower), or offer less at once."
        )
    } else if under_way >= lag {
        format!(
            "The server is to blame: an attempt is under way for {way_ms:.1} ms on average, waiting for the server (its start \
             was {lag_ms:.1} ms late){}; {capped} attempts met the limit of attempts under way. Fix: offer less, or give the \
             server more; a higher cap (`in_flight`, and `max_held` or `--max-held` where that is lower) reaches the rate, \
             and makes no answer come sooner.",
            needed(arm, under_way),
        )
    } else {
        format!(
            "The client is to blame: an attempt starts {lag_ms:.1} ms late on average, and is then under way for {way_ms:.1} \
             ms; so {capped} attempts met the limit of attempts under way. Fix: offer less, or give the load more cores; \
             the latencies of this arm are those of an overloaded client."
        )
    }
}

/// How long an attempt is under way on average: from its start until its connection is closed or held.
fn under_way(arm: &ArmRun) -> Duration {
    let total = mean(arm.latencies.of(Phase::Total)).saturating_sub(mean(Some(&arm.schedule_lag)));
    // The one strategy that waits for the server once more, and not for a time of its own.
    let drain = if arm.facts.close == "drain" { mean(arm.latencies.of(Phase::Close)) } else { Duration::ZERO };
    total + drain
}

/// How many attempts at once the offered rate takes, by Little's law; nothing where that is fewer than there were, as in
/// bursts.
fn needed(arm: &ArmRun, under_way: Duration) -> String {
    let seen: u64 = arm.intervals.values().filter_map(|of| of.values().iter().map(|point| point.in_flight).max()).sum();
    let rate = arm.offered as f64 / arm.schedule.as_secs_f64();
    let needed = rate * under_way.as_secs_f64();
    if needed.is_finite() && needed > seen as f64 {
        format!(", and {rate:.0} a second take {} at once", Count(needed.round() as u64))
    } else {
        String::new()
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

    /// Half of 2,000 attempts, and what those that started took.
    fn capped(by_held: u64, total: u64, lag: u64) -> String {
        let story = Story::new("slow").outcome(Outcome::LoginRejected, 1000).capped(1000, by_held).held(by_held);
        blamed(story.phase(Phase::Total, Duration::from_millis(total), 10).lag(Duration::from_millis(lag)))
    }

    /// Whatever had filled it, the cap was to blame.
    #[test]
    fn a_cap_is_blamed_on_what_fills_it() {
        let server = capped(0, 4000, 5);
        for part in ["The server is to blame", "for 399", "2000 a second take 7,9", "1,000 attempts met the limit"] {
            assert!(server.contains(part), "{part}: {server}");
        }
        let client = capped(0, 600, 400);
        assert!(
            client.contains("The client is to blame: an attempt starts") && client.contains("late on average"),
            "{client}"
        );
        let tight = capped(0, 6, 1);
        assert!(tight.contains("The cap is to blame") && tight.contains("takes only 5.0 ms"), "{tight}");
        let held = capped(900, 4000, 5);
        assert!(held.contains("the `slow` strategy holds (900 at the most) had filled it"), "{held}");
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
