//! When to look: 2 % of one core, as a value that is told costs and times, and decides.
//!
//! Counters come first: their period is the shortest of 20 ms, 40 ms, 80 ms, ... at which they take at most half of the
//! budget. A full table is read when what was spent so far and what the table is expected to cost fit into 1.8 % of the
//! time since the start. The choice not taken: a rate chosen from the socket count alone, which is wrong on every machine
//! but one.

use std::time::Duration;

use crate::units::Monotonic;

/// The share of one core that is aimed at: one part in this many, 1.8 %. A table that costs more than it was expected to
/// then still leaves the whole below the 2 % that are promised.
const SHARE: u32 = 55;
/// The share that counters alone may take before their rate drops: 1 %.
const COUNTER_SHARE: u32 = 100;
/// 50 Hz.
pub(super) const FASTEST: Duration = Duration::from_millis(20);
/// The slowest that the counters ever become.
const SLOWEST: Duration = Duration::from_millis(1280);
/// The time between two periodic tables, at least.
const TABLE_GAP: Duration = Duration::from_millis(100);
/// What one socket is taken to cost until a table was large enough to tell (measured: 0.8 us, the kernel's walk and ours).
/// Small tables get a bolder guess, so that they are read early and teach; a large one that was guessed too low would
/// cost more than is promised.
const SOCKET_GUESS: Duration = Duration::from_nanos(1500);
const LARGE_GUESS: Duration = Duration::from_nanos(3000);
/// From this many sockets on, the larger guess holds for each further one.
const LARGE: u64 = 20_000;
/// What a table is taken to cost on top, until there was one: the walk of an empty hash table.
const TABLE_GUESS: Duration = Duration::from_millis(2);
/// From this many sockets on, a table's cost per socket is believed.
const ENOUGH_SOCKETS: u64 = 300;

/// What a table cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    at: Monotonic,
    cpu: Duration,
    sockets: u64,
}

/// Who pays for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purse {
    /// The budget: its turn had come.
    Budget,
    /// Whoever asked for it.
    Outside,
}

/// What was spent, and what may be.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    opened: Monotonic,
    /// Within the budget.
    spent: Duration,
    /// On the tables that somebody asked for.
    outside: Duration,
    /// What a read of the counters costs, smoothed; zero before the first.
    counters: Duration,
    /// When a table was last tried.
    tried: Option<Monotonic>,
    /// The last that was read.
    last: Option<Cost>,
    /// The cheapest table so far.
    cheapest: Duration,
    longest_gap: Duration,
}

impl Budget {
    pub(super) const fn new(opened: Monotonic) -> Self {
        Self {
            opened,
            spent: Duration::ZERO,
            outside: Duration::ZERO,
            counters: Duration::ZERO,
            tried: None,
            last: None,
            cheapest: Duration::MAX,
            longest_gap: Duration::ZERO,
        }
    }

    /// Counters were read.
    pub(super) fn counters_read(&mut self, cpu: Duration) {
        self.spent += cpu;
        self.counters = if self.counters.is_zero() { cpu } else { (self.counters * 7 + cpu) / 8 };
    }

    /// A table was tried at `at`; `sockets` is how many the counters told of, or none when it failed and so teaches
    /// nothing.
    pub(super) fn table_tried(&mut self, purse: Purse, at: Monotonic, cpu: Duration, sockets: Option<u64>) {
        match purse {
            Purse::Budget => self.spent += cpu,
            Purse::Outside => self.outside += cpu,
        }
        self.tried = Some(at);
        let Some(sockets) = sockets else { return };
        if let Some(last) = self.last {
            self.longest_gap = self.longest_gap.max(at.since(last.at));
        }
        self.cheapest = self.cheapest.min(cpu);
        self.last = Some(Cost { at, cpu, sockets });
    }

    /// Whether a periodic table may be read now, given how many sockets the counters tell of.
    pub(super) fn allows_table(&self, now: Monotonic, sockets: u64) -> bool {
        let rested = self.tried.is_none_or(|at| now.since(at) >= TABLE_GAP);
        let allowance = now.since(self.opened) / SHARE;
        rested && self.spent.saturating_add(self.expected(sockets)) <= allowance
    }

    /// What a table of that many sockets is expected to cost.
    fn expected(&self, sockets: u64) -> Duration {
        let Some(last) = self.last else { return TABLE_GUESS.saturating_add(guess(sockets)) };
        if last.sockets < ENOUGH_SOCKETS {
            return last.cpu.saturating_add(guess(sockets.saturating_sub(last.sockets))).max(self.cheapest);
        }
        let each = Duration::from_nanos(u64::try_from(last.cpu.as_nanos()).unwrap_or(u64::MAX) / last.sockets);
        let more = times(each, sockets.saturating_sub(last.sockets));
        let fewer = times(each, last.sockets.saturating_sub(sockets));
        last.cpu.saturating_add(more).saturating_sub(fewer).max(self.cheapest)
    }

    /// How long to wait between two reads of the counters.
    pub(super) fn period(&self) -> Duration {
        let mut period = FASTEST;
        while period < SLOWEST && self.counters > period / COUNTER_SHARE {
            period *= 2;
        }
        period
    }

    /// CPU time within the budget, and outside it.
    pub(super) const fn spent(&self) -> (Duration, Duration) {
        (self.spent, self.outside)
    }

    /// The longest time between two tables, whatever they were read for.
    pub(super) const fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// The share of one core that was spent within the budget, in percent.
    pub(super) fn share_pct(&self, now: Monotonic) -> f64 {
        let elapsed = now.since(self.opened);
        if elapsed.is_zero() { 0.0 } else { 100.0 * self.spent.as_secs_f64() / elapsed.as_secs_f64() }
    }
}

/// What so many sockets are taken to cost while none have told.
fn guess(sockets: u64) -> Duration {
    let large = sockets.saturating_sub(LARGE);
    times(SOCKET_GUESS, sockets - large).saturating_add(times(LARGE_GUESS, large))
}

fn times(span: Duration, n: u64) -> Duration {
    span.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENED: Monotonic = Monotonic::from_nanos(1_000_000_000);

    fn at_ms(millis: u64) -> Monotonic {
        OPENED.after(Duration::from_millis(millis))
    }

    fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn the_counters_period_follows_their_cost() {
        for (cost_us, period_ms) in
            [(0, 20), (100, 20), (200, 20), (201, 40), (400, 40), (500, 80), (3000, 320), (1_000_000, 1280)]
        {
            let mut budget = Budget::new(OPENED);
            budget.counters_read(us(cost_us));
            assert_eq!(budget.period(), Duration::from_millis(period_ms), "{cost_us} us");
        }
    }

    #[test]
    fn one_dear_read_of_the_counters_passes() {
        let mut budget = Budget::new(OPENED);
        budget.counters_read(us(100));
        budget.counters_read(us(900));
        assert_eq!(budget.period(), Duration::from_millis(20));
        for _ in 0..50 {
            budget.counters_read(us(900));
        }
        assert_eq!(budget.period(), Duration::from_millis(160));
    }

    #[test]
    fn a_table_waits_for_its_turn_and_its_money() {
        // (spent on counters in us, last table: at ms, cost us, sockets; now ms, sockets now, allowed)
        for (spent, last, now, sockets, allowed) in [
            (0, None, 100, 0, false),                             // 2 ms of 1.8 ms
            (0, None, 110, 0, true),                              // 2 ms of 2 ms
            (0, None, 160, 600, true),                            // 2.9 ms of 2.9 ms
            (0, None, 160, 700, false),                           // 3.1 ms of 2.9 ms
            (0, Some((0, 500, 0)), 99, 0, false),                 // too soon, at any price
            (0, Some((0, 500, 0)), 100, 0, true),                 // 1 ms of 1.8 ms
            (1000, Some((0, 500, 0)), 100, 0, false),             // counters have eaten it
            (0, Some((0, 10_000, 10_000)), 1000, 10_000, false),  // 20 ms of 18 ms
            (0, Some((0, 10_000, 10_000)), 1100, 10_000, true),   // 20 ms of 20 ms
            (0, Some((0, 10_000, 10_000)), 1100, 20_000, false),  // twice the sockets, 30 ms of 20 ms
            (0, Some((0, 10_000, 10_000)), 1650, 20_000, true),   // 30 ms of 30 ms
            (0, Some((0, 1000, 1)), 100, 5000, false),            // few sockets tell nothing: 9 ms of 1.8 ms
            (0, Some((0, 1000, 1)), 550, 5000, true),             // 9.5 ms of 10 ms
            (0, Some((0, 10_000, 10_000)), 900, u64::MAX, false), // no overflow
        ] {
            let mut budget = Budget::new(OPENED);
            budget.counters_read(us(spent));
            if let Some((at, cost, sockets)) = last {
                budget.table_tried(Purse::Budget, at_ms(at), us(cost), Some(sockets));
            }
            assert_eq!(budget.allows_table(at_ms(now), sockets), allowed, "{spent} {last:?} {now} {sockets}");
        }
    }

    #[test]
    fn a_table_is_never_expected_below_the_cheapest_seen() {
        let mut budget = Budget::new(OPENED);
        budget.table_tried(Purse::Budget, at_ms(0), us(800), Some(0));
        budget.table_tried(Purse::Budget, at_ms(100), us(30_000), Some(30_000));
        assert_eq!(budget.expected(0), us(800));
        assert_eq!(budget.expected(15_000), us(15_000));
    }

    #[test]
    fn tables_outside_are_kept_apart_but_teach() {
        let mut budget = Budget::new(OPENED);
        budget.table_tried(Purse::Outside, at_ms(0), us(50_000), Some(50_000));
        assert_eq!(budget.spent(), (Duration::ZERO, us(50_000)));
        assert!(!budget.allows_table(at_ms(500), 50_000), "50 ms do not fit into 9 ms");
        assert!(budget.allows_table(at_ms(2750), 50_000));
        budget.table_tried(Purse::Budget, at_ms(2750), us(50_000), Some(50_000));
        assert_eq!((budget.spent(), budget.longest_gap()), ((us(50_000), us(50_000)), Duration::from_millis(2750)));
        assert!((budget.share_pct(at_ms(2500)) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_table_that_failed_costs_but_teaches_nothing() {
        let mut budget = Budget::new(OPENED);
        budget.table_tried(Purse::Budget, at_ms(1000), us(800), Some(0));
        budget.table_tried(Purse::Budget, at_ms(2000), us(5), None);
        assert!(!budget.allows_table(at_ms(2099), 0) && budget.allows_table(at_ms(2100), 0));
        assert_eq!((budget.expected(0), budget.spent()), (us(800), (us(805), Duration::ZERO)));
        budget.table_tried(Purse::Outside, at_ms(4000), us(800), Some(0));
        assert_eq!(budget.longest_gap(), Duration::from_secs(3));
    }

    /// Plays a run whose tables cost `each` per socket beyond `base`, and whose sockets grow to `sockets` in a second.
    fn played(seconds: u64, base: Duration, each: Duration, sockets: u64, counters: Duration) -> (f64, u32) {
        let mut budget = Budget::new(OPENED);
        let (mut now, end, mut tables) = (OPENED, at_ms(1000 * seconds), 0);
        while now < end {
            budget.counters_read(counters);
            let open = sockets.min(sockets * u64::try_from(now.since(OPENED).as_millis()).unwrap() / 1000);
            if budget.allows_table(now, open) {
                budget.table_tried(Purse::Budget, now, base + times(each, open), Some(open));
                tables += 1;
            }
            now = now.after(budget.period());
        }
        (budget.share_pct(end), tables)
    }

    #[test]
    fn at_no_socket_count_does_it_spend_more_than_two_percent() {
        for sockets in [0, 100, 2000, 28_000, 56_000, 200_000, 1_000_000] {
            for (base, each, counters) in [(300, 800, 100), (2000, 3000, 150), (100, 200, 900), (0, 1500, 5000)] {
                let (share, tables) = played(20, us(base), Duration::from_nanos(each), sockets, us(counters));
                assert!(share <= 2.0, "{sockets} {base} {each} {counters}: {share} %");
                let affordable = TABLE_GUESS.max(us(base)) + guess(sockets) < Duration::from_millis(150);
                assert!(tables >= 1 || !affordable, "{sockets} {base} {each} {counters}: no table");
            }
        }
    }

    #[test]
    fn cheap_tables_come_ten_times_a_second() {
        let (_, tables) = played(10, us(300), Duration::from_nanos(800), 100, us(80));
        assert!((95..=101).contains(&tables), "{tables}");
    }
}
