//! When to look again: as often as is useful, and as seldom as the cost asks for.

use std::time::Duration;

/// The share of one core that is aimed at, in percent: what is promised is 5.
const SHARE_PCT: u32 = 4;
/// More often than this nobody reads.
const FASTEST: Duration = Duration::from_secs(1);
/// More seldom than this it is not live any more: beyond 30 million sockets.
const SLOWEST: Duration = Duration::from_secs(600);

/// How long to wait between two looks when everything from one to the next took `cpu`.
pub(super) fn rest(cpu: Duration) -> Duration {
    (cpu * 100 / SHARE_PCT).clamp(FASTEST, SLOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dear_is_done_seldom() {
        let rests = [0, 10, 40, 100, 1_000].map(|ms| rest(Duration::from_millis(ms)).as_millis());
        assert_eq!(rests, [1_000, 1_000, 1_000, 2_500, 25_000]);
    }
}
