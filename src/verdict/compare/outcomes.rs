//! What became of an arm's attempts: which end of them is worse than which, and what chance makes of a share.
//!
//! What is good depends on the arm: where every login is to be refused, a refusal is as good as it gets. So an end is worse
//! only by what it took from better ones, or from others that are as far from a login. The choice not taken: to call every
//! attempt bad that is not logged in, which tells nothing of most scenarios here.

use super::metric::Metric;
use crate::record::{ArmSummary, Named as _, Outcome};

const OUTCOMES: usize = Outcome::ALL.len();

/// A share in percent is never taken to vary less: three repetitions that happen to agree are no proof.
const RESOLUTION: f64 = 1.0;
/// So many standard errors of counted attempts are chance, where there are no repetitions to tell.
const CHANCE: f64 = 3.0;

/// How near to a login an attempt came: to it, to the server's answer, to the server or the network, or not beyond this host.
const fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::LoggedIn => 3,
        Outcome::LoginRejected => 2,
        Outcome::Refused
        | Outcome::Reset
        | Outcome::ClosedEarly
        | Outcome::TimedOut
        | Outcome::TlsFailed
        | Outcome::ProtocolError
        | Outcome::Other => 1,
        Outcome::PortsExhausted | Outcome::DescriptorsExhausted | Outcome::Capped => 0,
    }
}

/// The attempts of an arm that ended so, in percent; none where it made none.
pub(super) fn share(arm: &ArmSummary, outcome: Outcome) -> Option<f64> {
    (arm.attempts > 0).then(|| arm.outcomes.of(outcome) as f64 * 100.0 / arm.attempts as f64)
}

/// How two arms' attempts ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    base: Shares,
    new: Shares,
}

/// The mean shares of an arm's repetitions in percent, and all their attempts.
#[derive(Debug, Clone, Copy)]
struct Shares {
    of: [f64; OUTCOMES],
    attempts: f64,
}

impl Shares {
    fn of(arms: &[&ArmSummary]) -> Option<Self> {
        let arms: Vec<_> = arms.iter().filter(|arm| arm.attempts > 0).collect();
        let mut of = [0.0; OUTCOMES];
        for arm in &arms {
            for (outcome, n) in arm.outcomes.iter() {
                of[outcome as usize] += n as f64 * 100.0 / arm.attempts as f64 / arms.len() as f64;
            }
        }
        let attempts = arms.iter().map(|arm| arm.attempts as f64).sum();
        (!arms.is_empty()).then_some(Self { of, attempts })
    }

    /// The standard error of a share in percent of `attempts`. Agresti and Coull (1998): none that was seen of few is not 0.
    fn error(&self, outcome: Outcome, attempts: f64) -> f64 {
        let p = (self.of[outcome as usize] / 100.0 * self.attempts + 1.0) / (self.attempts + 2.0);
        100.0 * (p * (1.0 - p) / attempts.max(1.0)).sqrt()
    }
}

impl Ends {
    /// None where one of the two made no attempt.
    pub(super) fn of(base: &[&ArmSummary], new: &[&ArmSummary]) -> Option<Self> {
        Some(Self { base: Shares::of(base)?, new: Shares::of(new)? })
    }

    /// By how many points of a hundred the new end of the attempts is worse in this: what left a login, or what any other
    /// end took from better ones and from its equals.
    pub(super) fn worse_by(&self, outcome: Outcome) -> f64 {
        let rises = -self.falls(outcome);
        if outcome == Outcome::LoggedIn {
            return -rises;
        }
        let better: f64 = all().filter(|it| rank(*it) > rank(outcome)).map(|it| self.falls(it)).sum();
        let equals = all().filter(|it| *it != outcome && rank(*it) == rank(outcome));
        let equals: f64 = equals.map(|it| self.falls(it).max(0.0)).sum();
        rises.min(better.max(0.0) + equals)
    }

    /// What it could have taken from, in percent of the base's attempts: the tolerance is a part of this.
    pub(super) fn pool(&self, outcome: Outcome) -> f64 {
        if outcome == Outcome::LoggedIn {
            return self.base.of[outcome as usize];
        }
        let pool = all().filter(|it| *it != outcome && rank(*it) >= rank(outcome));
        pool.map(|it| self.base.of[it as usize]).sum()
    }

    /// A difference of shares that is nobody's: a point, or what chance makes of so many attempts where that is more.
    pub(super) fn floor(&self, outcome: Outcome) -> f64 {
        RESOLUTION.max(CHANCE * self.error(outcome, self.base.attempts, self.new.attempts))
    }

    /// The least that the difference of two shares of `attempts` each is taken to vary by.
    pub(super) fn resolution(&self, outcome: Outcome, attempts: u64) -> f64 {
        RESOLUTION.max(self.error(outcome, attempts as f64, attempts as f64))
    }

    fn error(&self, outcome: Outcome, base: f64, new: f64) -> f64 {
        self.base.error(outcome, base).hypot(self.new.error(outcome, new))
    }

    fn falls(&self, outcome: Outcome) -> f64 {
        self.base.of[outcome as usize] - self.new.of[outcome as usize]
    }
}

fn all() -> impl Iterator<Item = Outcome> {
    Outcome::ALL.iter().copied()
}

/// How many intervals hold at once. Half of the chance of any miss is the outcomes', half the other figures': outcomes are
/// few, and a login that fails counts for more than a percentile.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Families {
    outcomes: usize,
    others: usize,
}

impl Families {
    /// Of the figures that are told of each pair.
    pub(super) fn of<'a>(pairs: impl Iterator<Item = Vec<&'a Metric>>) -> Self {
        pairs.fold(Self::default(), |sum, figures| {
            let outcomes = figures.iter().filter(|it| it.outcome.is_some()).count();
            // Of two ends each is what the other is not: their intervals hold or miss together.
            let apart = if outcomes == 2 { 1 } else { outcomes };
            Self { outcomes: sum.outcomes + apart, others: sum.others + figures.len() - outcomes }
        })
    }

    /// The family of one figure, as if all had an equal part of the chance.
    pub(super) const fn size(self, metric: &Metric) -> usize {
        match (metric.outcome, self.outcomes, self.others) {
            (Some(_), outcomes, 0) => outcomes,
            (None, 0, others) => others,
            (Some(_), outcomes, _) => 2 * outcomes,
            (None, _, others) => 2 * others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{ClosedEarly, LoggedIn, LoginRejected, Other, PortsExhausted, Refused, TimedOut};
    use super::*;

    fn arm(outcomes: &[(Outcome, u64)]) -> ArmSummary {
        let attempts = outcomes.iter().map(|(_, n)| n).sum();
        ArmSummary { attempts, outcomes: outcomes.iter().copied().collect(), ..ArmSummary::default() }
    }

    fn ends(base: &[(Outcome, u64)], new: &[(Outcome, u64)]) -> Ends {
        Ends::of(&[&arm(base)], &[&arm(new)]).unwrap()
    }

    #[test]
    fn an_end_is_worse_by_what_it_took_from_better_ones_and_from_its_equals() {
        type Counted<'a> = &'a [(Outcome, u64)];
        let cases: [(Counted, Counted, Counted); 8] = [
            (&[(LoggedIn, 100)], &[(Refused, 100)], &[(LoggedIn, 100), (Refused, 100)]),
            (&[(LoggedIn, 100)], &[(LoggedIn, 48), (LoginRejected, 52)], &[(LoggedIn, 52), (LoginRejected, 52)]),
            // The scenario refuses every login: so it did, and so it does.
            (&[(LoginRejected, 100)], &[(LoginRejected, 100)], &[]),
            (&[(Refused, 100)], &[(Refused, 100)], &[]),
            // A leak that was mended: more logins come to the server and are refused.
            (&[(LoginRejected, 40), (PortsExhausted, 60)], &[(LoginRejected, 100)], &[]),
            (&[(LoginRejected, 40), (PortsExhausted, 60)], &[(LoginRejected, 35), (Refused, 65)], &[(Refused, 5)]),
            (&[(ClosedEarly, 100)], &[(TimedOut, 90), (ClosedEarly, 10)], &[(TimedOut, 90)]),
            (&[(LoginRejected, 100)], &[(LoggedIn, 50), (LoginRejected, 40), (Other, 10)], &[(Other, 10)]),
        ];
        for (base, new, worse) in cases {
            let ends = ends(base, new);
            let found: Vec<_> = all().filter(|it| ends.worse_by(*it) > 1e-9).collect();
            assert_eq!(found, worse.iter().map(|(outcome, _)| *outcome).collect::<Vec<_>>(), "{base:?} {new:?}");
            for (outcome, by) in worse {
                assert!((ends.worse_by(*outcome) - *by as f64).abs() < 1e-9, "{base:?} {new:?} {outcome:?}");
            }
        }
    }

    #[test]
    fn chance_is_what_counting_explains() {
        // sqrt(2 * 0.5 * 0.5 / 300) is 4.08 points.
        let half = ends(&[(LoggedIn, 150), (Refused, 150)], &[(LoggedIn, 150), (Refused, 150)]);
        assert!((half.floor(LoggedIn) - 12.25).abs() < 0.01, "{}", half.floor(LoggedIn));
        assert!((half.resolution(LoggedIn, 75) - 8.16).abs() < 0.01);
        let many = ends(&[(LoggedIn, 1_000_000)], &[(LoggedIn, 1_000_000)]);
        assert!((many.floor(LoggedIn) - 1.0).abs() < 1e-9 && (many.resolution(LoggedIn, 200_000) - 1.0).abs() < 1e-9);
        // None of five is no proof that none would ever fail.
        assert!(ends(&[(LoggedIn, 5)], &[(LoggedIn, 5)]).floor(LoggedIn) > 50.0);
    }
}
