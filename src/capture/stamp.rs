//! The kernel's time of a packet, on the one clock.
//!
//! The kernel stamps packets with the wall clock only, so that the distance of the two clocks is read with every batch.
//! The choice not taken: the time of the reading, which tells of the reader and not of the packet.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::units::Monotonic;

/// How often the two clocks are read against each other: once would trust that nobody interrupts the reading.
const READINGS: u32 = 3;

/// No batch takes longer to read.
const AHEAD: Duration = Duration::from_secs(1);

/// How far the wall clock is ahead of the monotonic one, in nanoseconds, and when that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Offset {
    ahead: i128,
    read: Monotonic,
}

impl Offset {
    /// The distance now, of several readings the one that took the shortest.
    pub(super) fn read() -> Self {
        let reading = |_| {
            let (before, wall) = (Monotonic::now(), wall());
            let width = Monotonic::now().since(before);
            (width, wall - i128::from(before.after(width / 2).as_nanos()))
        };
        let (_, ahead) = (0..READINGS).map(reading).min_by_key(|(width, _)| *width).expect("READINGS is not zero");
        Self { ahead, read: Monotonic::now() }
    }

    /// The instant of the wall clock's `stamp`.
    pub(super) fn instant(self, stamp: i128) -> Monotonic {
        let instant = u64::try_from(stamp - self.ahead).map_or(self.read, Monotonic::from_nanos);
        // A wall clock that was set between the stamp and this reading would put the packet far into the future; one that
        // comes during the batch is later than its beginning.
        if instant > self.read.after(AHEAD) { self.read } else { instant }
    }
}

/// The wall clock's reading, in nanoseconds.
pub(super) fn wall() -> i128 {
    let wall = clock_gettime(ClockId::Realtime);
    i128::from(wall.tv_sec) * 1_000_000_000 + i128::from(wall.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_the_stamp_less_the_offset_and_never_far_ahead() {
        let offset = Offset { ahead: 1_000, read: Monotonic::from_nanos(900) };
        let second = 1_000_000_000;
        let rows =
            [(1_500, 500), (1_950, 950), (10, 900), (1_900 + second, 900 + second as u64), (1_901 + second, 900)];
        for (stamp, expected) in rows {
            assert_eq!(offset.instant(stamp), Monotonic::from_nanos(expected), "{stamp:?}");
        }
    }

    #[test]
    fn the_wall_clock_now_is_this_clock_now() {
        let before = Monotonic::now();
        let instant = Offset::read().instant(wall());
        let slack = Duration::from_millis(1);
        assert!(instant.after(slack) >= before && instant <= Monotonic::now().after(slack));
    }
}
