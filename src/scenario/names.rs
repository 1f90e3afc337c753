//! The names of a scenario, of its arms, and those that its expectations use.
//!
//! They are judged apart from the settings, so that a wrong setting hides no wrong name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::explain::{Explained, with_hint};
use super::problem::{Problem, Source};
use super::spec::{ArmSpec, Spec};
use super::{Errors, Placed};
use crate::verdict::{Expectation, ExpectationError};

/// The most arms of one scenario.
pub(super) const MOST_ARMS: usize = 100;

/// The most expectations of one scenario.
const MOST_EXPECTATIONS: usize = 1000;

/// The longest name of a scenario or an arm.
const LONGEST: usize = 64;

/// Everything that is wrong with the names.
pub(super) fn check(spec: &Spec, problems: &mut Vec<Problem>) {
    problems.extend(spec.name.as_ref().and_then(wrong));
    arms(spec, problems);
    expectations(spec, problems);
}

/// The scenario's name: its own, or what its origin makes one of.
pub(super) fn of(spec: &Spec) -> String {
    if let Some(name) = &spec.name {
        return name.value.clone();
    }
    let stem = Path::new(&spec.source.name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let letters = stem.chars().map(|c| if may_hold(c) { c } else { '-' });
    let name: String = letters.skip_while(|c| !c.is_ascii_alphanumeric()).take(LONGEST).collect();
    if name.is_empty() { "scenario".to_owned() } else { name }
}

/// An expectation in its own spelling, so that blanks make no difference between two scenarios.
pub(super) fn expectation(text: &str, arms: &[&str]) -> Result<Expectation, ExpectationError> {
    let written: Expectation = text.parse()?;
    written.check(arms)?;
    written.to_string().parse()
}

fn arms(spec: &Spec, problems: &mut Vec<Problem>) {
    let text = &spec.source.text;
    if spec.arms.is_empty() {
        let end = (!text.is_empty()).then_some(text.len()..text.len());
        problems.push(Problem::new(end, "no arm").hint("a scenario needs at least one: [[arm]] with name = \"leaky\""));
    }
    if let Some(beyond) = spec.arms.get(MOST_ARMS) {
        problems.push(Problem::new(beyond.span.clone(), format!("more than {MOST_ARMS} arms")));
    }
    let mut taken = BTreeMap::new();
    for arm in spec.arms.iter().take(MOST_ARMS) {
        problems.extend(arm_name(arm, &mut taken, &spec.source));
    }
}

/// What is wrong with an arm's name, which no arm before it may have; `taken` knows on which lines those stand.
fn arm_name(arm: &ArmSpec, taken: &mut BTreeMap<String, Option<usize>>, source: &Source) -> Option<Problem> {
    let Some(name) = &arm.name else {
        return Some(Problem::new(arm.span.clone(), "an arm without a name").hint("add name = \"leaky\", say"));
    };
    if let Some(first) = taken.get(&name.value) {
        let hint = first.map_or("give it another".to_owned(), |line| format!("the first stands on line {line}"));
        return Some(Problem::new(name.span.clone(), format!("two arms are named `{}`", name.value)).hint(hint));
    }
    let before = name.span.as_ref().and_then(|span| source.text.get(..span.start));
    taken.insert(name.value.clone(), before.map(|before| 1 + before.matches('\n').count()));
    wrong(name)
}

/// Names go into file names, into JUnit, and before the colon of an expectation.
fn wrong(name: &Placed<String>) -> Option<Problem> {
    let text = &name.value;
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(may_hold);
    (!good || text.len() > LONGEST).then(|| {
        Problem::new(name.span.clone(), format!("`{text}` cannot be a name")).hint(format!(
            "a name has letters, digits, `.`, `_` and `-`, a letter or a digit first, and at most {LONGEST} of them"
        ))
    })
}

fn may_hold(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn expectations(spec: &Spec, problems: &mut Vec<Problem>) {
    let arms: Vec<_> = spec.arms.iter().filter_map(|arm| Some(arm.name.as_ref()?.value.as_str())).collect();
    if let Some(beyond) = spec.expect.get(MOST_EXPECTATIONS) {
        problems.push(Problem::new(beyond.span.clone(), format!("more than {MOST_EXPECTATIONS} expectations")));
    }
    for text in spec.expect.iter().take(MOST_EXPECTATIONS) {
        if let Err(error) = expectation(&text.value, &arms) {
            let Explained { message, hint } = with_hint(&error.to_string());
            problems.push(Problem { span: inside(text, error.at(), &spec.source), message, hint });
        }
        // More of them would not be shown, and each costs a search for the nearest name.
        if problems.len() > Errors::MOST_SHOWN * 10 {
            return;
        }
    }
}

/// Where a part of a string stands in the file: exactly, unless an escape shifts it.
fn inside(text: &Placed<String>, at: Range<usize>, source: &Source) -> Option<Range<usize>> {
    let span = text.span.clone()?;
    let begin = span.start + 1;
    let plain = source.text.get(begin..span.end.saturating_sub(1)) == Some(text.value.as_str());
    Some(if plain { begin + at.start..begin + at.end } else { span })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_name() {
        for (origin, name) in [
            ("/tmp/retry storm.toml", "retry-storm"),
            (".hidden", "hidden"),
            ("--x.toml", "x"),
            ("", "scenario"),
            ("/dev/fd/63", "63"),
            ("é.toml", "scenario"),
        ] {
            let made = of(&Spec::new(origin));
            assert_eq!(made, name, "{origin}");
            assert_eq!(wrong(&made.into()), None, "{origin}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        let mut spec = Spec::new("many");
        spec.arms = (0..=MOST_ARMS).map(|n| ArmSpec::named(&format!("arm-{n}"))).collect();
        spec.expect = vec!["nothing == 1".to_owned().into(); 10_000];
        let mut problems = Vec::new();
        check(&spec, &mut problems);
        assert!(problems.iter().any(|problem| problem.message == "more than 100 arms"), "{problems:?}");
        assert!(problems.len() < 300, "{}", problems.len());
    }
}
