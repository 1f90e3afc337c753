//! The client holds descriptors whose connections a reset ended: a leak in no TCP state at all.

use super::evidence::{held, resets};
use super::finding;
use crate::record::{ArmRun, Finding, Severity, Side, TcpState};
use crate::units::Count;

/// Fewer held sockets than this may be attempts that were under way.
const LEAST_HELD: u64 = 10;

/// At most one held socket in ten may still show in the table for the leak to count as hidden.
const SHOWN: u64 = 10;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let held = held(arm);
    let table = arm.last.get(&Side::Client)?;
    let gone = |state| matches!(state, TcpState::Listen | TcpState::TimeWait | TcpState::Close);
    let shown: u64 = table.iter().filter(|(state, _)| !gone(*state)).map(|(_, n)| n).sum();
    // A client that only shuts down holds its descriptors without a state too; resets tell the two apart.
    let resets = resets(arm);
    if held < LEAST_HELD || shown > held / SHOWN || resets < held / 2 {
        return None;
    }
    let text = format!(
        "the {} arm still held {} sockets at its end, and the client's table shows {} of them: the server closed with \
         unread data, so its kernel sent RST ({} resets seen) and no CLOSE_WAIT ever came. The ports are free, the \
         descriptors are not, and neither netstat nor ss shows the leak. Fix: close the connection on a failed login \
         too; to find such a leak, count the descriptors of the process.",
        arm.facts.name,
        Count(held),
        Count(shown),
        Count(resets),
    );
    finding("rst-hides-the-leak", arm, Severity::Failure, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::record::Counters;
    use crate::verdict::fixture::Story;

    fn story(resets: u64, states: &[(TcpState, u64)]) -> Story {
        Story::new("leaky")
            .held(500)
            .load(0, 1000, 500, 500)
            .counters(0, Side::Client, Counters::default())
            .counters(1000, Side::Client, Counters { estab_resets: resets, ..Counters::default() })
            .client(1000, states)
            .counters(1001, Side::Server, Counters::default())
    }

    #[test]
    fn fires_on_held_sockets_that_a_reset_took_from_the_table() {
        let mut resets = story(500, &[]);
        resets = resets.counters(1100, Side::Client, Counters { estab_resets: 500, ..Counters::default() });
        assert_eq!(found(resets), ["rst-hides-the-leak"]);
    }

    #[test]
    fn a_leak_that_shows_or_a_shutdown_is_another_matter() {
        let resets = Counters { estab_resets: 500, ..Counters::default() };
        let shown = Story::new("leaky").held(500).load(0, 1000, 500, 500).counters(0, Side::Client, resets);
        assert_eq!(found(shown.client(1000, &[(TcpState::CloseWait, 500)])), Vec::<String>::new());
        assert_eq!(found(story(0, &[])), Vec::<String>::new(), "nothing was reset");
    }
}
