//! The JSON Schemas of the documents that this room writes, made from their types.

use serde_json::Value;

use crate::record::{Check, Comparison, Doctor, Event, Summary, Trace};

/// The JSON Schema of the document of that name, as `--json` writes it, or of one line of `events.jsonl` (`events`); none for
/// another name.
#[must_use]
pub fn schema(name: &str) -> Option<Value> {
    match name {
        "summary" => Some(schemars::schema_for!(Summary).to_value()),
        "check" => Some(schemars::schema_for!(Check).to_value()),
        "comparison" => Some(schemars::schema_for!(Comparison).to_value()),
        "doctor" => Some(schemars::schema_for!(Doctor).to_value()),
        "trace" => Some(schemars::schema_for!(Trace).to_value()),
        "events" => Some(schemars::schema_for!(Event).to_value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{check, doctor, fixture};
    use super::*;

    #[test]
    fn a_real_summary_obeys_its_schema() {
        let (_, summary) = fixture::judged();
        let schema = jsonschema::validator_for(&schema("summary").unwrap()).unwrap();
        let mut document = serde_json::to_value(&summary).unwrap();
        schema.validate(&document).unwrap();
        document["arms"][0]["attempts"] = "many".into();
        assert!(!schema.is_valid(&document), "a schema that takes anything proves nothing");
    }

    #[test]
    fn every_check_obeys_its_schema() {
        let schema = jsonschema::validator_for(&schema("check").unwrap()).unwrap();
        for check in check::fixture::all() {
            let text = check::check_json(&check).unwrap();
            assert_eq!(serde_json::from_str::<Check>(&text).unwrap(), check);
            let mut document: Value = serde_json::from_str(&text).unwrap();
            schema.validate(&document).unwrap();
            document["faults"][0]["verdict"] = "fine".into();
            assert!(!schema.is_valid(&document), "a schema that takes anything proves nothing");
        }
    }

    #[test]
    fn every_doctor_obeys_its_schema() {
        let schema = jsonschema::validator_for(&schema("doctor").unwrap()).unwrap();
        for document in doctor::fixture::all() {
            let text = doctor::doctor_json(&document).unwrap();
            assert_eq!(serde_json::from_str::<Doctor>(&text).unwrap(), document);
            let mut document: Value = serde_json::from_str(&text).unwrap();
            schema.validate(&document).unwrap();
            document["walls"][0]["unit"] = "parsecs".into();
            assert!(!schema.is_valid(&document), "a schema that takes anything proves nothing");
        }
    }

    #[test]
    fn every_real_event_obeys_its_schema() {
        let schema = jsonschema::validator_for(&schema("events").unwrap()).unwrap();
        for event in fixture::events() {
            schema.validate(&serde_json::to_value(&event).unwrap()).unwrap();
        }
        assert!(!schema.is_valid(&json!({ "unheard_of": {} })));
    }

    #[test]
    fn another_name_has_none() {
        assert_eq!(schema("serve"), None);
    }

    /// The contract's example, without its numbers.
    fn promised() -> Value {
        let state = json!({ "peak": 0, "final": 0 });
        let phase = json!({ "p50": 0, "p90": 0, "p99": 0, "p999": 0, "max": 0, "count": 0 });
        json!({
            "schema": "closewait.summary/1", "scenario": "login-failure", "seed": 1, "complete": true,
            "host": { "kernel": "6.18.44", "cores": 2, "nofile": 20000 },
            "arms": [{
                "name": "leaky", "driver": "tiberius", "close": "leaky", "target": "embedded", "sandbox": "two-hosts",
                "port_search": "kernel", "tcp_fin_timeout_s": 60, "tcp_tw_reuse": 2,
                "ephemeral_ports": { "low": 40000, "high": 41999, "count": 2000 },
                "attempts": 5000,
                "outcomes": { "login_rejected": 2000, "ports_exhausted": 3000 },
                "server_errors": { "18456": 2000 },
                "sockets": {
                    "client": { "close_wait": state, "time_wait": state, "established": state },
                    "server": { "fin_wait_2": state, "time_wait": state } },
                "ports": { "available": 2000, "peak": 2000, "peak_pct": 100.0, "peak_source": "table",
                    "exhausted": true, "exhausted_after_s": 1.02 },
                "latency_ms": { "connect": phase, "connect_failed": phase, "prelogin": phase, "tls": phase,
                    "login": phase, "close": phase, "total": phase },
                "load": { "offered_per_s": 2000.0, "achieved_per_s": 1999.1, "schedule_lag_p99_ms": 0.4, "capped": 0 },
                "cpu": { "load_s": 1.2, "server_s": 0.9, "sampler_s": 0.02 }
            }],
            "expectations": [{ "arm": "leaky", "expect": "ports.exhausted == true", "passed": true, "actual": true }],
            "findings": [{ "id": "ports-exhausted-by-close-wait", "arm": "leaky", "severity": "failure", "text": "..." }],
            "passed": true
        })
    }

    /// Every field of `promised` stands in `actual`, at every depth; only the first entry of a list is compared.
    fn assert_holds(promised: &Value, actual: &Value, path: &str) {
        match promised {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let found = actual.get(name).unwrap_or_else(|| panic!("`{path}.{name}` is promised and absent"));
                    assert_holds(value, found, &format!("{path}.{name}"));
                }
            }
            Value::Array(entries) => assert_holds(&entries[0], &actual[0], &format!("{path}[0]")),
            _ => {}
        }
    }

    #[test]
    fn the_contracts_example_is_kept() {
        let (_, summary) = fixture::judged();
        assert_holds(&promised(), &serde_json::to_value(&summary).unwrap(), "");
    }

    #[test]
    fn the_contracts_example_of_a_check_is_kept() {
        let promised = json!({
            "schema": "closewait.check/1", "command": ["python3"], "sandbox": "two-hosts", "target": "sql.test:1433",
            "faults": [{
                "fault": "login-18456", "verdict": "leak", "command_exit": 0, "command_wall_s": 6.1,
                "connections": 5, "leaked": 5,
                "ended_by": { "client_fin": 0, "client_rst": 0, "server_rst": 0, "process_exit": 5, "refused": 0,
                    "harness": 0, "never": 0 },
                "held_ms": { "p50": 5010.0, "max": 5020.1 }, "held_states": { "close_wait": 5 }, "symptoms": ["spin"],
                "processes": [{ "pid": 312, "command": "python3 app.py", "held": 5 }]
            }],
            "passed": false
        });
        let document = serde_json::to_value(check::fixture::leak()).unwrap();
        assert_holds(&promised, &document, "");
        assert_eq!(document["faults"][0]["ended_by"], promised["faults"][0]["ended_by"], "zeros stand in the document");
    }
}
