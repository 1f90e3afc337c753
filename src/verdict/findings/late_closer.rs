//! CLOSE_WAIT rose and fell again: the client closes, but late, as a finalizer does.

use super::evidence::{last, peak};
use super::finding;
use crate::record::{ArmRun, Finding, Severity, Side, TcpState};
use crate::units::Count;

/// A prompt client at thousands of logins a second has some dozens in CLOSE_WAIT at once; below this nothing is late.
pub(super) const LATE_PEAK: u64 = 100;

/// One in ten left at the end is what attempts under way may leave.
const LEFT: u64 = 10;

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    let (peak, left) = (peak(arm, Side::Client, TcpState::CloseWait), last(arm, Side::Client, TcpState::CloseWait));
    if peak < LATE_PEAK || left > peak / LEFT || !arm.has_final_table {
        return None;
    }
    let text = format!(
        "the {} arm had {} sockets in CLOSE_WAIT at once and {} at its end: it closes its connections, but late, as a \
         finalizer or a sweep does. At a higher rate, or with a longer delay, the same client runs out of ports ({} of {} \
         were in use). Fix: close on the failed login itself, and do not leave it to the garbage collector.",
        arm.facts.name,
        Count(peak),
        Count(left),
        Count(arm.ports.peak()),
        Count(u64::from(arm.facts.ephemeral_ports.count)),
    );
    finding("late-closer", arm, Severity::Warning, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::verdict::fixture::Story;

    #[test]
    fn fires_on_a_hill_and_not_on_a_plateau() {
        let hill = |end| Story::new("late").client(500, &[(TcpState::CloseWait, 400)]).last(2000, Side::Client, end);
        assert_eq!(found(hill(&[(TcpState::CloseWait, 3)])), ["late-closer"]);
        assert_eq!(found(hill(&[(TcpState::CloseWait, 390)])), ["never-closed"]);
        let prompt = Story::new("orderly").client(500, &[(TcpState::CloseWait, 30)]).last(2000, Side::Client, &[]);
        assert_eq!(found(prompt), Vec::<String>::new());
    }
}
