//! The paths that an expectation may name: those of the summary's own type, never a list kept by hand.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::literal::kind_of;
use crate::record::{
    ArmSummary, LatencySummary, LedgerSummary, LoadSummary, Named, Outcome, PhaseSummary, PortsSummary, SocketsSummary,
    StateSummary, TcpState,
};

/// Every path of an arm's summary with the kind of its value, in the words of `Literal::kind`.
pub(super) fn known() -> &'static BTreeMap<String, &'static str> {
    static KNOWN: OnceLock<BTreeMap<String, &'static str>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut paths = BTreeMap::new();
        collect(&document(&filled()), String::new(), &mut paths);
        paths
    })
}

/// The kind of value at `path`; none when the summary has no such field.
pub(super) fn kind(path: &str) -> Option<&'static str> {
    if server_error(path).is_some() {
        return Some("a number");
    }
    known().get(path).copied()
}

/// The known path that is nearest to `path`, when it is near enough to have been meant.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    nearest_of(path, known().keys().map(String::as_str))
}

/// The name nearest to `name`, when it is near enough to have been meant.
pub(super) fn nearest_of<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Jaro-Winkler favours a common start, which fits paths: people mistype their last part. Below 0.7 it guesses.
    const NEAR: f64 = 0.7;
    let near = known.map(|known| (strsim::jaro_winkler(name, known), known)).filter(|(score, _)| *score >= NEAR);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// A field that lies under `path`, when `path` names a group.
pub(super) fn under(path: &str) -> Option<&'static str> {
    if path == "server_errors" {
        return Some("server_errors.18456");
    }
    let start = format!("{path}.");
    known().keys().map(String::as_str).find(|known| known.starts_with(&start))
}

/// What `arm` says at `path`: an outcome, a state or a server error that never came is 0, and what was not observed is
/// null.
pub(super) fn resolve(arm: &ArmSummary, document: &Value, path: &str) -> Value {
    let found = path.split('.').try_fold(document, |value, part| value.get(part));
    match found {
        Some(value) => value.clone(),
        None if kind(path).is_some() && was_observed(arm, path) => Value::from(0),
        None => Value::Null,
    }
}

/// An arm's summary as JSON.
pub(super) fn document(arm: &ArmSummary) -> Value {
    serde_json::to_value(arm).expect("a summary is plain data with text keys")
}

/// Whether an absent field means 0 in this arm: always, except for the sockets of a side that nobody watched, and for the
/// ledger where there was none.
fn was_observed(arm: &ArmSummary, path: &str) -> bool {
    if path.starts_with("ledger.") {
        return arm.ledger.is_some();
    }
    match path.split('.').nth(1) {
        Some("client") if path.starts_with("sockets.") => !arm.sockets.client.is_empty(),
        Some("server") if path.starts_with("sockets.") => !arm.sockets.server.is_empty(),
        _ => true,
    }
}

/// The number in `server_errors.N`.
fn server_error(path: &str) -> Option<u32> {
    path.strip_prefix("server_errors.")?.parse().ok()
}

/// An arm's summary in which no field is absent or null.
fn filled() -> ArmSummary {
    let phase =
        PhaseSummary { p50: Some(0.0), p90: Some(0.0), p99: Some(0.0), p999: Some(0.0), max: Some(0.0), count: 0 };
    let states: BTreeMap<_, _> =
        TcpState::ALL.iter().map(|state| (state.name().to_owned(), StateSummary::default())).collect();
    ArmSummary {
        outcomes: Outcome::ALL.iter().map(|outcome| (*outcome, 1)).collect(),
        outcomes_pct: Outcome::ALL.iter().map(|outcome| (*outcome, 1.0)).collect(),
        sockets: SocketsSummary { client: states.clone(), server: states },
        ports: PortsSummary { exhausted_after_s: Some(0.0), ..PortsSummary::default() },
        ledger: Some(LedgerSummary {
            close_wait_ms: phase,
            close_wait_open_ms: phase,
            fin_wait_2_ms: phase,
            fin_wait_2_expired: Some(0),
            lifetime_ms: phase,
            ..LedgerSummary::default()
        }),
        latency_ms: LatencySummary {
            connect: phase,
            connect_failed: phase,
            prelogin: phase,
            tls: phase,
            login: phase,
            close: phase,
            total: phase,
        },
        load: LoadSummary { schedule_lag_p99_ms: Some(0.0), ..LoadSummary::default() },
        ..ArmSummary::default()
    }
}

fn collect(value: &Value, path: String, paths: &mut BTreeMap<String, &'static str>) {
    let Value::Object(fields) = value else {
        paths.insert(path, kind_of(value));
        return;
    };
    for (name, value) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(value, path, paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_state_and_phase_is_known() {
        for outcome in Outcome::ALL {
            assert_eq!(kind(&format!("outcomes.{}", outcome.name())), Some("a number"));
            assert_eq!(kind(&format!("outcomes_pct.{}", outcome.name())), Some("a number"));
        }
        for state in TcpState::ALL {
            for side in ["client", "server"] {
                assert_eq!(kind(&format!("sockets.{side}.{}.final", state.name())), Some("a number"));
            }
        }
        assert_eq!(kind("latency_ms.connect_failed.p999"), Some("a number"));
        assert_eq!(
            (kind("ledger.close_wait_ms.p99"), kind("ledger.closed_first.client_rst")),
            (Some("a number"), Some("a number"))
        );
        assert_eq!((kind("ports.exhausted"), kind("close")), (Some("true or false"), Some("a string")));
        assert_eq!((kind("server_errors.18456"), kind("server_errors.x")), (Some("a number"), None));
    }

    #[test]
    fn no_known_path_is_null_or_a_group() {
        for (path, kind) in known() {
            assert!(!matches!(*kind, "null" | "a group"), "`filled` must give `{path}` a value");
        }
    }

    #[test]
    fn typing_errors_find_the_path_that_was_meant() {
        assert_eq!(nearest("sockets.client.closewait.peak"), Some("sockets.client.close_wait.peak"));
        assert_eq!(nearest("latency.login.p99"), Some("latency_ms.login.p99"));
        assert_eq!(nearest("zzz"), None);
    }
}
