//! Several arms of one name as one: counts and histograms add up exactly, peaks are the highest.

use std::collections::BTreeMap;

use super::{ArmEnd, ArmRun, Cpu, Run, SamplingFacts};

impl Run {
    /// The arms of one name, name by name in the order in which they were first played.
    #[must_use]
    pub fn arms_by_name(&self) -> Vec<(&str, Vec<&ArmRun>)> {
        let mut named: Vec<(&str, Vec<&ArmRun>)> = Vec::new();
        for arm in &self.arms {
            match named.iter_mut().find(|(name, _)| *name == arm.facts.name) {
                Some((_, arms)) => arms.push(arm),
                None => named.push((&arm.facts.name, vec![arm])),
            }
        }
        named
    }

    /// Takes the arms of another run in, as further repetitions of those that have their names. The run is complete when
    /// both are; the header stays its own.
    pub fn merge(&mut self, other: Self) {
        self.complete &= other.complete;
        self.merged = Some(self.merged.unwrap_or(1).saturating_add(other.merged.unwrap_or(1)));
        self.notices.extend(other.notices);
        self.arms.extend(other.arms);
        let mut played: BTreeMap<String, u32> = BTreeMap::new();
        for arm in &mut self.arms {
            let repetition = played.entry(arm.facts.name.clone()).or_default();
            *repetition += 1;
            arm.facts.repetition = Some(*repetition);
        }
    }
}

impl ArmRun {
    /// One arm of all `repetitions`; none of no arm. What was offered and started, and how long that took, adds up, so that
    /// a rate is the mean over all of them; a last table is the highest of each state. Series stay those of the first.
    #[must_use]
    pub fn pooled(repetitions: &[&Self]) -> Option<Self> {
        let (first, rest) = repetitions.split_first()?;
        let mut pooled = (*first).clone();
        pooled.facts.repetition = None;
        rest.iter().for_each(|arm| pooled.take_in(arm));
        Some(pooled)
    }

    fn take_in(&mut self, other: &Self) {
        self.outcomes.merge(&other.outcomes);
        for (&number, &n) in &other.server_errors {
            *self.server_errors.entry(number).or_insert(0) += n;
        }
        self.latencies.merge(&other.latencies);
        self.schedule_lag.merge(&other.schedule_lag);
        self.offered += other.offered;
        self.started += other.started;
        self.retries += other.retries;
        self.pool_blocked += other.pool_blocked;
        self.capped_by_held += other.capped_by_held;
        self.given_up += other.given_up;
        self.schedule += other.schedule;
        self.last_start += other.last_start;
        for (&worker, &held) in &other.held {
            let own = self.held.entry(worker).or_insert(0);
            *own = (*own).max(held);
        }
        self.held_peak = self.held_peak.max(other.held_peak);
        for (own, others) in [(&mut self.peak, &other.peak), (&mut self.last, &other.last)] {
            for (&side, states) in others {
                own.entry(side).or_default().raise(states);
            }
        }
        self.owned_peak = self.owned_peak.max(other.owned_peak);
        self.has_final_table &= other.has_final_table;
        self.descriptors_peak = self.descriptors_peak.max(other.descriptors_peak);
        self.ports.table_peak = self.ports.table_peak.max(other.ports.table_peak);
        self.ports.counter_peak = self.ports.counter_peak.max(other.ports.counter_peak);
        self.ports.ledger_peak = self.ports.ledger_peak.max(other.ports.ledger_peak);
        match (&mut self.ledger, &other.ledger) {
            (Some(own), Some(other)) => own.beside(other),
            (own, _) => *own = None,
        }
        self.exhausted_after = [self.exhausted_after, other.exhausted_after].into_iter().flatten().min();
        self.end = match (self.end.take(), &other.end) {
            (Some(own), Some(other)) => Some(both(own, other)),
            _ => None,
        };
    }
}

/// Two ends as one: costs add up.
fn both(own: ArmEnd, other: &ArmEnd) -> ArmEnd {
    ArmEnd {
        complete: own.complete && other.complete,
        cpu: Cpu {
            load_s: own.cpu.load_s + other.cpu.load_s,
            server_s: own.cpu.server_s + other.cpu.server_s,
            sampler_s: own.cpu.sampler_s + other.cpu.sampler_s,
            ledger_s: own.cpu.ledger_s + other.cpu.ledger_s,
            sampler_tables_s: own.cpu.sampler_tables_s + other.cpu.sampler_tables_s,
        },
        sampling: SamplingFacts {
            source: own.sampling.source,
            counters: own.sampling.counters + other.sampling.counters,
            tables: own.sampling.tables + other.sampling.tables,
            longest_gap_s: own.sampling.longest_gap_s.max(other.sampling.longest_gap_s),
            share_pct: own.sampling.share_pct.max(other.sampling.share_pct),
        },
        server_accepted: own.server_accepted.zip(other.server_accepted).map(|(own, other)| own + other),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{ArmFacts, Event, LoadInterval, Outcome, Phase, PortRangeSummary};
    use super::*;

    fn facts(name: &str) -> ArmFacts {
        ArmFacts {
            name: name.into(),
            driver: "tcp".into(),
            close: "leaky".into(),
            target: "embedded".into(),
            sandbox: "two-hosts".into(),
            port_search: "kernel".into(),
            tcp_fin_timeout_s: 60,
            tcp_tw_reuse: 2,
            ephemeral_ports: PortRangeSummary { low: 40000, high: 41999, count: 2000 },
            repetition: None,
            server_close: Some("orderly".into()),
            faults: vec!["login-18456".into()],
            workers: 1,
            arrivals: String::new(),
            planned_s: None,
            planned_attempts: None,
        }
    }

    fn run(connects: std::ops::Range<u64>, exhausted: u64) -> Run {
        let mut interval = LoadInterval { offered: 10, started: 10, ..LoadInterval::default() };
        interval.schedule = Duration::from_secs(1);
        connects.for_each(|n| interval.latencies.record(Phase::Connect, Duration::from_micros(n)));
        interval.outcomes.add(Outcome::PortsExhausted, 3);
        let arm = "leaky".to_owned();
        Run::from_events(&[
            Event::ArmStarted(Box::new(facts("leaky"))),
            Event::Load { arm: arm.clone(), interval: Box::new(interval) },
            Event::Exhausted { arm: arm.clone(), at_s: Duration::from_millis(exhausted) },
            Event::ArmEnded { arm, end: Box::new(ArmEnd { complete: true, ..ArmEnd::default() }) },
            Event::RunEnded { complete: true },
        ])
    }

    #[test]
    fn histograms_add_up_as_if_they_had_been_one() {
        let (mut one, other, whole) = (run(1..500, 70), run(500..1001, 60), run(1..1001, 60));
        one.merge(other);
        let pooled = ArmRun::pooled(&one.arms.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(pooled.latencies, whole.arms[0].latencies);
        assert_eq!((pooled.outcomes.of(Outcome::PortsExhausted), pooled.offered), (6, 20));
        assert_eq!(pooled.schedule, Duration::from_secs(2), "20 of 2 s is the same rate");
        assert_eq!(pooled.exhausted_after, Some(Duration::from_millis(60)));
        assert!(pooled.end.is_some_and(|end| end.complete) && one.complete);
    }

    #[test]
    fn merged_arms_are_repetitions_of_their_name() {
        let mut one = run(1..2, 1);
        one.merge(run(1..2, 1));
        one.merge(Run { complete: false, ..run(1..2, 1) });
        let repetitions: Vec<_> = one.arms.iter().map(|arm| arm.facts.repetition).collect();
        assert_eq!(repetitions, [Some(1), Some(2), Some(3)]);
        assert!(!one.complete && one.arms_by_name().len() == 1);
    }

    #[test]
    fn nothing_pools_to_nothing() {
        assert_eq!(ArmRun::pooled(&[]), None);
    }
}
