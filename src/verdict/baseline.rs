//! A baseline: an earlier check whose failures are known, so that only a new one fails.
//!
//! A failure is known by its fault, its verdict and its symptoms. The choice not taken: to compare counts of leaked
//! connections as well, which differ from one machine to the next.

use crate::record::{Check, CheckVerdict, FaultCheck, Named as _};

/// Marks the failures of `check` that `baseline` knows, and decides anew whether the check passed. What differs from the
/// baseline is told in plain sentences; faults that only the baseline has are ignored.
#[must_use]
pub fn apply_baseline(check: &mut Check, baseline: &Check) -> Vec<String> {
    let mut told = Vec::new();
    for fault in &mut check.faults {
        let mut before = baseline.faults.iter().filter(|before| before.failed && before.fault == fault.fault);
        fault.known = fault.failed && before.clone().any(|before| knows(before, fault));
        if let Some(before) = before.next().filter(|_| !fault.known) {
            told.push(changed(before, fault));
        }
    }
    check.passed = !check.faults.iter().any(|fault| fault.failed && !fault.known);
    told
}

fn knows(before: &FaultCheck, now: &FaultCheck) -> bool {
    before.verdict == now.verdict && now.symptoms.iter().all(|symptom| before.symptoms.contains(symptom))
}

/// How a fault that failed before differs now.
fn changed(before: &FaultCheck, now: &FaultCheck) -> String {
    let fault = &now.fault;
    let (was, is) = (failure(before), phrase(now.verdict));
    if now.failed && now.verdict == before.verdict {
        let new = now.symptoms.iter().filter(|symptom| !before.symptoms.contains(symptom));
        let new: Vec<_> = new.map(|symptom| symptom.name()).collect();
        return format!("{fault} {was} and shows {} now: this failure is new", new.join(", "));
    }
    if now.failed {
        return format!("{fault} {was} and is {is} now: this failure is new");
    }
    match now.verdict {
        CheckVerdict::Clean => format!("{fault} {was} and is clean now: renew the baseline"),
        _ => format!("{fault} {was} and is {is} now: it may fail still, so keep the baseline"),
    }
}

/// How it failed: by its verdict, or by what was seen beside one that passes.
fn failure(before: &FaultCheck) -> String {
    if before.verdict == CheckVerdict::Clean {
        let symptoms: Vec<_> = before.symptoms.iter().map(|symptom| symptom.name()).collect();
        return format!("showed {}", symptoms.join(", "));
    }
    format!("was {}", phrase(before.verdict))
}

/// A verdict after `was` or `is`.
const fn phrase(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Crash => "a crash",
        CheckVerdict::Leak => "a leak",
        CheckVerdict::Hang => "a hang",
        CheckVerdict::Timeout => "a timeout",
        CheckVerdict::NoConnection => "without a connection",
        CheckVerdict::Undecided => "undecided",
        CheckVerdict::NotReached => "not reached",
        CheckVerdict::Clean => "clean",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::CheckVerdict::{Clean, Hang, Leak, NotReached, Undecided};
    use super::*;
    use crate::record::Symptom::{self, Retried, Spin};
    use crate::record::{CheckLimits, HeldMs, HostFacts};

    /// A verdict, whether it failed, and its symptoms.
    type Seen = (CheckVerdict, bool, &'static [Symptom]);

    fn check(faults: &[(&str, Seen)]) -> Check {
        let faults: Vec<_> = faults.iter().map(|(name, seen)| fault(name, *seen)).collect();
        Check {
            schema: Check::SCHEMA.into(),
            command: vec!["app".into()],
            seed: 1,
            complete: true,
            host: HostFacts { kernel: "6.18.44".into(), cores: 2, nofile: 20_000 },
            sandbox: "two-hosts".into(),
            target: "sql.test:1433".into(),
            limits: CheckLimits { grace_s: 2.0, patience_s: 30.0, timeout_s: 600.0 },
            notices: Vec::new(),
            passed: !faults.iter().any(|fault| fault.failed),
            faults,
        }
    }

    fn fault(name: &str, (verdict, failed, symptoms): Seen) -> FaultCheck {
        FaultCheck {
            fault: name.into(),
            verdict,
            failed,
            known: false,
            reason: String::new(),
            command_exit: Some(0),
            command_signal: None,
            command_stopped: false,
            command_wall_s: 1.0,
            connections: 1,
            faulted: 1,
            leaked: 0,
            ended_by: BTreeMap::new(),
            held_ms: HeldMs::default(),
            held_states: BTreeMap::new(),
            symptoms: symptoms.to_vec(),
            symptoms_seen: Vec::new(),
            processes: Vec::new(),
            rows: Vec::new(),
            rows_omitted: 0,
            disagreements: Vec::new(),
            notices: Vec::new(),
            output_tail: String::new(),
        }
    }

    #[test]
    fn a_failure_is_known_by_verdict_and_symptoms() {
        let cases: [(Seen, Seen, bool, bool, &str); 10] = [
            ((Leak, true, &[]), (Leak, true, &[]), true, true, ""),
            ((Leak, true, &[Spin]), (Leak, true, &[]), true, true, ""),
            (
                (Leak, true, &[]),
                (Leak, true, &[Spin]),
                false,
                false,
                "x was a leak and shows spin now: this failure is new",
            ),
            ((Leak, true, &[]), (Hang, true, &[]), false, false, "x was a leak and is a hang now: this failure is new"),
            ((Leak, true, &[]), (Clean, false, &[]), false, true, "x was a leak and is clean now: renew the baseline"),
            (
                (Leak, true, &[]),
                (Undecided, false, &[]),
                false,
                true,
                "x was a leak and is undecided now: it may fail still, so keep the baseline",
            ),
            (
                (Leak, true, &[]),
                (NotReached, false, &[]),
                false,
                true,
                "x was a leak and is not reached now: it may fail still, so keep the baseline",
            ),
            (
                (Clean, true, &[Spin]),
                (Clean, false, &[]),
                false,
                true,
                "x showed spin and is clean now: renew the baseline",
            ),
            (
                (Clean, true, &[Spin]),
                (Clean, true, &[Retried]),
                false,
                false,
                "x showed spin and shows retried now: this failure is new",
            ),
            ((Clean, false, &[]), (Leak, true, &[]), false, false, ""),
        ];
        for (before, now, known, passed, sentence) in cases {
            let mut checked = check(&[("x", now)]);
            let told = apply_baseline(&mut checked, &check(&[("x", before)]));
            assert_eq!((checked.faults[0].known, checked.passed), (known, passed), "{before:?} {now:?}");
            assert_eq!(told.concat(), sentence, "{before:?} {now:?}");
        }
    }

    #[test]
    fn one_new_failure_fails_the_check() {
        let leak: Seen = (Leak, true, &[]);
        let mut checked = check(&[("known", leak), ("new", leak), ("fine", (Clean, false, &[]))]);
        let told = apply_baseline(&mut checked, &check(&[("known", leak), ("elsewhere", leak)]));
        assert_eq!(told, Vec::<String>::new(), "a fault that was not played is nothing to tell");
        assert_eq!(checked.faults.iter().map(|fault| fault.known).collect::<Vec<_>>(), [true, false, false]);
        assert!(!checked.passed);
    }

    #[test]
    fn applied_twice_it_is_the_same() {
        let leak: Seen = (Leak, true, &[]);
        let mut checked = check(&[("x", leak)]);
        let known = check(&[("x", leak)]);
        assert_eq!(apply_baseline(&mut checked, &known), Vec::<String>::new());
        let again = checked.clone();
        // A check that passed by its baseline serves as the next one.
        assert_eq!(apply_baseline(&mut checked, &again), Vec::<String>::new());
        assert_eq!(checked, again);
        assert_eq!(apply_baseline(&mut checked, &check(&[])), Vec::<String>::new());
        assert!(!checked.passed, "another baseline forgets what this one knew");
    }
}
