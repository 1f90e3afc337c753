//! Arms of one run against each other, round by round: what drifts while the run goes on meets both alike.

use super::super::interval::{self, Interval, LEAST};
use super::metric::{METRICS, Metric};
use super::outcomes::{Ends, Families};
use crate::record::{ArmComparison, ArmSummary};

/// Every figure of every two arms that were repeated; nothing where arms were played fewer than three times.
pub(in crate::verdict) fn comparisons(arms: &[ArmSummary]) -> Vec<ArmComparison> {
    let pairs = pairs(arms);
    let told: Vec<_> = pairs
        .iter()
        .flat_map(|(base, other)| METRICS.iter().filter_map(|metric| Rounds::of(base, other, arms, metric)))
        .collect();
    let pairs = told.chunk_by(|one, other| (one.base, one.other) == (other.base, other.other));
    let families = Families::of(pairs.map(|pair| pair.iter().map(|rounds| rounds.metric).collect()));
    told.iter().filter_map(|rounds| rounds.compared(families.size(rounds.metric))).collect()
}

/// The names of every two arms, each pair once.
fn pairs(arms: &[ArmSummary]) -> Vec<(&str, &str)> {
    let mut names: Vec<&str> = Vec::new();
    for arm in arms.iter().filter(|arm| arm.repetition.is_some()) {
        if !names.contains(&arm.name.as_str()) {
            names.push(&arm.name);
        }
    }
    let rest = |at: usize| names.iter().skip(at + 1);
    names.iter().enumerate().flat_map(|(at, base)| rest(at).map(|other| (*base, *other))).collect()
}

/// One figure of two arms, in the rounds in which both have it.
struct Rounds<'a> {
    base: &'a str,
    other: &'a str,
    metric: &'a Metric,
    base_values: Vec<f64>,
    other_values: Vec<f64>,
    /// The finest that their differences tell.
    resolution: f64,
}

impl<'a> Rounds<'a> {
    /// None of fewer rounds than tell anything, and of an end that no attempt came to.
    fn of(base: &'a str, other: &'a str, arms: &[ArmSummary], metric: &'a Metric) -> Option<Self> {
        let value = |arm: &ArmSummary| metric.scaled((metric.of)(arm).filter(|_| arm.complete)?);
        let find = |name: &str, round| arms.iter().find(|arm| arm.name == name && arm.repetition == round);
        let rounds = arms.iter().filter(|arm| arm.name == base).map(|arm| arm.repetition);
        let both = rounds.filter_map(|round| Some((find(base, round)?, find(other, round)?)));
        let both = both.filter(|(base, other)| value(base).is_some() && value(other).is_some());
        let (base_arms, other_arms): (Vec<&ArmSummary>, Vec<&ArmSummary>) = both.unzip();
        let values = |arms: &[&ArmSummary]| arms.iter().filter_map(|arm| value(arm)).collect::<Vec<_>>();
        let (base_values, other_values) = (values(&base_arms), values(&other_arms));
        let resolution = match metric.outcome {
            Some(_) if base_values.iter().chain(&other_values).all(|value| *value == 0.0) => return None,
            Some(outcome) => {
                let attempts = base_arms.iter().chain(&other_arms).map(|arm| arm.attempts).min()?;
                Ends::of(&base_arms, &other_arms)?.resolution(outcome, attempts)
            }
            None => metric.resolution(),
        };
        let enough = base_values.len() >= LEAST;
        enough.then_some(Self { base, other, metric, base_values, other_values, resolution })
    }

    fn compared(&self, family: usize) -> Option<ArmComparison> {
        let differences: Vec<f64> = self.other_values.iter().zip(&self.base_values).map(|(o, b)| o - b).collect();
        let interval = interval::of_mean(&differences, self.resolution, family)?;
        let Interval { mean, low, high } = interval;
        let back = |value| self.metric.unscaled(value);
        // Shares do not differ by more than all of them.
        let most = if self.metric.outcome.is_some() { 100.0 } else { f64::INFINITY };
        Some(ArmComparison {
            base: self.base.to_owned(),
            other: self.other.to_owned(),
            metric: self.metric.path.to_owned(),
            scale: self.metric.scale,
            repetitions: u32::try_from(differences.len()).unwrap_or(u32::MAX),
            base_mean: back(interval::mean(&self.base_values)?),
            other_mean: back(interval::mean(&self.other_values)?),
            estimate: back(mean),
            low: back(low).max(-most),
            high: back(high).min(most),
            different: interval.excludes_zero(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::record::{Counts, LoadSummary, Outcome, PhaseSummary, PortsSummary, SocketsSummary, StateSummary};

    /// What a machine does to a figure: a drift over the rounds that meets both arms, noise with a long tail, and now and
    /// then somebody else's job.
    fn noisy(rng: &mut StdRng, drift: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let disturbed = if rng.random::<f64>() < 0.1 { 1.0 + 4.0 * rng.random::<f64>() } else { 1.0 };
        drift * (0.2 * sum).exp() * disturbed
    }

    /// What becomes of 200 attempts of which this share is refused, and one in a hundred times out.
    fn ends(refused: f64, rng: &mut StdRng) -> Counts<Outcome> {
        let mut outcomes = Counts::default();
        for _ in 0..200 {
            let outcome = match rng.random::<f64>() {
                chance if chance < refused => Outcome::LoginRejected,
                chance if chance > 0.99 => Outcome::TimedOut,
                _ => Outcome::LoggedIn,
            };
            outcomes.add(outcome, 1);
        }
        outcomes
    }

    fn arm(name: &str, repetition: u32, rng: &mut StdRng, drift: f64, slower: f64) -> ArmSummary {
        let mut phase = |ms: f64| {
            let p50 = ms * slower * noisy(rng, drift);
            PhaseSummary {
                p50: Some(p50),
                p99: Some(p50 * 3.0 * noisy(rng, 1.0)),
                count: 1000,
                ..PhaseSummary::default()
            }
        };
        let mut summary =
            ArmSummary { name: name.into(), repetition: Some(repetition), complete: true, ..ArmSummary::default() };
        summary.latency_ms.connect = phase(0.03);
        summary.latency_ms.login = phase(1.0);
        summary.latency_ms.total = phase(2.0);
        summary.load = LoadSummary { achieved_per_s: 500.0 / noisy(rng, drift), ..LoadSummary::default() };
        summary.ports = PortsSummary { peak: (3.0 * noisy(rng, 1.0)) as u64, ..PortsSummary::default() };
        let left = StateSummary { peak: 0, last: u64::from(rng.random::<f64>() < 0.3) };
        summary.outcomes = ends(0.5, rng);
        summary.attempts = summary.outcomes.total();
        summary.sockets = SocketsSummary { client: [("close_wait".to_owned(), left)].into(), server: [].into() };
        summary
    }

    fn run(seed: u64, repetitions: u32, names: &[&str], slower: f64) -> Vec<ArmSummary> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut arms = Vec::new();
        for repetition in 1..=repetitions {
            let drift = 1.0 + f64::from(repetition) * 0.1;
            for (at, name) in names.iter().enumerate() {
                arms.push(arm(name, repetition, &mut rng, drift, if at == 0 { 1.0 } else { slower }));
            }
        }
        arms
    }

    /// The promise, held against 600 runs for each number of repetitions: more than 7 % of them would have a
    /// chance of one in sixty if the true share were 5 %.
    #[test]
    fn equal_arms_differ_in_one_run_of_twenty_at_the_most() {
        for repetitions in [3, 5, 10] {
            for names in [&["a", "b"][..], &["a", "b", "c"]] {
                let differ = (0..600)
                    .filter(|seed| comparisons(&run(*seed, repetitions, names, 1.0)).iter().any(|it| it.different));
                let share = differ.count() as f64 / 600.0;
                assert!(share <= 0.07, "{share} of the runs with {repetitions} repetitions of {} arms", names.len());
            }
        }
    }

    /// Among 11 figures, of which what became of the attempts has half of the chance to miss: it costs a few runs in 200.
    #[test]
    fn a_difference_that_is_there_is_found() {
        let found = (0..200).filter(|seed| {
            let told = comparisons(&run(*seed, 10, &["a", "b"], 3.0));
            told.iter().any(|it| it.metric == "latency_ms.login.p50" && it.different && it.low > 1.0)
        });
        let found = found.count();
        assert!(found > 170, "three times slower is found in {found} of 200 runs");
    }

    /// What became of the logins, in every round of two or three arms: what a reviewer's run did not tell.
    #[test]
    fn refused_logins_are_a_difference() {
        let counted = |name: &str, repetition, outcomes: &[(Outcome, u64)]| ArmSummary {
            name: name.into(),
            repetition: Some(repetition),
            complete: true,
            attempts: 200,
            outcomes: outcomes.iter().copied().collect(),
            ..ArmSummary::default()
        };
        let rounds = [(1, 106), (2, 91), (3, 115)].into_iter().flat_map(|(round, refused)| {
            let half = [(Outcome::LoggedIn, 200 - refused), (Outcome::LoginRejected, refused)];
            [
                counted("good", round, &[(Outcome::LoggedIn, 200)]),
                counted("half", round, &half),
                counted("ended", round, &[(Outcome::ClosedEarly, 200)]),
            ]
        });
        let told = comparisons(&rounds.collect::<Vec<_>>());
        let differ = |base: &str, other: &str| -> Vec<&str> {
            let pair = told.iter().filter(|it| it.base == base && it.other == other && it.different);
            pair.map(|it| it.metric.as_str()).collect()
        };
        assert_eq!(differ("good", "half"), ["outcomes_pct.logged_in", "outcomes_pct.login_rejected"], "{told:?}");
        assert_eq!(differ("good", "ended"), ["outcomes_pct.logged_in", "outcomes_pct.closed_early"]);
        let refused = told.iter().find(|it| it.metric == "outcomes_pct.login_rejected").unwrap();
        assert_eq!((refused.base_mean, refused.other_mean, refused.estimate), (0.0, 52.0, 52.0));
        assert!(refused.low > 0.0 && refused.high <= 100.0, "{refused:?}");
        assert!(!told.iter().any(|it| it.metric == "outcomes_pct.timed_out"), "nobody's end");
    }

    #[test]
    fn the_interval_holds_the_truth() {
        let misses = (0..1000).filter(|seed| {
            let told = comparisons(&run(*seed, 5, &["a", "b"], 2.0));
            !told.iter().filter(|it| it.metric.ends_with("p50")).all(|it| it.low <= 2.0 && 2.0 <= it.high)
        });
        let misses = misses.count();
        assert!(misses <= 60, "{misses} of 1,000");
    }

    #[test]
    fn nothing_is_said_of_two_rounds_or_of_one_arm() {
        assert_eq!(comparisons(&run(1, 2, &["a", "b"], 3.0)), []);
        assert_eq!(comparisons(&run(1, 9, &["a"], 3.0)), []);
        let mut once = run(1, 1, &["a", "b"], 3.0);
        once.iter_mut().for_each(|arm| arm.repetition = None);
        assert_eq!(comparisons(&once), []);
    }

    #[test]
    fn a_round_that_was_cut_short_is_left_out() {
        let mut arms = run(1, 4, &["a", "b"], 1.0);
        arms.last_mut().unwrap().complete = false;
        assert!(comparisons(&arms).iter().all(|it| it.repetitions == 3));
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_estimate(seed in any::<u64>(), repetitions in 3u32..8) {
            for it in comparisons(&run(seed, repetitions, &["a", "b"], 1.5)) {
                prop_assert!(it.low <= it.estimate && it.estimate <= it.high, "{it:?}");
            }
        }
    }
}
