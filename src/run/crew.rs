//! How many load workers an arm takes: one process may have only so many descriptors.

use crate::client::{Close, Late};
use crate::fault::End;
use crate::load::{Arrivals, Retry};
use crate::scenario::Arm;
use crate::server::CloseMode;

/// Descriptors of a worker that are not connections: its channel, its event loop, its timer, its standard streams.
const RESERVE: u64 = 64;

/// More processes than this are not started: a limit that low is a mistake, not a machine.
pub(super) const MOST_WORKERS: u32 = 64;

/// The fewest workers that hold a crowd where each may have `nofile` descriptors; none when that is too many.
pub(super) fn workers(crowd: Crowd, nofile: u64) -> Option<u32> {
    let each = nofile.saturating_sub(RESERVE).max(1);
    (1..=MOST_WORKERS).find(|workers| crowd.in_each(*workers) <= each)
}

/// The most sockets that an arm's clients can have open at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    /// Held beyond their attempts, by all workers together.
    held: u64,
    /// Held by one worker, whose late closer lets go of them at that number.
    pile: u64,
    /// Under way.
    in_flight: u64,
    /// Both, for whatever reason it cannot be more.
    most: u64,
}

impl Crowd {
    /// The crowd of an arm, whose sockets take a port each of so many `ports`, where that is known.
    pub(super) fn of(arm: &Arm, ports: Option<u32>, max_held: u32) -> Self {
        let attempts = attempts(arm).unwrap_or(u64::MAX);
        let most = attempts.min(ports.map_or(u64::MAX, u64::from));
        let in_flight = u64::from(arm.load.in_flight);
        if !arm.close.holds() && !arm.close_logged_in.holds() {
            return Self { held: 0, pile: 0, in_flight, most };
        }
        // What is under way counts against the cap as well: it may come to be held.
        let held = u64::from(max_held);
        Self { held, pile: pile(arm.close).saturating_add(pile(arm.close_logged_in)), in_flight, most: most.min(held) }
    }

    /// How many of them each of so many workers has.
    pub(super) fn in_each(self, workers: u32) -> u64 {
        let share = |n: u64| n.div_ceil(u64::from(workers));
        share(self.held).min(self.pile).saturating_add(share(self.in_flight)).min(share(self.most))
    }
}

/// How many sockets one worker holds by this strategy.
fn pile(close: Close) -> u64 {
    match close {
        Close::Late(Late { count: Some(count), .. }) => count.into(),
        close if close.holds() => u64::MAX,
        _ => 0,
    }
}

/// Whether every socket that the arm's clients hold needs a port of its own, before the embedded server: a half-closed
/// connection gives its port back and keeps its descriptor, and so does one that the server has reset; any other keeps
/// both.
pub(super) fn ports_bound(arm: &Arm) -> bool {
    let resets = matches!(arm.server_close, CloseMode::Unread | CloseMode::Abortive)
        || arm.faults.iter().any(|fault| fault.end() == Some(End::Reset));
    !resets && ![arm.close, arm.close_logged_in].contains(&Close::Half)
}

/// What the arm's client has once, and several workers have each.
pub(super) fn what_each_has(arm: &Arm, workers: u32) -> Vec<String> {
    let counts = [arm.close, arm.close_logged_in].into_iter().filter_map(|close| match close {
        Close::Late(Late { count: Some(count), .. }) => Some((close, count)),
        _ => None,
    });
    let piles = counts.map(|(close, count)| {
        let all = u64::from(count) * u64::from(workers);
        format!("`{close}` counts in each of the {workers} processes: together they may hold {all}, not {count}")
    });
    let pools = matches!(arm.load.retry, Retry::PoolBlocking { .. }).then(|| {
        format!(
            "each of the {workers} processes has a pool of its own, as with SqlClient: each makes a connection before its \
             pool blocks (a lower in_flight or attempts needs fewer processes)"
        )
    });
    piles.chain(pools).collect()
}

/// How many attempts the arm makes at the most, retries included, if that is known.
fn attempts(arm: &Arm) -> Option<u64> {
    let tries = match arm.load.retry {
        Retry::None | Retry::PoolBlocking { .. } => 1,
        Retry::Fixed { times, .. } | Retry::Exponential { times, .. } => 1 + u64::from(times),
    };
    Some(arrivals(arm)?.saturating_mul(tries))
}

/// How many attempts arrive, without retries, if that is known.
pub(super) fn arrivals(arm: &Arm) -> Option<u64> {
    let by_time = arm.load.duration.map(|duration| in_time(arm.load.arrivals, duration.0.as_secs_f64()));
    match (arm.load.attempts, by_time) {
        (Some(attempts), Some(by_time)) => Some(attempts.min(by_time)),
        (attempts, by_time) => attempts.or(by_time),
    }
}

/// How many arrivals fall into `seconds`, rounded up; Poisson arrivals in the mean, with room for chance.
fn in_time(arrivals: Arrivals, seconds: f64) -> u64 {
    let expected = match arrivals {
        Arrivals::Constant { rate } => rate.as_per_second() * seconds,
        Arrivals::Poisson { rate } => {
            let mean = rate.as_per_second() * seconds;
            mean + 6.0 * mean.sqrt()
        }
        Arrivals::Ramp { from, to, over } => {
            let ramp = seconds.min(over.0.as_secs_f64());
            let mean = f64::midpoint(from.as_per_second(), to.as_per_second());
            mean * ramp + to.as_per_second() * (seconds - ramp)
        }
        Arrivals::Burst { size, every } => (seconds / every.0.as_secs_f64()).ceil() * f64::from(size),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float saturates, and it is not negative"
    )]
    let whole = expected.ceil() as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Rate, Span};

    fn arm(text: &str) -> Arm {
        let scenario = crate::scenario::parse("test", &format!("[[arm]]\nname = \"a\"\n{text}"));
        scenario.unwrap_or_else(|errors| panic!("{errors}")).arms.remove(0)
    }

    fn crowd(text: &str, ports: u32, max_held: u32) -> Crowd {
        let arm = arm(text);
        Crowd::of(&arm, ports_bound(&arm).then_some(ports), max_held)
    }

    #[test]
    fn as_many_workers_as_it_takes() {
        for (ports, nofile, expected) in [
            (1, 20_000, Some(1)),
            (19_936, 20_000, Some(1)),
            (19_937, 20_000, Some(2)),
            (28_232, 20_000, Some(2)),
            (2_000, 1_024, Some(3)),
            (2_000, 64, None),
        ] {
            let crowd = crowd("close = \"leaky\"\nattempts = 50000", ports, u32::MAX);
            assert_eq!((crowd.in_each(1), workers(crowd, nofile)), (ports.into(), expected), "{ports} of {nofile}");
        }
    }

    /// 300 ports once counted as 300 sockets, although a reset gives the port back and the descriptor not.
    #[test]
    fn a_reset_socket_holds_no_port() {
        for (text, bound) in [
            ("close = \"leaky\"", true),
            ("close = \"leaky\"\nfaults = [\"login-18456:end=hold\"]", true),
            ("close = \"half\"", false),
            ("close_logged_in = \"half\"", false),
            ("close = \"leaky\"\nserver_close = \"unread\"", false),
            ("close = \"leaky\"\nserver_close = \"abortive\"", false),
            ("close = \"leaky\"\nfaults = [\"login-18456:end=reset\"]", false),
        ] {
            assert_eq!(ports_bound(&arm(text)), bound, "{text}");
        }
        let crowd = crowd("close = \"leaky\"\nserver_close = \"unread\"\nattempts = 1000", 300, u32::MAX);
        assert_eq!((crowd.in_each(1), workers(crowd, 400)), (1000, Some(3)));
    }

    #[test]
    fn no_more_sockets_than_attempts_and_no_more_held_than_may_pile_up() {
        let shares = |text: &str, max_held| crowd(text, 28_232, max_held).in_each(1);
        assert_eq!(
            shares("close = \"leaky\"\nattempts = 1500", u32::MAX),
            1500,
            "held and under way are the same ones"
        );
        assert_eq!(shares("close = \"leaky\"\nattempts = 5000", 1000), 1000);
        assert_eq!(shares("close = \"orderly\"\nattempts = 5000\nin_flight = 100", u32::MAX), 100);
        assert_eq!(shares("close = \"late:count=500\"\nattempts = 5000\nin_flight = 100", u32::MAX), 600);
        assert_eq!(shares("close = \"late:after=1s\"\nattempts = 5000\nin_flight = 100", u32::MAX), 5000);
        // A pile is a worker's own: more workers do not make it smaller, but each has fewer attempts.
        let piles = crowd("close = \"late:count=900\"\nattempts = 9000\nin_flight = 2000", 28_232, u32::MAX);
        assert_eq!((piles.in_each(1), piles.in_each(4), workers(piles, 1024)), (2900, 1400, Some(10)));
    }

    #[test]
    fn what_several_workers_have_each_is_told() {
        let arm = arm("close = \"late:count=5\"\nretry = { pool_blocking = { first = \"1s\", most = \"2s\" } }");
        let told = what_each_has(&arm, 3).join("\n");
        assert!(told.contains("may hold 15, not 5") && told.contains("a pool of its own"), "{told}");
    }

    #[test]
    fn arrivals_in_time() {
        let rate = |n: f64| Rate::per_second(n).unwrap();
        assert_eq!(in_time(Arrivals::Constant { rate: rate(100.0) }, 2.0), 200);
        assert_eq!(in_time(Arrivals::Burst { size: 10, every: Span::from_millis(500) }, 2.0), 40);
        let ramp = Arrivals::Ramp { from: rate(100.0), to: rate(300.0), over: Span::from_secs(1) };
        assert_eq!(in_time(ramp, 2.0), 500);
        assert!(in_time(Arrivals::Poisson { rate: rate(100.0) }, 1.0) > 100);
    }
}
