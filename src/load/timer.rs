//! Sleeping until an instant, to some 50 microseconds.
//!
//! The runtime's own timer has steps of a millisecond, which would be half of every latency at 2,000 attempts a second;
//! a `timerfd` in the same event loop has the kernel's resolution.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::units::Monotonic;

/// A timer in the runtime's event loop.
#[derive(Debug)]
pub(super) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    #[expect(unsafe_code, reason = "tokio has no safe way to register a descriptor that is not one of its own sockets")]
    pub(super) fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // SAFETY: an `OwnedFd` is open until it is dropped, and the `AsyncFd` that owns it never lets it be replaced.
        Ok(Self(unsafe { AsyncFd::register(timer) }?))
    }

    /// Waits until `instant`; returns at once when it has passed.
    pub(super) async fn until(&self, instant: Monotonic) -> io::Result<()> {
        if instant.remaining().is_zero() {
            return Ok(());
        }
        let (seconds, nanos) = (instant.as_nanos() / 1_000_000_000, instant.as_nanos() % 1_000_000_000);
        #[expect(clippy::cast_possible_wrap, reason = "nanoseconds of a u64 are at most 2^34 seconds")]
        let value = Timespec { tv_sec: seconds as i64, tv_nsec: nanos as i64 };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            if instant.remaining().is_zero() {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_never_wakes_early_and_may_be_set_again() {
        let timer = Timer::new().unwrap();
        for millis in [3, 0, 1] {
            let instant = Monotonic::now().after(Duration::from_millis(millis));
            timer.until(instant).await.unwrap();
            assert!(Monotonic::now() >= instant);
        }
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_does_not_end_the_next_one() {
        let timer = Timer::new().unwrap();
        let early = timer.until(Monotonic::now().after(Duration::from_millis(1)));
        let _ = tokio::time::timeout(Duration::ZERO, early).await;
        let instant = Monotonic::now().after(Duration::from_millis(10));
        timer.until(instant).await.unwrap();
        assert!(Monotonic::now() >= instant);
    }
}
