//! How fast connections leak, and how long the default port ranges of Linux and Windows last at that rate.

use std::time::Duration;

use super::super::interval::{self, Interval};
use super::closes::{self, Cell, Closes, time};
use super::{finding, pile};
use crate::record::{ArmRun, Finding, Outcome, Severity, Side, TcpState};
use crate::units::Count;

/// The ephemeral ranges as they come: Linux 32768-60999; Windows and macOS 49152-65535.
const RANGES: [f64; 2] = [28_232.0, 16_384.0];

/// Fewer than this may be connections that were just being closed.
const MANY: f64 = 100.0;

/// As many steps are made of what the ledger knows.
const STEPS: usize = 20;

/// Logins that all come within this are a burst, which has no rate that could go on.
const BURST: Duration = Duration::from_millis(100);

/// By how much CLOSE_WAIT rose in each step, and how many seconds the step took; and how to tell of them.
struct Rise {
    steps: Vec<(f64, f64)>,
    told: String,
}

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let rise = match closes::of(arm) {
        Some(closes) => by_ledger(arm, &closes)?,
        None => by_tables(arm)?,
    };
    let grew: f64 = rise.steps.iter().map(|(came, _)| came).sum();
    if grew < MANY - 1.0 {
        return None;
    }
    let rate = interval::of_rate(&rise.steps).filter(|rate| rate.low > 0.0)?;
    let [linux, windows] = RANGES.map(|ports| lasts(ports, rate));
    let text = format!(
        "the {} arm leaks {:.0} connections a second (95 % confidence: {:.0} to {:.0}){}. At that rate the default \
         port range of Linux {linux}, and that of Windows {windows}, towards one server; at a tenth of the rate, ten times as \
         long.",
        arm.facts.name, rate.mean, rate.low, rate.high, rise.told,
    );
    finding("leak-rate", arm, Severity::Warning, text)
}

/// When those came to CLOSE_WAIT that the client left in it, from the first of them to the last, or until ports ran out.
fn by_ledger(arm: &ArmRun, closes: &Closes<'_>) -> Option<Rise> {
    let end = arm.exhausted_after.unwrap_or(Duration::MAX);
    let left: Vec<Cell> = closes.left_since().filter(|cell| cell.from <= end).collect();
    let (from, to) = (left.iter().map(|cell| cell.from).min()?, left.iter().map(|cell| cell.to).max()?);
    let widest = left.iter().map(|cell| cell.to - cell.from).max()?;
    let span = to - from;
    if span < BURST || arm.schedule < BURST {
        return None;
    }
    // A step is wider than what the ledger's histogram tells apart.
    let n = STEPS.min((span.as_secs_f64() / (4.0 * widest.as_secs_f64())) as usize);
    let step = span.as_secs_f64() / n.max(1) as f64;
    let mut steps = vec![(0.0, step); n];
    for cell in &left {
        spread(&mut steps, step, (cell.from - from).as_secs_f64(), (cell.to - from).as_secs_f64(), cell.count as f64);
    }
    // Between the first and the last of n there are n - 1.
    steps.first_mut()?.0 -= 1.0;
    let share = match (closes.open - closes.left, closes.left + closes.ended) {
        (0, all) => format!(", {:.0} of 100 that the server closed", closes.left as f64 * 100.0 / all as f64),
        _ => String::new(),
    };
    let taken = match closes.ended {
        0 => format!(", if none is closed later than the {} that it was watched", time(closes.oldest)),
        _ => String::new(),
    };
    let told = format!("{share}, from {} to {} after its start{taken}", time(from), time(to));
    Some(Rise { steps, told })
}

/// Adds `count`, which came evenly between two times, to the steps that they touch.
fn spread(steps: &mut [(f64, f64)], step: f64, from: f64, to: f64, count: f64) {
    for (at, (came, _)) in steps.iter_mut().enumerate() {
        let (begin, end) = (at as f64 * step, (at + 1) as f64 * step);
        let within = to.min(end) - from.max(begin);
        if within > 0.0 {
            *came += count * within / (to - from);
        }
    }
}

/// By how much CLOSE_WAIT rose from one table to the next, until ports ran out, or load ended.
fn by_tables(arm: &ArmRun) -> Option<Rise> {
    let tables: Vec<_> = pile::tables(arm).into_iter().map(|(at, n)| (at.as_secs_f64(), n as f64)).collect();
    let steps: Vec<_> = tables.windows(2).map(|pair| (pair[1].1 - pair[0].1, pair[1].0 - pair[0].0)).collect();
    let fell = steps.iter().filter(|(came, _)| *came < 0.0).count();
    // A pile that goes down again is a late closer's, and says nothing about exhaustion.
    if fell * 5 > steps.len() || pile::is_late(arm) {
        return None;
    }
    Some(Rise { steps, told: format!("{}, if none is closed later", share(arm)) })
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

    /// 2,000 that come to CLOSE_WAIT within the arm's first second, all open when it ends at 1.3 s; it has few tables.
    fn flagship() -> Story {
        let open: Vec<_> = (0..1000).map(|ms| (1300 - ms, 2)).collect();
        let story = Story::new("leaky").outcome(Outcome::LoginRejected, 2000).load(0, 1000, 2000, 2000);
        story.client(500, &[(TcpState::CloseWait, 900)]).close_waits(1300, &[], &open).exhausted(1020)
    }

    #[test]
    fn the_ledger_tells_the_rate_where_tables_are_few() {
        let text = rule(&arm(flagship())).unwrap().text;
        let (rate, rest) = text.strip_prefix("the leaky arm leaks ").unwrap().split_once(' ').unwrap();
        assert!((1980..=2020).contains(&rate.parse::<u32>().unwrap()), "{text}");
        for part in [
            "95 % confidence",
            "100 of 100 that the server closed, from 0 ms to 999 ms after its start, if none is closed later than the 1.3 s",
            "(28,232 ports) lasts 14.",
        ] {
            assert!(rest.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn only_what_is_left_open_leaks() {
        let rate = |left: &[_], open: &[_], exhausted: bool| {
            let story = Story::new("app").load(0, 6000, 1800, 1800).close_waits(6300, left, open);
            rule(&arm(if exhausted { story.exhausted(2000) } else { story })).map(|found| found.text)
        };
        let young: Vec<_> = (0..500).map(|n| (300 + n * 10, 3)).collect();
        assert_eq!(rate(&[(5500, 300)], &young, false), None, "a late closer's");
        // 100 a second of 300 are left for good; the others are closed after 2 s.
        let both: Vec<_> = (0..600).map(|n| (300 + n * 10, 1)).chain((0..200).map(|n| (300 + n * 10, 2))).collect();
        let text = rate(&[(2000, 800)], &both, false).unwrap();
        assert!(text.contains("leaks 100 connections a second") && !text.contains("of 100"), "{text}");
        // What comes after the ports ran out, as they come free, does not flatten it.
        let slower: Vec<_> = (0..400).map(|n| (6299 - n * 5, 1)).chain((0..40).map(|n| (4000 - n * 90, 1))).collect();
        assert!(rate(&[], &slower, true).unwrap().contains("leaks 200 connections a second"));
    }

    #[test]
    fn the_uncertainty_is_that_of_the_steps() {
        // In turns 100 ms with 200 - `swing` and 100 ms with 200 + `swing`, for 2 s: as many steps.
        let width = |swing: u64| {
            let open: Vec<_> =
                (0..2000).map(|ms| (2200 - ms, if ms / 100 % 2 == 0 { 20 - swing } else { 20 + swing })).collect();
            let arm = arm(Story::new("app").load(0, 2000, 4000, 4000).close_waits(2200, &[], &open));
            let steps = by_ledger(&arm, &closes::of(&arm).unwrap()).unwrap().steps;
            let rate = interval::of_rate(&steps).unwrap();
            assert!((rate.mean - 20_000.0).abs() < 30.0, "{rate:?}");
            rate.high - rate.low
        };
        assert!(width(0) < 200.0, "{}", width(0));
        // Steps of 100 ms with a deviation of 500: 2 * 2.093 * sqrt(20/19 * 20) * 500 / 2 s.
        assert!((width(5) - 4801.0).abs() < 250.0, "{}", width(5));
    }

    #[test]
    fn a_burst_has_no_rate() {
        let open: Vec<_> = (0..400).map(|ms| (1300 - ms, 5)).collect();
        let story = Story::new("leaky").outcome(Outcome::LoginRejected, 2000).load(0, 0, 2000, 2000);
        assert_eq!(rule(&arm(story.close_waits(1300, &[], &open))), None);
    }
}
