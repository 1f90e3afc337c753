//! How fast connections leak, and how long the default port ranges of Linux and Windows last at that rate.

use std::time::Duration;

use super::super::interval::{self, Interval};
use super::finding;
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

/// The ephemeral ranges as they come: Linux 32768-60999; Windows and macOS 49152-65535.
const RANGES: [f64; 2] = [28_232.0, 16_384.0];

/// Fewer than this may be connections that were just being closed.
const MANY: f64 = 100.0;

/// Steps without which a rate has no uncertainty that could be told.
const LEAST_STEPS: usize = 5;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let steps = steps(arm);
    let grew: f64 = steps.iter().map(|(came, _)| came).sum();
    let fell = steps.iter().filter(|(came, _)| *came < 0.0).count();
    // A pile that goes down again is a late closer's, and says nothing about exhaustion.
    if steps.len() < LEAST_STEPS || grew < MANY || fell * 5 > steps.len() {
        return None;
    }
    let rate = interval::of_rate(&steps).filter(|rate| rate.low > 0.0)?;
    let [linux, windows] = RANGES.map(|ports| lasts(ports, rate));
    let text = format!(
        "the {} arm leaks {:.0} connections a second (95 % confidence: {:.0} to {:.0}){}. At that rate the default \
         port range of Linux {linux}, and that of Windows {windows}, towards one server; at a tenth of the rate, ten times as \
         long.",
        arm.facts.name,
        rate.mean,
        rate.low,
        rate.high,
        share(arm),
    );
    finding("leak-rate", arm, Severity::Warning, text)
}

/// By how much CLOSE_WAIT rose from one table to the next, and how long that took: from the first of them until ports or
/// descriptors ran out, or the load ended.
fn steps(arm: &ArmRun) -> Vec<(f64, f64)> {
    let end = [arm.exhausted_after, Some(arm.last_start).filter(|last| !last.is_zero())].into_iter().flatten().min();
    let end = end.unwrap_or(Duration::MAX);
    let tables = arm.samples.values().iter().filter(|sample| sample.at <= end).filter_map(|sample| {
        let table = sample.side(Side::Client)?.table.as_ref()?;
        Some((sample.at.as_secs_f64(), table.states.of(TcpState::CloseWait) as f64))
    });
    let tables: Vec<_> = tables.collect();
    tables.windows(2).map(|pair| (pair[1].1 - pair[0].1, pair[1].0 - pair[0].0)).collect()
}

/// `(28,232 ports) lasts 28.7 s (28.5 s to 28.8 s)`.
fn lasts(ports: f64, rate: Interval) -> String {
    let span = |seconds: f64| match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    };
    format!(
        "({} ports) lasts {} ({} to {})",
        Count(ports as u64),
        span(ports / rate.mean),
        span(ports / rate.high),
        span(ports / rate.low)
    )
}

/// Of those logins that were refused, how many leave a connection behind.
fn share(arm: &ArmRun) -> String {
    let refused = arm.outcomes.of(Outcome::LoginRejected);
    let left = arm.peak.get(&Side::Client).map_or(0, |states| states.of(TcpState::CloseWait)).min(refused);
    if refused == 0 {
        return String::new();
    }
    format!(", {:.0} of 100 refused logins", left as f64 * 100.0 / refused as f64)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::verdict::fixture::Story;

    /// A table each 100 ms; `rose` says by how much CLOSE_WAIT is higher in each than in the one before.
    fn story(rose: &[u64]) -> Story {
        let mut story = Story::new("leaky").outcome(Outcome::LoginRejected, rose.iter().sum());
        let mut left = 0;
        for (at, rose) in (0..).zip(rose) {
            left += rose;
            story = story.client(at * 100, &[(TcpState::CloseWait, left)]);
        }
        story
    }

    #[test]
    fn extrapolates_to_the_default_ranges() {
        let found = rule(&arm(story(&[0, 98, 102, 100, 101, 99, 100]))).unwrap();
        // 100 each 100 ms; the deviations' squares are 10, so half is 2.571 * sqrt(6/5 * 10) / 0.6 = 14.8.
        for part in [
            "leaks 1000 connections a second (95 % confidence: 985 to 1015), 100 of 100 refused logins",
            "Linux (28,232 ports) lasts 28.2 s (27.8 s to 28.7 s)",
            "Windows (16,384 ports) lasts 16.4 s (16.1 s to 16.6 s)",
        ] {
            assert!(found.text.contains(part), "{part}: {}", found.text);
        }
    }

    #[test]
    fn what_comes_after_exhaustion_does_not_flatten_it() {
        let flat = story(&[0, 100, 100, 100, 100, 100, 100, 0, 0, 0, 0, 0]).exhausted(620);
        assert!(rule(&arm(flat)).unwrap().text.contains("leaks 1000 connections"), "a full range leaks no more");
    }

    #[test]
    fn no_rate_without_growth_or_without_tables() {
        for rose in [&[0, 1, 0, 1, 0, 1, 0][..], &[0, 300, 300], &[0, 0, 0, 5000, 0, 0, 0, 0]] {
            assert!(!found(story(rose)).contains(&"leak-rate".to_owned()), "{rose:?}");
        }
        let hill = Story::new("late").outcome(Outcome::LoginRejected, 900);
        let hill = [0, 300, 600, 300, 600, 100, 400, 0]
            .into_iter()
            .zip(0..)
            .fold(hill, |story, (left, at)| story.client(at * 100, &[(TcpState::CloseWait, left)]));
        assert!(!found(hill).contains(&"leak-rate".to_owned()));
    }
}
