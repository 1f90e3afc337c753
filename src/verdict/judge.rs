//! Holds expectations against summaries: first against their type, when a scenario is read, then against the numbers.

use serde_json::Value;

use super::{Expectation, ExpectationError, Literal, Op, paths};
use crate::record::{ArmSummary, ExpectationResult, Named as _};

impl Expectation {
    /// Judges every arm that it is about: one row a name, which passes when it holds in every repetition. An arm that it
    /// names and that was never started fails.
    #[must_use]
    pub fn judge(&self, arms: &[ArmSummary]) -> Vec<ExpectationResult> {
        let mut rows: Vec<ExpectationResult> = Vec::new();
        for arm in arms.iter().filter(|arm| self.arm.as_ref().is_none_or(|name| *name == arm.name)) {
            let row = self.judge_one(arm);
            match rows.iter_mut().find(|earlier| earlier.arm == row.arm) {
                Some(earlier) => both(earlier, row),
                None => rows.push(row),
            }
        }
        match &self.arm {
            Some(name) if rows.is_empty() => vec![self.row(name, Value::Null, false)],
            _ => rows,
        }
    }

    fn judge_one(&self, arm: &ArmSummary) -> ExpectationResult {
        let actual = paths::resolve(arm, &paths::document(arm), &self.path);
        let passed = holds(&actual, self.op, &self.value);
        let failed_in = if passed { Vec::new() } else { arm.repetition.into_iter().collect() };
        ExpectationResult { failed_in, ..self.row(&arm.name, actual, passed) }
    }

    fn row(&self, arm: &str, actual: Value, passed: bool) -> ExpectationResult {
        ExpectationResult { arm: arm.to_owned(), expect: self.body(), passed, failed_in: Vec::new(), actual }
    }

    /// Whether it can be judged at all in a scenario with these arms.
    ///
    /// # Errors
    /// When it names an arm or a field that does not exist, or compares a field with a value of another kind; the error
    /// names the nearest known one.
    pub fn check(&self, arm_names: &[&str]) -> Result<(), ExpectationError> {
        if let Some(arm) = self.arm.as_ref().filter(|arm| !arm_names.contains(&arm.as_str())) {
            let nearest = paths::nearest_of(arm, arm_names.iter().copied()).map(str::to_owned);
            return Err(ExpectationError::UnknownArm { at: self.places.arm.clone(), arm: arm.clone(), nearest });
        }
        let Some(is) = paths::kind(&self.path) else { return Err(self.unknown_path()) };
        let other = self.value.kind();
        if self.op.orders() && other != "a number" {
            let (op, path) = (self.op.name(), self.path.clone());
            return Err(ExpectationError::NoOrder { at: self.places.op.clone(), op, path, other });
        }
        if self.value != Literal::Null && is != other {
            let (at, path, value) = (self.places.value.clone(), self.path.clone(), self.value.to_string());
            return Err(ExpectationError::WrongKind { at, path, is, value, other });
        }
        Ok(())
    }

    fn unknown_path(&self) -> ExpectationError {
        let (at, path) = (self.places.path.clone(), self.path.clone());
        match paths::under(&path) {
            Some(example) => ExpectationError::Group { at, path, example: example.to_owned() },
            None => {
                let nearest = paths::nearest(&path).map(str::to_owned);
                ExpectationError::UnknownPath { at, path, nearest }
            }
        }
    }
}

/// Takes another repetition's row in; the value that is told is the first that fails, or that of the last repetition.
fn both(row: &mut ExpectationResult, later: ExpectationResult) {
    if row.passed {
        row.actual = later.actual;
    }
    row.passed &= later.passed;
    row.failed_in.extend(later.failed_in);
}

/// Whether `actual op value` holds. What was not observed (null) passes nothing but `== null`.
fn holds(actual: &Value, op: Op, value: &Literal) -> bool {
    match (actual, value) {
        (Value::Null, Literal::Null) => op == Op::Equal,
        (Value::Null, _) => false,
        (_, Literal::Null) => op == Op::NotEqual,
        (Value::Number(actual), Literal::Number(value)) => {
            actual.as_f64().is_some_and(|actual| compare(actual, op, *value))
        }
        (Value::Bool(actual), Literal::Bool(value)) => same(actual == value, op),
        (Value::String(actual), Literal::Text(value)) => same(actual == value, op),
        _ => false,
    }
}

fn compare(actual: f64, op: Op, value: f64) -> bool {
    match op {
        // Both sides are decimal texts read the same way, so equality is meant to the last bit.
        Op::Equal => actual == value,
        Op::NotEqual => actual != value,
        Op::Less => actual < value,
        Op::AtMost => actual <= value,
        Op::Greater => actual > value,
        Op::AtLeast => actual >= value,
    }
}

fn same(equal: bool, op: Op) -> bool {
    match op {
        Op::Equal => equal,
        Op::NotEqual => !equal,
        Op::Less | Op::AtMost | Op::Greater | Op::AtLeast => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, PortsSummary, SocketsSummary, StateSummary};

    fn arms() -> [ArmSummary; 2] {
        let client = [("close_wait".to_owned(), StateSummary { peak: 2000, last: 1990 })].into();
        let leaky = ArmSummary {
            name: "leaky".into(),
            close: "leaky".into(),
            outcomes: [(Outcome::LoginRejected, 2000)].into_iter().collect(),
            server_errors: [("18456".to_owned(), 2000)].into(),
            sockets: SocketsSummary { client, server: [].into() },
            ports: PortsSummary { exhausted: true, peak_pct: 99.95, ..PortsSummary::default() },
            ..ArmSummary::default()
        };
        [leaky, ArmSummary { name: "orderly".into(), close: "orderly".into(), ..ArmSummary::default() }]
    }

    fn passed(text: &str) -> bool {
        let rows = text.parse::<Expectation>().unwrap().judge(&arms());
        assert!(!rows.is_empty(), "{text}");
        rows.iter().all(|row| row.passed)
    }

    #[test]
    fn holds_what_holds() {
        for text in [
            "leaky: ports.exhausted == true",
            "leaky: sockets.client.close_wait.peak >= 2000",
            "leaky: sockets.client.close_wait.final < 2000",
            "leaky: sockets.client.last_ack.peak == 0",
            "leaky: outcomes.timed_out == 0",
            "leaky: server_errors.18456 == 2000",
            "server_errors.4060 == 0",
            "leaky: ports.peak_pct == 99.95",
            "orderly: close != leaky",
            "leaky: sockets.server.fin_wait_2.peak == null",
            "latency_ms.login.p99 == null",
            "attempts == -0",
        ] {
            let compared = passed(text);
            assert!(compared, "{text}");
        }
    }

    #[test]
    fn fails_what_does_not() {
        for text in [
            "ports.exhausted == true",
            "leaky: ports.exhausted != true",
            "leaky: sockets.client.close_wait.peak > 2000",
            "leaky: sockets.server.fin_wait_2.peak == 0",
            "leaky: sockets.server.fin_wait_2.peak != 7",
            "orderly: sockets.client.close_wait.peak <= 64",
            "latency_ms.login.p99 < 50",
            "latency_ms.login.p99 != null",
            "leaky: close == orderly",
            "never-started: attempts >= 0",
        ] {
            assert!(!passed(text), "{text}");
        }
    }

    #[test]
    fn rows_tell_the_arm_and_the_actual() {
        let rows = "sockets.client.close_wait.peak<=64".parse::<Expectation>().unwrap().judge(&arms());
        let told: Vec<_> = rows.iter().map(|row| (row.arm.as_str(), row.passed, row.actual.clone())).collect();
        assert_eq!(told, [("leaky", false, Value::from(2000)), ("orderly", false, Value::Null)]);
        assert_eq!(rows[0].expect, "sockets.client.close_wait.peak <= 64");
    }

    #[test]
    fn check_points_at_what_cannot_be() {
        for (text, part, message) in [
            ("leeky: attempts == 1", "leeky", "did you mean `leaky`?"),
            ("leaky: ports.exausted == true", "ports.exausted", "did you mean `ports.exhausted`?"),
            (
                "sockets.client.close_wait <= 64",
                "sockets.client.close_wait",
                "did you mean `sockets.client.close_wait.",
            ),
            ("server_errors == 1", "server_errors", "server_errors.18456"),
            ("ports.peak == lots", "lots", "`ports.peak` is a number, and `lots` is a string"),
            ("ports.exhausted == 1", "1", "is true or false"),
            ("ports.exhausted > true", ">", "needs numbers"),
            ("ports.peak >= null", ">=", "needs numbers"),
        ] {
            let error = text.parse::<Expectation>().unwrap().check(&["leaky", "orderly"]).unwrap_err();
            assert_eq!(&text[error.at()], part, "{error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
        for text in ["orderly: latency_ms.login.p99 < 50", "ports.exhausted_after_s == null", "sandbox == two-hosts"] {
            text.parse::<Expectation>().unwrap().check(&["leaky", "orderly"]).unwrap();
        }
    }
}
