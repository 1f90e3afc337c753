//! JUnit XML for CI systems: a suite a run, a case an expectation, and one that says whether the run was played to its end.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::ReportError;
use crate::record::{ExpectationResult, Finding, Named as _, Run, Summary};

/// The run as a JUnit document.
///
/// # Errors
/// Only where the XML writer fails, which it does not in memory.
pub fn junit(run: &Run, summary: &Summary) -> Result<String, ReportError> {
    let name = format!("closewait.{}", summary.scenario);
    let mut suite = TestSuite::new(&name);
    if let Some(header) = &run.header {
        suite.add_property(("closewait.version", header.version.as_str()));
    }
    suite.add_property(("seed", summary.seed.to_string().as_str()));
    suite.add_property(("kernel", summary.host.kernel.as_str()));
    suite.add_test_case(completeness(&name, summary));
    suite.add_test_cases(summary.expectations.iter().map(|row| expectation(&name, row)));
    if !summary.findings.is_empty() {
        suite.set_system_out(summary.findings.iter().map(told).collect::<String>());
    }
    let mut report = Report::new("closewait");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

fn completeness(suite: &str, summary: &Summary) -> TestCase {
    let status = if summary.complete {
        TestCaseStatus::success()
    } else {
        let cut: Vec<_> = summary.arms.iter().filter(|arm| !arm.complete).map(|arm| arm.name.as_str()).collect();
        let arms = if cut.is_empty() { String::new() } else { format!(": {}", cut.join(", ")) };
        failure("incomplete", &format!("the run was cut short{arms}"))
    };
    case(suite, "complete", status)
}

fn expectation(suite: &str, row: &ExpectationResult) -> TestCase {
    let name = if row.arm.is_empty() { row.expect.clone() } else { format!("{}: {}", row.arm, row.expect) };
    let status = if row.passed {
        TestCaseStatus::success()
    } else {
        failure("expectation", &format!("expected {}, actual {}{}", row.expect, row.actual, repetitions(row)))
    };
    case(suite, &name, status)
}

/// In which repetitions it fails, where there are several.
fn repetitions(row: &ExpectationResult) -> String {
    let all: Vec<_> = row.failed_in.iter().map(u32::to_string).collect();
    if all.is_empty() { String::new() } else { format!(" (repetitions {})", all.join(", ")) }
}

pub(super) fn case(suite: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(suite);
    case
}

pub(super) fn failure(kind: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(message);
    status
}

fn told(finding: &Finding) -> String {
    format!("{} {}: {}\n", finding.severity.name(), finding.id, finding.text)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_case_an_expectation() {
        let (run, summary) = fixture::judged();
        insta::assert_snapshot!(junit(&run, &summary).unwrap());
    }

    #[test]
    fn a_run_cut_short_fails_its_own_case() {
        let (mut run, _) = fixture::judged();
        run.complete = false;
        let text = junit(&run, &crate::verdict::summarise(&run)).unwrap();
        assert!(text.contains(r#"<failure message="the run was cut short" type="incomplete"/>"#), "{text}");
    }

    #[test]
    fn names_cannot_break_the_xml() {
        let (run, mut summary) = fixture::judged();
        summary.expectations[0].arm = "<&\"\u{1}".into();
        let text = junit(&run, &summary).unwrap();
        assert!(text.contains("&lt;&amp;") && !text.contains('\u{1}'), "{text}");
    }
}
