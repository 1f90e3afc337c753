//! A new result against an older one: what regressed beyond a tolerance, and what broke.

use super::super::interval::{self, Interval};
use super::super::summarise;
use super::metric::{METRICS, Metric};
use super::settings;
use crate::record::{Change, Comparison, ComparisonRow, Run, Scale, Severity, Summary};

/// Holds `new` against `base`; a figure may be worse by `tolerance` (0.1 is a tenth). The names are those that the document
/// calls the two by.
#[must_use]
pub fn compare((base_name, base): (&str, &Run), (new_name, new): (&str, &Run), tolerance: f64) -> Comparison {
    let (base_run, new_run) = (base, new);
    let (base, new) = (&summarise(base), &summarise(new));
    let names = names(base, new);
    let figures = names.iter().flat_map(|name| METRICS.iter().map(move |metric| (*name, metric)));
    let told: Vec<Figure<'_>> = figures.filter_map(|(name, metric)| Figure::of(name, metric, base, new)).collect();
    let family = told.iter().filter(|figure| figure.repeated()).count();
    let rows: Vec<ComparisonRow> = told.iter().map(|figure| figure.row(family, tolerance)).collect();
    let broken = broken(base, new);
    let regressed = |row: &ComparisonRow| matches!(row.change, Change::Regressed);
    Comparison {
        schema: Comparison::SCHEMA.to_owned(),
        base: base_name.to_owned(),
        new: new_name.to_owned(),
        tolerance_pct: tolerance * 100.0,
        passed: broken.is_empty() && !rows.iter().any(regressed),
        notices: notices(&names, (base, base_run), (new, new_run), &told),
        rows,
        broken,
    }
}

/// The arms of both, in the order of the base.
fn names<'a>(base: &'a Summary, new: &'a Summary) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for arm in base.arms.iter().chain(&new.arms) {
        if !names.contains(&arm.name.as_str()) {
            names.push(&arm.name);
        }
    }
    names
}

/// One figure of one arm, in every repetition of both results.
struct Figure<'a> {
    arm: &'a str,
    metric: &'a Metric,
    base: Vec<f64>,
    new: Vec<f64>,
}

impl<'a> Figure<'a> {
    /// None where neither has it.
    fn of(arm: &'a str, metric: &'a Metric, base: &Summary, new: &Summary) -> Option<Self> {
        let values = |summary: &Summary| {
            let arms = summary.arms.iter().filter(|it| it.name == arm && it.complete);
            arms.filter_map(|it| metric.scaled((metric.of)(it)?)).collect::<Vec<_>>()
        };
        let (base, new) = (values(base), values(new));
        (!base.is_empty() || !new.is_empty()).then_some(Self { arm, metric, base, new })
    }

    fn repeated(&self) -> bool {
        self.base.len() >= interval::LEAST && self.new.len() >= interval::LEAST
    }

    fn row(&self, family: usize, tolerance: f64) -> ComparisonRow {
        let mean = |values: &[f64]| interval::mean(values).map(|mean| self.metric.unscaled(mean));
        let (base, new) = (mean(&self.base), mean(&self.new));
        let interval = interval::of_difference(&self.base, &self.new, self.metric.resolution(), family);
        let pct = |difference: f64| match (self.metric.scale, base) {
            (Scale::Ratio, _) => Some((difference.exp() - 1.0) * 100.0),
            (Scale::Difference, Some(base)) if base > 0.0 => Some(difference / base * 100.0),
            (Scale::Difference, _) => None,
        };
        let change_pct = base.zip(new).and_then(|(base, new)| (base > 0.0).then(|| (new / base - 1.0) * 100.0));
        let change = base.zip(new).map(|(base, new)| self.change(base, new, interval, tolerance));
        ComparisonRow {
            arm: self.arm.to_owned(),
            metric: self.metric.path.to_owned(),
            base,
            new,
            change_pct,
            low_pct: interval.and_then(|it| pct(it.low)),
            high_pct: interval.and_then(|it| pct(it.high)),
            change: change.map_or(Change::Missing, |(change, _)| change),
            below_floor: change.is_some_and(|(_, below_floor)| below_floor),
        }
    }

    /// What it came to, and whether the floor alone keeps it from being a change.
    fn change(&self, base: f64, new: f64, interval: Option<Interval>, tolerance: f64) -> (Change, bool) {
        let by = (new - base).abs();
        if by <= base * tolerance || interval.is_some_and(|it| !it.excludes_zero()) {
            return (Change::Unchanged, false);
        }
        if by <= self.metric.floor {
            return (Change::Unchanged, true);
        }
        (if (new > base) == self.metric.higher_is_worse { Change::Regressed } else { Change::Improved }, false)
    }
}

/// What held and does not any more.
fn broken(base: &Summary, new: &Summary) -> Vec<String> {
    let held = |arm: &str, expect: &str| {
        base.expectations.iter().any(|row| row.arm == arm && row.expect == expect && row.passed)
    };
    let failed = new.expectations.iter().filter(|row| !row.passed && held(&row.arm, &row.expect));
    let failed = failed.map(|row| format!("{}: {} held, and does not any more", row.arm, row.expect));
    let known = |id: &str, arm: &Option<String>| base.findings.iter().any(|it| it.id == id && it.arm == *arm);
    // Of an arm that the base does not have, nothing held.
    let played = |arm: &Option<String>| arm.as_ref().is_none_or(|name| base.arms.iter().any(|it| it.name == *name));
    let found = new.findings.iter().filter(|it| it.severity == Severity::Failure && played(&it.arm));
    let found = found.filter(|it| !known(&it.id, &it.arm));
    let found = found.map(|it| format!("{}: {} was not found before", it.arm.as_deref().unwrap_or("the run"), it.id));
    failed.chain(found).collect()
}

fn notices(
    names: &[&str],
    (base, base_run): (&Summary, &Run),
    (new, new_run): (&Summary, &Run),
    told: &[Figure<'_>],
) -> Vec<String> {
    let mut notices = Vec::new();
    if base.host != new.host {
        let host = |summary: &Summary| format!("Linux {}, {} cores", summary.host.kernel, summary.host.cores);
        notices.push(format!("the machines differ: {} and {}", host(base), host(new)));
    }
    for name in names {
        let has = |summary: &Summary| summary.arms.iter().any(|it| it.name == *name);
        let differ = settings::differences(base_run, new_run, name);
        match (has(base), has(new)) {
            (true, false) => notices.push(format!("only the base has an arm {name}")),
            (false, true) => notices.push(format!("only the new result has an arm {name}")),
            _ if !differ.is_empty() => notices.push(format!("the {name} arms differ: {}", settings::told(&differ))),
            _ => {}
        }
    }
    if told.iter().any(|figure| !figure.repeated()) {
        notices.push(
            "what was played fewer than three times on either side is compared as it stands: what one run differs from the \
             next by chance is not known (`closewait run --repeat 5`, or several directories with --merge)"
                .to_owned(),
        );
    }
    for (which, summary) in [("base", base), ("new result", new)] {
        if !summary.complete {
            notices.push(format!("the {which} was cut short: only arms that were played to their end are compared"));
        }
    }
    notices
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::{Outcome, Phase, Side, TcpState};
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
        assert!(found.notices.join("\n").contains("only the base has an arm app"));
        let mut new = once(1000, 50);
        new.arms[0].facts.name = "other".into();
        new.header.as_mut().unwrap().expectations.clear();
        assert!(summarise(&new).findings.iter().any(|it| it.id == "never-closed"));
        assert!(compare(("base", &once(1000, 0)), ("new", &new), 0.1).passed, "another arm's leak broke nothing here");
    }
}
