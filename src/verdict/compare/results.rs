//! A new result against an older one: what regressed beyond a tolerance, and what broke.

use super::super::interval::{self, Interval};
use super::super::summarise;
use super::metric::{METRICS, Metric};
use super::outcomes::{Ends, Families, Loss};
use super::settings;
use crate::record::{ArmSummary, Change, Comparison, ComparisonRow, Outcome, Run, Scale, Severity, Summary};

/// Holds `new` against `base`; a figure may be worse by `tolerance` (0.1 is a tenth). The names are those that the document
/// calls the two by.
#[must_use]
pub fn compare((base_name, base): (&str, &Run), (new_name, new): (&str, &Run), tolerance: f64) -> Comparison {
    let (base_run, new_run) = (base, new);
    let (base, new) = (&summarise(base), &summarise(new));
    let names = names(base, new);
    let told: Vec<Vec<Figure<'_>>> = names.iter().map(|name| figures(name, base, new)).collect();
    let repeated = told.iter().map(|arm| arm.iter().filter(|it| it.repeated()).map(|it| it.metric).collect());
    let families = Families::of(repeated);
    let rows: Vec<ComparisonRow> = told.iter().flat_map(|arm| rows(arm, families, tolerance)).collect();
    let mut broken = broken(base, new);
    broken.splice(0..0, lost(&names, base, new));
    let regressed = |row: &ComparisonRow| matches!(row.change, Change::Regressed);
    Comparison {
        schema: Comparison::SCHEMA.to_owned(),
        base: base_name.to_owned(),
        new: new_name.to_owned(),
        tolerance_pct: tolerance * 100.0,
        passed: broken.is_empty() && !rows.iter().any(regressed),
        notices: notices(&names, (base, base_run), (new, new_run), told.iter().flatten().any(|it| !it.repeated())),
        rows,
        broken,
    }
}

/// The rows of an arm. Where more of its attempts failed, its times and ports are of others: none of them got better.
fn rows(figures: &[Figure<'_>], families: Families, tolerance: f64) -> Vec<ComparisonRow> {
    let mut rows: Vec<ComparisonRow> =
        figures.iter().map(|figure| figure.row(families.size(figure.metric), tolerance)).collect();
    let of_attempts = |figure: &Figure<'_>| figure.metric.outcome.is_some();
    let mut ends = figures.iter().zip(&rows).filter(|(figure, _)| of_attempts(figure));
    if ends.any(|(_, row)| row.change == Change::Regressed) {
        let logged_in = Some(Outcome::LoggedIn);
        let others = figures.iter().zip(&mut rows).filter(|(figure, _)| figure.metric.outcome != logged_in);
        for (_, row) in others.filter(|(_, row)| row.change == Change::Improved) {
            (row.change, row.not_alike) = (Change::Unchanged, true);
        }
    }
    rows
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
    /// How the arm's attempts ended; none where one of the two made none.
    ends: Option<Ends>,
    /// The finest that differences tell.
    resolution: f64,
}

/// Every figure of one arm that either of the two has; of the ends of attempts those that any came to.
fn figures<'a>(arm: &'a str, base: &Summary, new: &Summary) -> Vec<Figure<'a>> {
    let (base, new) = (played(base, arm), played(new, arm));
    let ends = Ends::of(&base, &new);
    // A repetition without an attempt has no shares, and says nothing of what they vary by.
    let attempts = base.iter().chain(&new).map(|arm| arm.attempts).filter(|n| *n > 0).min().unwrap_or(0);
    let figure = |metric: &'static Metric| {
        let values =
            |arms: &[&ArmSummary]| arms.iter().filter_map(|it| metric.scaled((metric.of)(it)?)).collect::<Vec<_>>();
        let (base, new) = (values(&base), values(&new));
        let resolution = match (metric.outcome, ends) {
            (Some(_), _) if base.iter().chain(&new).all(|share| *share == 0.0) => return None,
            (Some(outcome), Some(ends)) => ends.resolution(outcome, attempts),
            _ => metric.resolution(),
        };
        let told = !base.is_empty() || !new.is_empty();
        told.then_some(Figure { arm, metric, base, new, ends, resolution })
    };
    METRICS.iter().filter_map(figure).collect()
}

/// The arms of that name that were played to their end.
fn played<'a>(summary: &'a Summary, arm: &str) -> Vec<&'a ArmSummary> {
    summary.arms.iter().filter(|it| it.name == arm && it.complete).collect()
}

impl Figure<'_> {
    fn repeated(&self) -> bool {
        self.base.len() >= interval::LEAST && self.new.len() >= interval::LEAST
    }

    fn row(&self, family: usize, tolerance: f64) -> ComparisonRow {
        let mean = |values: &[f64]| interval::mean(values).map(|mean| self.metric.unscaled(mean));
        let (base, new) = (mean(&self.base), mean(&self.new));
        let interval = interval::of_difference(&self.base, &self.new, self.resolution, family);
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
            not_alike: false,
        }
    }

    fn floor(&self) -> f64 {
        match (self.metric.outcome, self.ends) {
            (Some(outcome), Some(ends)) => ends.floor(outcome),
            _ => self.metric.floor,
        }
    }

    /// What it came to, and whether the floor alone keeps it from being a change.
    fn change(&self, base: f64, new: f64, interval: Option<Interval>, tolerance: f64) -> (Change, bool) {
        let worse = if self.metric.higher_is_worse { new - base } else { base - new };
        let floor = self.floor();
        let (losses, better) = match (self.metric.outcome, self.ends) {
            (Some(outcome), Some(ends)) => (ends.losses(outcome), ends.better_by(outcome)),
            _ => (vec![Loss { by: worse, of: base, floor }], -worse),
        };
        let chance = interval.is_some_and(|it| !it.excludes_zero());
        let beyond: Vec<_> = losses.into_iter().filter(|loss| loss.by > loss.of * tolerance).collect();
        match (!beyond.is_empty(), better > base * tolerance) {
            _ if chance => (Change::Unchanged, false),
            (true, _) if beyond.iter().any(|loss| loss.by > loss.floor) => (Change::Regressed, false),
            (false, true) if better > floor => (Change::Improved, false),
            (false, false) => (Change::Unchanged, false),
            _ => (Change::Unchanged, true),
        }
    }
}

/// What cannot be compared although the base has it: a gate that asks of a lost arm whether it is worse would always pass.
fn lost(names: &[&str], base: &Summary, new: &Summary) -> Vec<String> {
    let has = |summary: &Summary, name: &str| summary.arms.iter().any(|it| it.name == name);
    let others: Vec<&str> = names.iter().copied().filter(|name| !has(base, name)).collect();
    let others = if others.is_empty() { String::new() } else { format!(" (it has {} instead)", others.join(", ")) };
    let attempts = |arms: &[&ArmSummary]| arms.iter().map(|arm| arm.attempts).sum::<u64>();
    let why = |name: &str| {
        let (before, now) = (played(base, name), played(new, name));
        if !has(new, name) {
            Some(format!("only the base has an arm {name}: the new result is without it{others}"))
        } else if now.is_empty() {
            Some(format!("{name} was cut short in the new result: nothing of it is compared"))
        } else if attempts(&now) == 0 && attempts(&before) > 0 {
            Some(format!("{name} made no attempt in the new result, and {} in the base", attempts(&before)))
        } else {
            None
        }
    };
    // What the base did not play to its end says nothing; where that is all, neither does the comparison.
    let whole: Vec<_> = names.iter().filter(|name| !played(base, name).is_empty()).collect();
    if whole.is_empty() {
        return vec!["nothing is compared: no arm of the base was played to its end".to_owned()];
    }
    whole.into_iter().filter_map(|name| why(name)).collect()
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
    played_once: bool,
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
            (true, false) => {}
            (false, true) => notices.push(format!("only the new result has an arm {name}")),
            _ if !differ.is_empty() => notices.push(format!("the {name} arms differ: {}", settings::told(&differ))),
            _ => {}
        }
    }
    if played_once {
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
mod tests;
