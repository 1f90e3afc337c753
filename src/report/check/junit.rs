//! JUnit XML for CI systems: a case a fault, and one that says whether every fault was played.

use std::fmt::Write as _;
use std::time::Duration;

use quick_junit::{Report, TestCase, TestCaseStatus, TestSuite};

use super::super::ReportError;
use super::super::junit::{case, failure};
use super::words::{self, Mark, counted};
use crate::record::{Check, CheckVerdict, FaultCheck};

/// The suite, and the class of its cases.
const NAME: &str = "closewait.check";

/// The check as a JUnit document.
///
/// # Errors
/// Only where the XML writer fails, which it does not in memory.
pub fn check_junit(check: &Check) -> Result<String, ReportError> {
    let mut suite = TestSuite::new(NAME);
    suite.add_property(("command", words::command(check).as_str()));
    suite.add_property(("target", check.target.as_str()));
    suite.add_property(("sandbox", check.sandbox.as_str()));
    suite.add_property(("seed", check.seed.to_string().as_str()));
    suite.add_property(("kernel", check.host.kernel.as_str()));
    let complete = if check.complete {
        TestCaseStatus::success()
    } else {
        failure("incomplete", "the check was stopped before every fault was played")
    };
    suite.add_test_case(case(NAME, "complete", complete));
    suite.add_test_cases(check.faults.iter().map(played));
    if !check.notices.is_empty() {
        suite.set_system_out(check.notices.iter().map(|notice| format!("notice: {notice}\n")).collect::<String>());
    }
    let mut report = Report::new("closewait");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

fn played(fault: &FaultCheck) -> TestCase {
    let mut status = TestCaseStatus::success();
    if words::mark(fault) == Mark::Fail {
        status = failure(&words::failing(fault), &words::headline(fault));
        status.set_description(told(fault));
    }
    let mut case = case(NAME, &fault.fault, status);
    case.set_time(Duration::try_from_secs_f64(fault.command_wall_s).unwrap_or_default());
    let silent = fault.verdict == CheckVerdict::Clean && fault.symptoms.is_empty();
    if words::mark(fault) != Mark::Fail && !silent {
        case.set_system_out(format!("{}: {}\n{}", words::verdict(fault.verdict), words::headline(fault), told(fault)));
    }
    case
}

/// The reason, and what supports it.
fn told(fault: &FaultCheck) -> String {
    let mut text = format!("{}\n", fault.reason);
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes every text");
    for symptom in words::symptoms_seen(fault) {
        line(format_args!("symptom {symptom}"));
    }
    for process in &fault.processes {
        let held = counted(process.held, "connection");
        line(format_args!("process {} held {held}: {}", process.pid, process.command));
    }
    for disagreement in &fault.disagreements {
        line(format_args!("disagreement: {disagreement}"));
    }
    for notice in &fault.notices {
        line(format_args!("notice: {notice}"));
    }
    if !fault.output_tail.is_empty() {
        line(format_args!("it printed last:\n{}", fault.output_tail.trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_case_a_fault() {
        insta::assert_snapshot!(check_junit(&fixture::matrix()).unwrap());
    }

    #[test]
    fn a_check_that_was_stopped_fails_its_own_case() {
        let text = check_junit(&Check { complete: false, ..fixture::clean() }).unwrap();
        assert!(text.contains(r#"type="incomplete""#), "{text}");
    }
}
