//! The load generator held more sockets than any table of the client saw: the top fell between two tables.

use super::evidence::{held, resets};
use super::finding;
use crate::record::{ArmRun, Finding, Severity, Side, TcpState};
use crate::units::Count;

/// A tenth more than any table saw is not what attempts under way make.
const MORE: u64 = 10;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let seen = arm.owned_peak;
    let last = arm.last.get(&Side::Client)?;
    if !exceeds(arm.held_peak, seen) || hidden(arm, last.total()) {
        return None;
    }
    let tables = arm.end.as_ref().map_or_else(String::new, |end| {
        format!(" {} times, the longest gap {:.1} s", Count(end.sampling.tables), end.sampling.longest_gap_s)
    });
    let text = format!(
        "the {} arm's highest point fell between two tables: the load generator held {} sockets at once, and the most that \
         a table of the client saw is {}. Within its 2 % of a core the sampler read full tables{tables}; take \
         sockets.client.close_wait.peak ({} here) and the other peaks as lower bounds. Fix: a longer arm, or one that \
         holds its sockets longer.",
        arm.facts.name,
        Count(arm.held_peak),
        Count(seen),
        Count(super::evidence::peak(arm, Side::Client, TcpState::CloseWait)),
    );
    finding("peak-between-tables", arm, Severity::Warning, text)
}

fn exceeds(held: u64, seen: u64) -> bool {
    held > seen + seen / MORE
}

/// Whether held sockets are in no TCP state at all, so that no table could ever see them: the client shut them down, or a
/// reset ended them.
fn hidden(arm: &ArmRun, in_last_table: u64) -> bool {
    exceeds(held(arm), in_last_table) || resets(arm) >= arm.held_peak / 2
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arm, found};
    use super::*;
    use crate::record::Outcome;
    use crate::verdict::fixture::Story;

    /// Two workers that held 300 sockets each at 400 ms, and none at the end; a table saw `seen` before.
    fn hill(seen: u64) -> Story {
        let story = Story::new("late").client(300, &[(TcpState::CloseWait, seen), (TcpState::TimeWait, 900)]);
        let story = story.worker(0).held(300).load(0, 400, 1, 1).worker(1).held(300).load(0, 400, 1, 1);
        let story = story.worker(0).held(0).load(400, 500, 1, 1).worker(1).held(0).load(400, 500, 1, 1);
        story.last(2000, Side::Client, &[])
    }

    #[test]
    fn fires_when_more_were_held_than_any_table_saw() {
        let found = rule(&arm(hill(80))).unwrap();
        for part in
            ["held 600 sockets", "client saw is 80", "close_wait.peak (80 here)", "0 times, the longest gap 0.0 s"]
        {
            assert!(found.text.contains(part), "{part}: {}", found.text);
        }
        assert_eq!(rule(&arm(hill(560))), None, "a tenth is within what attempts under way make");
    }

    #[test]
    fn sockets_in_no_state_at_all_fell_between_no_tables() {
        assert_eq!(rule(&arm(hill(80).outcome(Outcome::Reset, 500))), None);
        let half = Story::new("half").held(500).load(0, 1000, 500, 500).last(1200, Side::Client, &[]);
        assert_eq!(found(half), Vec::<String>::new());
        assert_eq!(found(Story::new("unseen").held(500).load(0, 1000, 500, 500)), Vec::<String>::new());
    }
}
