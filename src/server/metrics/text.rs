//! A server's counts in Prometheus' text format, version 0.0.4.
//!
//! Names follow Prometheus' conventions: a prefix, the unit last, `_total` for what only grows. The choice not taken:
//! the crate prometheus-client, which writes OpenMetrics alone; there the type stands at `NAME` and the value at
//! `NAME_total`, which readers of the older format take for two metrics, one of them without a type and a help.

use std::fmt::{self, Display, Write as _};

use crate::server::Counts;

/// The page that is scraped.
pub(super) fn page(counts: &Counts) -> String {
    let mut page = Page::default();
    page.one("build_info", "The version that serves; always 1.", Kind::Gauge)
        .row(&[("version", &env!("CARGO_PKG_VERSION"))], 1);
    page.one("connections_accepted_total", "Connections accepted.", Kind::Counter).row(&[], counts.accepted);
    page.one("connections_open", "Connections that are neither ended nor held.", Kind::Gauge).row(&[], counts.open);
    page.one("connections_held", "Connections whose login is over and whose descriptor is kept.", Kind::Gauge)
        .row(&[], counts.held);
    page.one("connections_ended_total", "Connections ended, by who ended them first.", Kind::Counter)
        .row(&[("by", &"client")], counts.ended_by_client)
        .row(&[("by", &"server")], counts.ended_by_server);
    page.one("connections_malformed_total", "Connections given up because of what the client sent.", Kind::Counter)
        .row(&[], counts.malformed);
    let refused = counts.logins_refused.values().flat_map(|states| states.values()).sum();
    page.one("logins_total", "Logins decided, by result.", Kind::Counter)
        .row(&[("result", &"accepted")], counts.logins_good)
        .row(&[("result", &"refused")], refused);
    let failures = "Logins refused, by the error's number and its true state.";
    let mut family = page.one("login_failures_total", failures, Kind::Counter);
    for (number, states) in &counts.logins_refused {
        for (state, count) in states {
            family = family.row(&[("number", number), ("state", state)], *count);
        }
    }
    page.one("login_timeouts_total", "Connections closed because the login took too long.", Kind::Counter)
        .row(&[], counts.timed_out);
    let mut family = page.one("faults_total", "Times that a fault had something to do, by its name.", Kind::Counter);
    for (fault, count) in &counts.faults {
        family = family.row(&[("fault", fault)], *count);
    }
    page.one("tls_handshakes_total", "TLS handshakes, by result.", Kind::Counter)
        .row(&[("result", &"finished")], counts.tls_handshakes)
        .row(&[("result", &"failed")], counts.tls_failed);
    page.one("accept_pauses_total", "Times that no descriptor or memory was left to accept with.", Kind::Counter)
        .row(&[], counts.accept_pauses);
    page.one("error_log_entries_lost_total", "Error-log entries that could not be written.", Kind::Counter)
        .row(&[], counts.log_entries_lost);
    page.0
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

#[derive(Default)]
struct Page(String);

/// A metric, to which rows are added.
struct Metric<'a> {
    page: &'a mut String,
    name: &'a str,
}

impl Page {
    fn one<'a>(&'a mut self, name: &'a str, help: &str, kind: Kind) -> Metric<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let page = &mut self.0;
        put(page, format_args!("# HELP closewait_{name} {help}\n# TYPE closewait_{name} {kind}\n"));
        Metric { page, name }
    }
}

impl Metric<'_> {
    fn row(self, labels: &[(&str, &dyn Display)], value: u64) -> Self {
        let Self { page, name } = self;
        put(page, format_args!("closewait_{name}"));
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            put(page, format_args!("{before}{label}=\"{}\"", escaped(&text.to_string())));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        put(page, format_args!("{after} {value}\n"));
        Self { page, name }
    }
}

fn put(page: &mut String, text: fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = page.write_fmt(text);
}

/// A label's value may hold anything; these three are written otherwise.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::{Command, Stdio};

    use super::*;

    fn counts() -> Counts {
        Counts {
            accepted: 7,
            logins_good: 1,
            logins_refused: BTreeMap::from([
                (18456, BTreeMap::from([(5, 1), (8, 2)])),
                (4060, BTreeMap::from([(1, 1)])),
            ]),
            faults: BTreeMap::from([("login-18456".to_owned(), 3), ("odd\"\\\n".to_owned(), 1)]),
            tls_handshakes: 4,
            held: 2,
            ..Counts::default()
        }
    }

    #[test]
    fn every_row_has_its_labels() {
        let page = page(&counts());
        for row in [
            "closewait_connections_accepted_total 7\n",
            "closewait_connections_held 2\n",
            "closewait_connections_ended_total{by=\"server\"} 0\n",
            "closewait_logins_total{result=\"accepted\"} 1\n",
            "closewait_logins_total{result=\"refused\"} 4\n",
            "closewait_login_failures_total{number=\"18456\",state=\"8\"} 2\n",
            "closewait_faults_total{fault=\"login-18456\"} 3\n",
            "closewait_faults_total{fault=\"odd\\\"\\\\\\n\"} 1\n",
            "closewait_tls_handshakes_total{result=\"finished\"} 4\n",
        ] {
            assert!(page.contains(row), "{row}{page}");
        }
    }

    /// Every field of the counts is told: one that is added to them and not to the page fails here.
    #[test]
    fn no_count_is_missing() {
        let mut number = 1000;
        let counts = counts();
        let mut document = serde_json::to_value(&counts).unwrap();
        for (_, value) in document.as_object_mut().unwrap().iter_mut().filter(|(_, value)| value.is_number()) {
            number += 1;
            *value = number.into();
        }
        let page = page(&serde_json::from_value(document.clone()).unwrap());
        for (name, value) in document.as_object().unwrap().iter().filter(|(_, value)| value.is_number()) {
            assert_eq!(page.matches(&format!(" {value}\n")).count(), 1, "{name}\n{page}");
        }
    }

    #[test]
    fn prometheus_own_linter_has_nothing_to_say() {
        let command = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut promtool) = command else {
            return crate::skipped("prometheus_own_linter_has_nothing_to_say", "no promtool here (Debian: prometheus)");
        };
        std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), page(&counts()).as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}
