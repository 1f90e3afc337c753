use std::time::Duration;

use super::*;
use crate::record::{Named as _, Phase, Side, TcpState};
use crate::verdict::fixture::{Story, run_of};

fn story(login_us: u64, left: u64) -> Story {
    Story::new("app")
        .outcome(Outcome::LoginRejected, 200)
        .phase(Phase::Login, Duration::from_micros(login_us), 200)
        .load(0, 1000, 200, 200)
        .last(1200, Side::Client, &[(TcpState::CloseWait, left)])
}

fn once(login_us: u64, left: u64) -> Run {
    run_of(&[story(login_us, left)], &["app: sockets.client.close_wait.final == 0"])
}

fn repeated(logins: &[u64]) -> Run {
    let mut run = run_of(&[story(logins[0], 0)], &[]);
    logins[1..].iter().for_each(|login| run.merge(run_of(&[story(*login, 0)], &[])));
    run
}

fn change(comparison: &Comparison, metric: &str) -> Change {
    comparison.rows.iter().find(|row| row.metric == metric).unwrap().change
}

#[test]
fn a_figure_may_be_worse_by_the_tolerance() {
    let base = once(1000, 0);
    for (login, tolerance, expected) in [
        (1090, 0.1, Change::Unchanged),
        (1200, 0.1, Change::Regressed),
        (1200, 0.25, Change::Unchanged),
        (500, 0.1, Change::Improved),
    ] {
        let new = once(login, 0);
        let found = compare(("base", &base), ("new", &new), tolerance);
        assert_eq!(change(&found, "latency_ms.login.p50"), expected, "{login} us, {tolerance}");
        assert_eq!(found.passed, expected != Change::Regressed);
        assert!(found.notices.iter().any(|it| it.contains("--repeat 5")), "one run each proves little");
    }
}

#[test]
fn some_microseconds_are_nobodys() {
    let (base, new) = (once(10, 0), once(50, 0));
    let found = compare(("base", &base), ("new", &new), 0.1);
    assert!(found.passed, "five times as much, and still nothing");
    let below = |metric: &str| found.rows.iter().find(|row| row.metric == metric).unwrap().below_floor;
    assert!(below("latency_ms.login.p50") && !below("load.achieved_per_s"), "it is said why: {found:?}");
    assert!(!compare(("base", &base), ("new", &new), 5.0).rows.iter().any(|row| row.below_floor));
}

#[test]
fn what_repetitions_vary_by_is_no_regression() {
    let base = repeated(&[1000, 1400, 900, 1300, 1100]);
    let noisy = compare(("base", &base), ("new", &repeated(&[1200, 1500, 1000, 1500, 1300])), 0.1);
    assert_eq!(change(&noisy, "latency_ms.login.p50"), Change::Unchanged, "{noisy:?}");
    let slow = compare(("base", &base), ("new", &repeated(&[3000, 3400, 2900, 3300, 3100])), 0.1);
    let row = slow.rows.iter().find(|row| row.metric == "latency_ms.login.p50").unwrap();
    assert!(row.low_pct.unwrap() > 50.0 && row.change == Change::Regressed, "{row:?}");
    assert!(slow.notices.is_empty() && !slow.passed);
}

#[test]
fn a_leak_that_was_not_there_breaks_the_comparison() {
    let found = compare(("base", &once(1000, 0)), ("new", &once(1000, 50)), 10.0);
    assert_eq!(change(&found, "sockets.client.close_wait.final"), Change::Regressed);
    assert!(found.broken.iter().any(|it| it.starts_with("app: sockets.client.close_wait.final == 0 held")));
    assert!(found.broken.iter().any(|it| it == "app: never-closed was not found before"), "{:?}", found.broken);
    let known = compare(("base", &once(1000, 50)), ("new", &once(1000, 50)), 0.1);
    assert!(known.passed, "{known:?}");
}

fn ends(outcomes: &[(Outcome, u64)], total_ms: u64) -> Run {
    let story = outcomes.iter().fold(Story::new("app"), |story, (outcome, n)| story.outcome(*outcome, *n));
    run_of(&[story.phase(Phase::Total, Duration::from_millis(total_ms), 300).load(0, 1000, 300, 300)], &[])
}

/// What a reviewer was told had passed.
#[test]
fn logins_that_fail_are_a_regression_whatever_the_arm_is_for() {
    use Outcome::{ClosedEarly, LoggedIn, LoginRejected, PortsExhausted, Refused, TimedOut};
    type Counted<'a> = &'a [(Outcome, u64)];
    let cases: [(Counted, Counted, Counted); 11] = [
        (&[(LoggedIn, 300)], &[(Refused, 300)], &[(LoggedIn, 0), (Refused, 300)]),
        (&[(LoggedIn, 300)], &[(ClosedEarly, 300)], &[(LoggedIn, 0), (ClosedEarly, 300)]),
        (&[(LoggedIn, 300)], &[(LoggedIn, 144), (LoginRejected, 156)], &[(LoggedIn, 0), (LoginRejected, 156)]),
        // Within the tolerance, and within what chance makes of 300.
        (&[(LoggedIn, 300)], &[(LoggedIn, 276), (TimedOut, 24)], &[]),
        (&[(LoggedIn, 144), (LoginRejected, 156)], &[(LoggedIn, 120), (LoginRejected, 180)], &[]),
        (&[(Refused, 300)], &[(Refused, 300)], &[]),
        (&[(LoginRejected, 300)], &[(LoginRejected, 300)], &[]),
        (&[(LoginRejected, 300)], &[(TimedOut, 300)], &[(LoginRejected, 0), (TimedOut, 300)]),
        // Each of the two within the tolerance.
        (
            &[(LoginRejected, 2000)],
            &[(LoginRejected, 1680), (TimedOut, 160), (ClosedEarly, 160)],
            &[(LoginRejected, 1680)],
        ),
        (&[(LoginRejected, 120), (PortsExhausted, 180)], &[(LoginRejected, 300)], &[]),
        (&[(Refused, 300)], &[(LoggedIn, 300)], &[]),
    ];
    for (base, new, worse) in cases {
        let found = compare(("base", &ends(base, 1)), ("new", &ends(new, 1)), 0.1);
        let shares = found.rows.iter().filter(|row| row.metric.starts_with("outcomes_pct."));
        let regressed: Vec<_> = shares.filter(|row| row.change == Change::Regressed).map(|it| &it.metric).collect();
        let expected: Vec<_> = worse.iter().map(|(outcome, _)| format!("outcomes_pct.{}", outcome.name())).collect();
        assert_eq!(regressed, expected.iter().collect::<Vec<_>>(), "{base:?} {new:?}");
        assert_eq!(found.passed, worse.is_empty(), "{base:?} {new:?}: {found:?}");
    }
}

#[test]
fn a_repetition_without_an_attempt_hides_no_failures() {
    let played = |outcomes: &[(Outcome, u64)], empty: bool| {
        let mut run = ends(outcomes, 1);
        (0..3).for_each(|_| run.merge(ends(outcomes, 1)));
        if empty {
            run.merge(run_of(&[Story::new("app")], &[]));
        }
        run
    };
    let mixed = |logged_in, refused| [(Outcome::LoggedIn, logged_in), (Outcome::Refused, refused)];
    let (base, new) = (played(&mixed(200, 100), true), played(&mixed(100, 200), false));
    let found = compare(("base", &base), ("new", &new), 0.1);
    assert_eq!(change(&found, "outcomes_pct.refused"), Change::Regressed, "{found:?}");
}

#[test]
fn times_of_other_logins_are_no_gain() {
    let slow = ends(&[(Outcome::LoggedIn, 200), (Outcome::Reset, 100)], 2);
    let found = compare(("base", &slow), ("new", &ends(&[(Outcome::Refused, 300)], 1)), 0.1);
    let total = found.rows.iter().find(|row| row.metric == "latency_ms.total.p99").unwrap();
    assert_eq!((total.change, total.not_alike), (Change::Unchanged, true), "{found:?}");
    assert!(found.rows.iter().all(|row| row.change != Change::Improved));
    let found = compare(("base", &slow), ("new", &ends(&[(Outcome::LoggedIn, 300)], 1)), 0.1);
    assert_eq!(change(&found, "latency_ms.total.p99"), Change::Improved, "{found:?}");
}

#[test]
fn an_arm_that_is_lost_is_a_regression() {
    let one = || once(1000, 0);
    let mut cut = one();
    cut.arms[0].end.as_mut().unwrap().complete = false;
    let idle = run_of(&[Story::new("app")], &[]);
    for (base, new, said) in [
        (one(), cut.clone(), "app was cut short in the new result: nothing of it is compared"),
        (one(), idle, "app made no attempt in the new result, and 200 in the base"),
        (cut, one(), "nothing is compared: no arm of the base was played to its end"),
    ] {
        let found = compare(("base", &base), ("new", &new), 0.1);
        assert!(found.broken.iter().any(|it| it == said) && !found.passed, "{said}: {found:?}");
    }
}

#[test]
fn other_arms_and_other_settings_are_told() {
    let mut new = once(1000, 0);
    new.arms[0].facts.close = "orderly".into();
    new.arms[0].facts.arrivals = "constant 400/s".into();
    new.arms[0].facts.planned_attempts = Some(400);
    let told = compare(("base", &once(1000, 0)), ("new", &new), 0.1).notices.join("\n");
    let differ = "the app arms differ: arrivals constant 2000/s and constant 400/s; attempts 5000 and 400; close app and orderly";
    assert!(told.contains(differ), "{told}");
    new.arms[0].facts.name = "other".into();
    let found = compare(("base", &once(1000, 0)), ("new", &new), 0.1);
    assert!(found.rows.iter().all(|row| row.change == Change::Missing), "{found:?}");
    let lost = "only the base has an arm app: the new result is without it (it has other instead)";
    assert_eq!(found.broken[0], lost);
    assert!(!found.passed);
    let mut new = once(1000, 50);
    new.arms[0].facts.name = "other".into();
    new.header.as_mut().unwrap().expectations.clear();
    assert!(summarise(&new).findings.iter().any(|it| it.id == "never-closed"));
    let mut both = once(1000, 0);
    both.merge(new);
    let found = compare(("base", &once(1000, 0)), ("new", &both), 0.1);
    assert!(found.passed, "another arm's leak broke nothing here: {found:?}");
}
