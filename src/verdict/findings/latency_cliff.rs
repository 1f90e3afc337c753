//! Connect became slower once half of the port range was in use: Linux searches one parity first, then the other.

use std::time::Duration;

use super::finding;
use crate::record::{ArmRun, Finding, IntervalPoint, Severity};

/// The search passes over to the other parity of the range here (`__inet_hash_connect`).
const HALF: f64 = 0.5;

/// Fewer intervals than this on either side of the half are no comparison.
const LEAST_INTERVALS: usize = 3;

/// Measured is a factor of 25 on a default range; noise on a busy machine stays below 3.
const FACTOR: u32 = 3;

/// A step of less than this is within what scheduling alone does to a connect.
const STEP: Duration = Duration::from_micros(50);

pub(super) fn rule(arm: &ArmRun) -> Option<Finding> {
    if arm.facts.port_search != "kernel" {
        return None;
    }
    let used = used_over_time(arm);
    let (mut before, mut beyond) = (Vec::new(), Vec::new());
    for interval in arm.intervals() {
        let Some(p50) = interval.connect_p50 else { continue };
        match side_of_half(&used, interval) {
            Some(false) => before.push(p50),
            Some(true) => beyond.push(p50),
            None => {}
        }
    }
    let (before, beyond) = (middle(before)?, middle(beyond)?);
    if beyond < before * FACTOR || beyond - before < STEP {
        return None;
    }
    let micros = |value: Duration| value.as_secs_f64() * 1e6;
    let text = format!(
        "connect became {:.0} times slower in the {} arm once half of its ports were in use: {:.0} us by the median before, \
         {:.0} us beyond. Linux looks for a free port among those of one parity first and then walks the other; the \
         fuller the range, the longer the walk, and this cost comes before any connect fails. Fix: hold fewer \
         connections; a wider net.ipv4.ip_local_port_range moves the cliff, and IP_LOCAL_PORT_RANGE on the socket has \
         none.",
        micros(beyond) / micros(before),
        arm.facts.name,
        micros(before),
        micros(beyond),
    );
    finding("latency-cliff", arm, Severity::Warning, text)
}

/// The share of the range in use (0 to 1) at each look that tells it.
fn used_over_time(arm: &ArmRun) -> Vec<(Duration, f64)> {
    let available = f64::from(arm.facts.ephemeral_ports.count.max(1));
    let looks = arm.samples.values().iter().filter_map(|sample| {
        let used = arm.ports_used(sample.client.as_ref()?)?;
        Some((sample.at, used as f64 / available))
    });
    looks.collect()
}

/// Whether `interval` lies beyond the half; none when it passed it meanwhile, or when nobody looked.
fn side_of_half(used: &[(Duration, f64)], interval: &IntervalPoint) -> Option<bool> {
    let at = |time| used[..used.partition_point(|(at, _)| *at <= time)].last().map(|(_, share)| *share >= HALF);
    let (from, to) = (at(interval.from).or_else(|| at(interval.to))?, at(interval.to)?);
    (from == to).then_some(to)
}

/// The median, of enough values.
fn middle(mut values: Vec<Duration>) -> Option<Duration> {
    values.sort_unstable();
    (values.len() >= LEAST_INTERVALS).then(|| values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::super::tests::arm;
    use super::*;
    use crate::record::TcpState;
    use crate::verdict::fixture::Story;

    /// Ten intervals of 100 ms in which 200 ports more are held each; connects take `beyond` from the half on.
    fn filling(beyond: Duration) -> Story {
        (0..10u64).fold(Story::new("leaky"), |story, step| {
            let took = if step < 5 { Duration::from_micros(20) } else { beyond };
            let story = story.client(step * 100, &[(TcpState::CloseWait, step * 200)]);
            story.connects(took, 200).load(step * 100, step * 100 + 99, 200, 200)
        })
    }

    #[test]
    fn fires_on_a_step_at_the_half() {
        let found = rule(&arm(filling(Duration::from_micros(500)))).unwrap();
        assert!(found.text.contains("25 times slower") && found.text.contains("20 us"), "{}", found.text);
    }

    #[test]
    fn a_gentle_slope_or_another_search_is_no_cliff() {
        assert_eq!(rule(&arm(filling(Duration::from_micros(50)))), None);
        let mut story = filling(Duration::from_micros(500));
        story.facts.port_search = "per-socket".into();
        assert_eq!(rule(&arm(story)), None);
    }
}
