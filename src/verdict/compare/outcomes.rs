//! What became of an arm's attempts: which end of them is worse than which, and what chance makes of a share.
//!
//! What is good depends on the arm: where every login is to be refused, a refusal is as good as it gets. So an end is worse
//! only by what it took from better ones, or from others that are as far from a login; and what several worse ends took, each
//! of them little, is a loss of the end that fell. The choice not taken: to call every attempt bad that is not logged in,
//! which tells nothing of most scenarios here.

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
    fn error(&self, share: f64, attempts: f64) -> f64 {
        let p = (share / 100.0 * self.attempts + 1.0) / (self.attempts + 2.0);
        100.0 * (p * (1.0 - p) / attempts.max(1.0)).sqrt()
    }
}

/// Attempts that ended worse, in points of a hundred.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    pub(super) by: f64,
    /// The tolerance is a part of this.
    pub(super) of: f64,
    /// So much is nobody's.
    pub(super) floor: f64,
}

impl Ends {
    /// None where one of the two made no attempt.
    pub(super) fn of(base: &[&ArmSummary], new: &[&ArmSummary]) -> Option<Self> {
        Some(Self { base: Shares::of(base)?, new: Shares::of(new)? })
    }

    /// By how many points of a hundred the new end of the attempts is worse in this: what left a login, or what any other
    /// end took from better ones and from its equals.
    fn worse_by(&self, outcome: Outcome) -> f64 {
        let rises = -self.falls(outcome);
        if outcome == Outcome::LoggedIn {
            return -rises;
        }
        let better: f64 = all().filter(|it| rank(*it) > rank(outcome)).map(|it| self.falls(it)).sum();
        let equals = all().filter(|it| *it != outcome && rank(*it) == rank(outcome));
        let equals: f64 = equals.map(|it| self.falls(it).max(0.0)).sum();
        rises.min(better.max(0.0) + equals)
    }

    /// What the tolerance is held against, one by one: what this end took; and, where it fell the most, what all ends that
    /// are so near to a login lost together, however many took of them.
    pub(super) fn losses(&self, outcome: Outcome) -> Vec<Loss> {
        let own = Loss { by: self.worse_by(outcome), of: self.pool(outcome), floor: self.floor(outcome) };
        let together = (1..=rank(outcome)).filter(|least| self.fell_most(*least) == Some(outcome));
        std::iter::once(own).chain(together.map(|least| self.loss(least))).collect()
    }

    /// By how many points it is better: a login by its rise, a rise by what came of worse ends, a fall by what went to
    /// better ones.
    pub(super) fn better_by(&self, outcome: Outcome) -> f64 {
        let falls = self.falls(outcome);
        if falls <= 0.0 || outcome == Outcome::LoggedIn {
            return -falls - self.worse_by(outcome).max(0.0);
        }
        falls.min(-self.loss(rank(outcome) + 1).by)
    }

    /// What fell of the ends of that rank and of better ones.
    fn loss(&self, least: u8) -> Loss {
        let share = |of: &[f64; OUTCOMES]| all().filter(|it| rank(*it) >= least).map(|it| of[it as usize]).sum::<f64>();
        let (base, new) = (share(&self.base.of), share(&self.new.of));
        let error = self.base.error(base, self.base.attempts).hypot(self.new.error(new, self.new.attempts));
        Loss { by: base - new, of: base, floor: RESOLUTION.max(CHANCE * error) }
    }

    /// Which of the ends of that rank and of better ones fell the most.
    fn fell_most(&self, least: u8) -> Option<Outcome> {
        let fell = all().filter(|it| rank(*it) >= least && self.falls(*it) > 0.0);
        fell.max_by(|a, b| self.falls(*a).total_cmp(&self.falls(*b)))
    }

    /// What it could have taken from, in percent of the base's attempts: the tolerance is a part of this.
    fn pool(&self, outcome: Outcome) -> f64 {
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
        let share = |of: &[f64; OUTCOMES]| of[outcome as usize];
        self.base.error(share(&self.base.of), base).hypot(self.new.error(share(&self.new.of), new))
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
    fn what_several_worse_ends_took_is_one_loss() {
        let beyond = |ends: &Ends, outcome| ends.losses(outcome).iter().any(|loss| loss.by > loss.of / 10.0);
        let rejected = [(LoginRejected, 2000)];
        let split = ends(&rejected, &[(LoginRejected, 1680), (Refused, 160), (Other, 160)]);
        assert!(beyond(&split, LoginRejected) && !beyond(&split, Refused) && !beyond(&split, Other));
        assert!(split.better_by(LoginRejected) <= 0.0, "it went nowhere better");
        let logged_in = ends(&rejected, &[(LoginRejected, 1000), (LoggedIn, 1000)]);
        assert!((logged_in.better_by(LoginRejected) - 50.0).abs() < 1e-9);
        let equal = ends(&rejected, &rejected);
        let leak = [(LoginRejected, 800), (PortsExhausted, 1200)];
        let mended = ends(&leak, &rejected);
        for outcome in all() {
            assert!(![&logged_in, &equal, &mended].iter().any(|ends| beyond(ends, outcome)), "{outcome:?}");
        }
        assert!((mended.better_by(LoginRejected) - 60.0).abs() < 1e-9);
        assert!((mended.better_by(PortsExhausted) - 60.0).abs() < 1e-9);
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
