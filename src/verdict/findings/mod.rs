//! What the numbers mean: one rule a file, each firing only on evidence that the run holds.
//!
//! A rule is a function of one arm, and its text names evidence, cause and fix. The choice not taken: a trait with a
//! name, a severity and a text apart; a rule's parts are read together, so they stand together.

mod arms_differ;
mod clean;
mod closes;
mod descriptors_first;
mod evidence;
mod exhausted_close_wait;
mod exhausted_established;
mod exhausted_otherwise;
mod exhausted_time_wait;
mod fin_wait_2_expired;
mod holders;
mod late_closer;
mod latency_cliff;
mod leak_rate;
mod listen_overflow;
mod never_closed;
mod peak_between_tables;
mod pile;
mod rate_not_reached;
mod retry_storm;
mod rst_hides;

use crate::record::{ArmComparison, ArmRun, Finding, Run, Severity};

/// Every rule of one arm, in the order in which findings are told: what broke first. Clean is told last, of all repetitions.
const RULES: &[fn(&ArmRun) -> Option<Finding>] = &[
    exhausted_close_wait::rule,
    exhausted_time_wait::rule,
    exhausted_established::rule,
    exhausted_otherwise::rule,
    descriptors_first::rule,
    never_closed::rule,
    leak_rate::rule,
    rst_hides::rule,
    late_closer::rule,
    fin_wait_2_expired::rule,
    peak_between_tables::rule,
    retry_storm::rule,
    rate_not_reached::rule,
    latency_cliff::rule,
    listen_overflow::rule,
];

/// What `run` shows, arm by arm, in plain words, and what its arms differ by.
#[must_use]
pub fn findings(run: &Run, comparisons: &[ArmComparison]) -> Vec<Finding> {
    let named = run.arms_by_name();
    let of_arm = |arms| RULES.iter().filter_map(move |rule| found_in(arms, *rule)).chain(clean::rule(arms));
    let of_arms = named.iter().flat_map(|(_, arms)| of_arm(arms.as_slice()));
    of_arms.chain(arms_differ::rule(comparisons, run.merged)).collect()
}

/// What a rule finds in the repetitions of an arm: told once, of the first in which it is found, with how many there are.
fn found_in(arms: &[&ArmRun], rule: fn(&ArmRun) -> Option<Finding>) -> Option<Finding> {
    let mut found = arms.iter().filter_map(|arm| rule(arm));
    let mut first = found.next()?;
    match (1 + found.count(), arms.len()) {
        (1, 1) => {}
        (1, all) => first.text.push_str(&format!(" (In 1 of {all} repetitions.)")),
        (some, all) => first.text.push_str(&format!(" (In {some} of {all} repetitions; told of the first of them.)")),
    }
    Some(first)
}

fn finding(id: &str, arm: &ArmRun, severity: Severity, text: String) -> Option<Finding> {
    Some(Finding { id: id.to_owned(), arm: Some(arm.facts.name.clone()), severity, text })
}

#[cfg(test)]
mod tests {
    use crate::record::ArmRun;
    use crate::verdict::fixture::{Story, run_of};

    /// The arm that `story` leaves.
    pub(super) fn arm(story: Story) -> ArmRun {
        run_of(&[story], &[]).arms.remove(0)
    }

    /// The ids of everything found in `story`.
    pub(super) fn found(story: Story) -> Vec<String> {
        super::findings(&run_of(&[story], &[]), &[]).into_iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn a_repeated_arm_is_told_of_once() {
        use crate::record::{Outcome, Side, TcpState};

        let told = |left| {
            let story = Story::new("leaky").outcome(Outcome::LoginRejected, 500);
            run_of(&[story.last(100, Side::Client, &[(TcpState::CloseWait, left)])], &[])
        };
        let mut run = told(500);
        run.merge(told(3));
        run.merge(told(400));
        let found = super::findings(&run, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].text.contains("left 500 sockets")
                && found[0].text.ends_with("(In 2 of 3 repetitions; told of the first of them.)")
        );
    }

    #[test]
    fn nothing_is_found_in_an_arm_without_evidence() {
        assert_eq!(found(Story::new("silent")), Vec::<String>::new());
    }
}
