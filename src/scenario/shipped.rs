//! The scenarios that ship with the program; `closewait run NAME` plays one without a file.

use std::sync::LazyLock;

/// A scenario that ships with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// What it shows, and what must happen: the two lines that open it.
    pub about: [&'static str; 2],
    /// Its text.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal,)+) => {
        [$(($name, include_str!(concat!("../../scenarios/", $name, ".toml"))),)+]
    };
}

/// In the order in which they are best read.
static SHIPPED: LazyLock<Vec<Shipped>> = LazyLock::new(|| {
    let files = shipped![
        "login-failure",
        "full-range",
        "half-closed",
        "time-wait-churn",
        "late-finalizer",
        "retry-storm",
        "pool-blocking",
        "fin-wait-2-expiry",
        "fin-wait-2-for-ever",
        "rst-hides-it",
        "descriptors-first",
        "healthy-churn",
    ];
    files.into_iter().map(|(name, text)| Shipped { name, about: about(text), text }).collect()
});

/// Every scenario that ships with the program; the first is the one that is played when none is named.
#[must_use]
pub fn shipped() -> &'static [Shipped] {
    &SHIPPED
}

/// The shipped scenario of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Shipped> {
    shipped().iter().find(|shipped| shipped.name == name)
}

fn about(text: &'static str) -> [&'static str; 2] {
    let mut lines = text.lines().map(|line| line.trim_start_matches('#').trim());
    [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::parse;

    #[test]
    fn every_one_is_valid_and_says_what_must_happen() {
        for shipped in shipped() {
            let scenario = parse(shipped.name, shipped.text).unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(scenario.name, shipped.name);
            assert!(shipped.about[0].starts_with("What it shows: "), "{}: {:?}", shipped.name, shipped.about);
            assert!(shipped.about[1].starts_with("What must happen: "), "{}: {:?}", shipped.name, shipped.about);
            let judged: BTreeSet<_> =
                scenario.expectations.iter().filter_map(|it| it.arm().map(str::to_owned)).collect();
            let arms: BTreeSet<_> = scenario.arms.iter().map(|arm| arm.name.clone()).collect();
            assert_eq!(judged, arms, "{}: every arm is judged", shipped.name);
        }
    }

    #[test]
    fn every_file_ships() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let files: BTreeSet<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let names: BTreeSet<_> = shipped().iter().map(|shipped| format!("{}.toml", shipped.name)).collect();
        assert_eq!(files, names);
    }

    /// The longest that the arrivals of one scenario last: the rest of its time is its connections' own.
    #[test]
    fn none_takes_long() {
        for shipped in shipped() {
            let scenario = parse(shipped.name, shipped.text).unwrap();
            let seconds: f64 = scenario.arms.iter().map(|arm| (arm.settle.0 + length(&arm.load)).as_secs_f64()).sum();
            let most = if shipped.name == "full-range" { 20.0 } else { 6.0 };
            assert!(seconds <= most, "{} takes {seconds} s", shipped.name);
        }
    }

    fn length(load: &crate::load::Config) -> std::time::Duration {
        use crate::load::Arrivals;
        let rate = match load.arrivals {
            Arrivals::Constant { rate } | Arrivals::Poisson { rate } => rate.as_per_second(),
            Arrivals::Ramp { from, .. } => from.as_per_second(),
            Arrivals::Burst { size, every } => f64::from(size) / every.0.as_secs_f64(),
        };
        let by_attempts = load.attempts.map(|attempts| std::time::Duration::from_secs_f64(attempts as f64 / rate));
        by_attempts.into_iter().chain(load.duration.map(|span| span.0)).min().unwrap_or_default()
    }

    #[test]
    fn found_by_name() {
        assert_eq!(find("retry-storm").map(|shipped| shipped.name), Some("retry-storm"));
        assert_eq!(find("retry-strom"), None);
    }
}
