//! What two arms differ by beyond what repetitions vary by.

use crate::record::{ArmComparison, Finding, Scale, Severity};
use crate::units::Count;

/// One finding for every two arms that differ in anything; `merged` results were played apart from each other.
pub(super) fn rule(comparisons: &[ArmComparison], merged: Option<u32>) -> Vec<Finding> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for it in comparisons.iter().filter(|it| it.different) {
        if !pairs.contains(&(&it.base, &it.other)) {
            pairs.push((&it.base, &it.other));
        }
    }
    pairs.into_iter().map(|pair| found(pair, comparisons, merged)).collect()
}

fn found((base, other): (&str, &str), comparisons: &[ArmComparison], merged: Option<u32>) -> Finding {
    let pair = comparisons.iter().filter(|it| it.base == base && it.other == other);
    let (differ, alike): (Vec<_>, Vec<_>) = pair.partition(|it| it.different);
    let rounds = differ.iter().map(|it| it.repetitions).min().unwrap_or(0);
    let alike = match alike.len() {
        0 => String::new(),
        n => format!(" No difference is proved in {n} other figures."),
    };
    let played = match merged {
        Some(results) => format!("They were played {rounds} times each, in {results} separate results"),
        None => format!("They were played in turns, {rounds} times each"),
    };
    let text = format!(
        "{other} differs from {base} in {}. {played}; with 95 % confidence all these intervals hold at once.{alike}",
        differ.iter().map(|it| told(it)).collect::<Vec<_>>().join("; "),
    );
    Finding { id: "arms-differ".to_owned(), arm: None, severity: Severity::Note, text }
}

/// `login p99: 3.1 times (2.2 to 4.4)`.
fn told(it: &ArmComparison) -> String {
    let metric = &it.metric;
    match it.scale {
        Scale::Ratio => format!("{metric}: {} times ({} to {})", times(it.estimate), times(it.low), times(it.high)),
        Scale::Difference => {
            let (unit, figure): (_, fn(f64) -> String) =
                if metric.starts_with("outcomes_pct.") { ("points ", points) } else { ("", count) };
            let (word, low, high) = match it.estimate {
                estimate if estimate < 0.0 => (if unit.is_empty() { "fewer" } else { "less" }, -it.high, -it.low),
                _ => ("more", it.low, it.high),
            };
            format!("{metric}: {} {unit}{word} ({} to {})", figure(it.estimate.abs()), figure(low), figure(high))
        }
    }
}

fn count(value: f64) -> String {
    let sign = if value < -0.5 { "-" } else { "" };
    format!("{sign}{}", Count(value.abs().round() as u64))
}

/// Of a hundred.
fn points(value: f64) -> String {
    format!("{value:.1}")
}

/// Three digits that count.
fn times(value: f64) -> String {
    match value {
        value if value < 0.0995 => format!("{value:.3}"),
        value if value < 9.95 => format!("{value:.2}"),
        value if value < 99.5 => format!("{value:.1}"),
        value => Count(value.round() as u64).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(metric: &str, scale: Scale, [estimate, low, high]: [f64; 3], different: bool) -> ArmComparison {
        ArmComparison {
            base: "leaky".into(),
            other: "orderly".into(),
            metric: metric.into(),
            scale,
            repetitions: 5,
            base_mean: 1.0,
            other_mean: 1.0,
            estimate,
            low,
            high,
            different,
        }
    }

    #[test]
    fn tells_each_difference_with_its_interval() {
        let told = [
            comparison("latency_ms.login.p99", Scale::Ratio, [0.123, 0.0456, 0.333], true),
            comparison("latency_ms.connect.p99", Scale::Ratio, [1.1, 0.9, 1.3], false),
            comparison("ports.peak", Scale::Difference, [-1900.0, -1950.0, -1850.2], true),
            comparison("sockets.client.close_wait.final", Scale::Difference, [60.0, -1.0, 121.0], true),
            comparison("outcomes_pct.logged_in", Scale::Difference, [-52.0, -80.0, -24.0], true),
        ];
        let found = rule(&told, None);
        let [one] = found.as_slice() else { panic!("{found:?}") };
        for part in [
            "orderly differs from leaky in latency_ms.login.p99: 0.12 times (0.046 to 0.33)",
            "ports.peak: 1,900 fewer (1,850 to 1,950)",
            "close_wait.final: 60 more (-1 to 121)",
            "outcomes_pct.logged_in: 52.0 points less (24.0 to 80.0)",
            "They were played in turns, 5 times each",
            "in 1 other figures",
        ] {
            assert!(one.text.contains(part), "{part}: {}", one.text);
        }
        let merged = rule(&told, Some(4));
        assert!(merged[0].text.contains("played 5 times each, in 4 separate results"), "{}", merged[0].text);
    }

    #[test]
    fn nothing_is_told_of_arms_that_are_alike() {
        assert_eq!(rule(&[comparison("ports.peak", Scale::Difference, [1.0, -3.0, 5.0], false)], None), []);
    }
}
