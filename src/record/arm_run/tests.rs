//! What a long arm keeps.

use std::time::Duration;

use super::*;
use crate::record::PortRangeSummary;

fn arm(workers: u32) -> ArmRun {
    let text = String::new;
    ArmRun::new(ArmFacts {
        name: text(),
        driver: text(),
        close: text(),
        target: text(),
        sandbox: "two-hosts".into(),
        port_search: text(),
        tcp_fin_timeout_s: 60,
        tcp_tw_reuse: 2,
        ephemeral_ports: PortRangeSummary { low: 40000, high: 41999, count: 2000 },
        repetition: None,
        server_close: None,
        faults: Vec::new(),
        workers,
        arrivals: text(),
        planned_s: None,
        planned_attempts: None,
    })
}

/// A look at the client at `n` times 20 ms, with a table when there is a reason.
fn look(n: u64, reason: Option<TableReason>, close_wait: u64) -> Sample {
    let table = reason.map(|reason| Table {
        reason,
        states: [(TcpState::CloseWait, close_wait)].into_iter().collect(),
        local_ports: 0,
        memory_bytes: None,
        cost: Duration::ZERO,
    });
    let counters = Counters { estab_resets: n, ..Counters::default() };
    let client = Some(SideSample { counters, table, descriptors: Some(n % 1000) });
    Sample { at: Duration::from_millis(20 * n), client, server: None }
}

#[test]
fn what_a_verdict_rests_on_survives_thinning_out() {
    let mut arm = arm(1);
    let many = 3 * Series::<Sample>::CAPACITY as u64;
    for n in 0..=many {
        let (reason, close_wait) = match n {
            1 => (Some(TableReason::Start), 0),
            10_001 => (Some(TableReason::Exhausted), 77),
            10_003 => (Some(TableReason::Exhausted), 78),
            _ if n == many - 1 => (Some(TableReason::End), 55),
            _ if n == many => (Some(TableReason::Periodic), 3),
            _ => (None, 0),
        };
        arm.sample(&look(n, reason, close_wait));
    }
    assert!(arm.has_final_table);
    assert_eq!(arm.at_exhaustion.as_ref().map(|states| states.of(TcpState::CloseWait)), Some(77));
    assert_eq!(arm.last[&Side::Client].of(TcpState::CloseWait), 55, "not what was read after the final table");
    let (first, last) = &arm.counters[&Side::Client];
    assert_eq!((first.estab_resets, last.estab_resets), (0, many));
    assert_eq!((arm.descriptors_peak, arm.owned_peak), (Some(999), 78));
    for reason in [TableReason::Start, TableReason::Exhausted, TableReason::End] {
        assert!(arm.samples.values().iter().any(|sample| sample.has_table_of(reason)), "{reason:?}");
    }
}

#[test]
fn thinning_out_drops_no_worker() {
    let mut arm = arm(2);
    let many = 3 * Series::<IntervalPoint>::CAPACITY as u64;
    for n in 0..many {
        let worker = u32::from(n % 2 == 1);
        arm.load(&LoadInterval { worker, to: Duration::from_millis(n), ..LoadInterval::default() });
    }
    let of = |worker| arm.intervals().filter(move |interval| interval.worker == worker).count();
    assert!(of(0) > 1000 && of(0).abs_diff(of(1)) <= 1, "{} and {}", of(0), of(1));
    assert!(of(0) + of(1) <= Series::<IntervalPoint>::CAPACITY);
}

#[test]
fn what_workers_hold_adds_up() {
    let mut arm = arm(2);
    for (worker, held) in [(0, 300), (1, 200), (0, 0), (1, 250)] {
        arm.load(&LoadInterval { worker, held, ..LoadInterval::default() });
    }
    assert_eq!((arm.held_peak, arm.held.values().sum::<u64>()), (500, 250));
}
