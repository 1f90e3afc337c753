//! Connect latency by the share of the port range in use: where Linux's port search shows its cliff.
//!
//! A worker tells its connects in slices of 20 ms, the sampler tells the ports in use 50 times a second, and the two come
//! from different processes: a slice waits until a look at or after it has come, and takes the share between the two looks
//! around it. The choice not taken: what the worker itself holds, which knows nothing of TIME_WAIT, of other workers, nor of
//! ports that somebody else uses.

use std::collections::VecDeque;
use std::time::Duration;

use crate::record::{CoarseHistogram, ConnectSlice};

/// Looks that are kept: 80 s at 50 Hz, longer than an attempt may take before its time is up.
const LOOKS: usize = 4096;

/// Slices that may wait for a look; the sampler's next one is 20 ms away.
const WAITING: usize = 1024;

/// Connects of one arm, by the share of the range that was in use when they began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnectsByShare {
    looks: VecDeque<(Duration, f64)>,
    waiting: VecDeque<ConnectSlice>,
    groups: Vec<ShareGroup>,
}

/// The connects that began while the share in use was one of [`ConnectsByShare::GROUPS`] equal parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShareGroup {
    /// Those that succeeded.
    pub connect: CoarseHistogram,
    /// Those that failed, whatever the cause.
    pub failed: CoarseHistogram,
}

impl ConnectsByShare {
    /// How many parts the range is divided into: 2 % each, which is what 20 ms of a fast leak fill.
    pub const GROUPS: usize = 50;

    /// Every group, the empty end of the range first; empty when no connect could be placed.
    #[must_use]
    pub fn groups(&self) -> &[ShareGroup] {
        &self.groups
    }

    /// So many of `available` ports were in use at `at`.
    pub(super) fn look(&mut self, at: Duration, used: u64, available: u32) {
        if available == 0 {
            return;
        }
        if self.looks.len() == LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back((at, (used as f64 / f64::from(available)).min(1.0)));
        self.settle(at);
    }

    /// These connects began in these slices of time.
    pub(super) fn connects(&mut self, slices: &[ConnectSlice]) {
        self.waiting.extend(slices.iter().cloned());
        let last = self.looks.back().map_or(Duration::ZERO, |(at, _)| *at);
        self.settle(last);
        while self.waiting.len() > WAITING {
            let slice = self.waiting.pop_front().expect("there are more than none");
            self.place(&slice);
        }
    }

    /// No look will come any more.
    pub(super) fn end(&mut self) {
        self.settle(Duration::MAX);
    }

    /// Places what began no later than `until`.
    fn settle(&mut self, until: Duration) {
        for slice in std::mem::take(&mut self.waiting) {
            if slice.at <= until { self.place(&slice) } else { self.waiting.push_back(slice) }
        }
    }

    fn place(&mut self, slice: &ConnectSlice) {
        let Some(share) = self.share(slice.at) else { return };
        self.groups.resize_with(Self::GROUPS, ShareGroup::default);
        let group = &mut self.groups[((share * Self::GROUPS as f64) as usize).min(Self::GROUPS - 1)];
        group.connect.merge(&slice.connect);
        group.failed.merge(&slice.failed);
    }

    /// The share at `at`: on the straight line between the looks around it; none before anybody looked.
    fn share(&self, at: Duration) -> Option<f64> {
        let next = self.looks.partition_point(|(look, _)| *look < at);
        let (before, after) = (next.checked_sub(1).and_then(|n| self.looks.get(n)), self.looks.get(next));
        let ((from, low), (to, high)) = (before.or(after)?, after.or(before)?);
        let length = to.saturating_sub(*from).as_secs_f64();
        let part = if length > 0.0 { at.saturating_sub(*from).as_secs_f64() / length } else { 0.0 };
        Some(low + (high - low) * part.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(at: u64, micros: u64) -> ConnectSlice {
        let mut slice = ConnectSlice { at: Duration::from_millis(at), ..ConnectSlice::default() };
        slice.connect.record(Duration::from_micros(micros));
        slice
    }

    fn filled(connects: &ConnectsByShare) -> Vec<(usize, u64)> {
        let counted = connects.groups().iter().map(|group| group.connect.count());
        counted.enumerate().filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn a_slice_takes_the_share_between_the_looks_around_it() {
        let mut connects = ConnectsByShare::default();
        connects.look(Duration::from_millis(0), 0, 100);
        connects.connects(&[slice(10, 20), slice(25, 20), slice(90, 20)]);
        assert_eq!(filled(&connects), [], "nobody has looked after them yet");
        connects.look(Duration::from_millis(20), 50, 100);
        assert_eq!(filled(&connects), [(12, 1)], "25 % of the range");
        connects.look(Duration::from_millis(40), 70, 100);
        assert_eq!(filled(&connects), [(12, 1), (27, 1)]);
        connects.end();
        assert_eq!(filled(&connects), [(12, 1), (27, 1), (35, 1)], "the last look stands for what comes after it");
    }

    #[test]
    fn a_slice_that_comes_late_finds_its_look() {
        let mut connects = ConnectsByShare::default();
        (0..=50).for_each(|n| connects.look(Duration::from_millis(20 * n), n, 50));
        connects.connects(&[slice(500, 20)]);
        assert_eq!(filled(&connects), [(25, 1)]);
    }

    #[test]
    fn what_waits_is_bounded_and_nothing_is_made_up_without_a_look() {
        let mut connects = ConnectsByShare::default();
        (0..3 * WAITING as u64).for_each(|n| connects.connects(&[slice(n, 20)]));
        assert!(connects.waiting.len() <= WAITING);
        connects.end();
        assert!(connects.groups().is_empty());
    }
}
