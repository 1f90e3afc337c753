//! What an arm was played with, setting by setting, so that two arms of one name can be told apart.
//!
//! The resolved scenario that heads a record names every setting; what a machine gave instead of what was asked for stands
//! in the arm's facts, and counts. The choice not taken: a list of settings here, which forgets the next one.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::record::{ArmFacts, Run};

/// Settings by name, as they are written.
type Settings = BTreeMap<String, String>;

/// What may differ between two results without their figures being of different things: chance, and what a machine gave.
const GIVEN: [&str; 4] = ["seed", "sandbox", "port_search", "workers"];

/// One setting that differs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    name: String,
    one: Option<String>,
    other: Option<String>,
}

impl Difference {
    /// Whether the load, the client, the server or the ports were others, and not the machine or chance alone.
    pub(super) fn is_of_the_arm(&self) -> bool {
        !GIVEN.contains(&self.name.as_str())
    }
}

/// `attempts 100 and 400; duration unset and 10s`.
pub(super) fn told<'a>(differences: impl IntoIterator<Item = &'a Difference>) -> String {
    let value = |it: &Option<String>| it.clone().unwrap_or_else(|| "unset".to_owned());
    let told = differences.into_iter().map(|it| format!("{} {} and {}", it.name, value(&it.one), value(&it.other)));
    told.collect::<Vec<_>>().join("; ")
}

/// Every setting in which the first arms of that name differ; none where one of the two has no such arm.
pub(super) fn differences(one: &Run, other: &Run, arm: &str) -> Vec<Difference> {
    let first = |run: &Run| Some(of(run, &run.arms.iter().find(|it| it.facts.name == arm)?.facts));
    let Some((one, other)) = first(one).zip(first(other)) else { return Vec::new() };
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
    let differ = differ.map(|name| Difference {
        name: name.clone(),
        one: one.get(name).cloned(),
        other: other.get(name).cloned(),
    });
    differ.collect()
}

fn of(run: &Run, facts: &ArmFacts) -> Settings {
    let mut settings = Settings::new();
    let resolved: Table = run.header.as_ref().and_then(|header| header.resolved.parse().ok()).unwrap_or_default();
    let arms = resolved.get("arm").and_then(Value::as_array).into_iter().flatten();
    match arms.filter_map(Value::as_table).find(|arm| arm.get("name").and_then(Value::as_str) == Some(&facts.name)) {
        Some(arm) => flatten("", arm, &mut settings),
        // A record without its scenario: what the facts say of the load.
        None => {
            let planned = facts.planned_attempts.map(|n| ("attempts", n.to_string()));
            let lasts = facts.planned_s.map(|seconds| ("duration", format!("{seconds}s")));
            settings.extend(planned.into_iter().chain(lasts).map(|(name, value)| (name.to_owned(), value)));
        }
    }
    if let Some(target) = resolved.get("target").and_then(Value::as_table) {
        flatten("target.", target, &mut settings);
    }
    // As one phrase, which the facts have: `constant 200/s`.
    settings.retain(|name, _| name != "name" && !name.starts_with("arrivals"));
    let ports = facts.ephemeral_ports;
    let facts = [
        ("driver", facts.driver.clone()),
        ("close", facts.close.clone()),
        ("target", facts.target.clone()),
        ("arrivals", facts.arrivals.clone()),
        ("sandbox", facts.sandbox.clone()),
        ("ports", format!("{}-{}", ports.low, ports.high)),
        ("port_search", facts.port_search.clone()),
        ("tcp_fin_timeout", format!("{}s", facts.tcp_fin_timeout_s)),
        ("tcp_tw_reuse", facts.tcp_tw_reuse.to_string()),
        ("workers", facts.workers.to_string()),
    ];
    settings.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    settings.extend(run.header.iter().map(|header| ("seed".to_owned(), header.seed.to_string())));
    settings
}

fn flatten(prefix: &str, table: &Table, settings: &mut Settings) {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            Value::Table(table) => flatten(&format!("{name}."), table, settings),
            Value::String(text) => drop(settings.insert(name, text.clone())),
            other => drop(settings.insert(name, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::fixture::{Story, run_of};

    fn run(resolved: &str, change: impl FnOnce(&mut ArmFacts)) -> Run {
        let mut run = run_of(&[Story::new("app")], &[]);
        run.header.as_mut().unwrap().resolved = resolved.to_owned();
        change(&mut run.arms[0].facts);
        run
    }

    #[test]
    fn every_setting_that_differs_is_named() {
        let arm = |rest: &str| format!("seed = 1\n[[arm]]\nname = \"other\"\n[[arm]]\nname = \"app\"\n{rest}");
        let one = run(&arm("attempts = 100\nretry = { fixed = { times = 3 } }\nin_flight = 10"), |_| ());
        let other = run(&arm("duration = \"10s\"\nretry = \"none\"\nin_flight = 10"), |facts| {
            facts.arrivals = "constant 50/s".into();
            facts.sandbox = "port-range".into();
        });
        let differ = differences(&one, &other, "app");
        assert_eq!(
            told(&differ),
            "arrivals constant 2000/s and constant 50/s; attempts 100 and unset; duration unset and 10s; retry unset and none; \
             retry.fixed.times 3 and unset; sandbox two-hosts and port-range"
        );
        assert_eq!(differ.iter().filter(|it| !it.is_of_the_arm()).count(), 1, "the sandbox is what the machine gave");
        assert_eq!(differences(&one, &other, "nobody"), []);
        assert_eq!(differences(&one, &one, "app"), []);
    }

    #[test]
    fn a_record_without_its_scenario_still_tells_the_load() {
        let other = run("", |facts| facts.planned_attempts = Some(400));
        assert_eq!(told(&differences(&run("", |_| ()), &other, "app")), "attempts 5000 and 400");
    }
}
