//! How long a failed attempt waits before it is tried again.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Retry;

/// The back-off before retry number `retry` (from 0); none when there is no further one.
pub(super) fn backoff(policy: Retry, retry: u32, random: &mut StdRng) -> Option<Duration> {
    match policy {
        Retry::None | Retry::PoolBlocking { .. } => None,
        Retry::Fixed { delay, times } => (retry < times).then_some(delay.0),
        Retry::Exponential { first, most, times } => {
            let ceiling = first.0.saturating_mul(2_u32.saturating_pow(retry)).min(most.0);
            // Full jitter ("Exponential Backoff And Jitter", M. Brooker, 2015): anything up to the ceiling.
            (retry < times).then(|| ceiling.mul_f64(random.random()))
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::units::Span;

    #[test]
    fn fixed_counts_its_times() {
        let mut random = StdRng::seed_from_u64(1);
        let policy = Retry::Fixed { delay: Span::from_millis(5), times: 2 };
        let waits: Vec<_> = (0..4).map(|retry| backoff(policy, retry, &mut random)).collect();
        let wait = Some(Duration::from_millis(5));
        assert_eq!(waits, [wait, wait, None, None]);
    }

    #[test]
    fn exponential_stays_below_its_ceiling() {
        let mut random = StdRng::seed_from_u64(1);
        let policy = Retry::Exponential { first: Span::from_millis(10), most: Span::from_millis(35), times: 40 };
        for (retry, ceiling) in [(0, 10), (1, 20), (2, 35), (3, 35), (39, 35)] {
            for _ in 0..50 {
                assert!(backoff(policy, retry, &mut random).unwrap() <= Duration::from_millis(ceiling));
            }
        }
        assert_eq!(backoff(policy, 40, &mut random), None);
    }
}
