//! The check as GitHub-flavoured Markdown, for `$GITHUB_STEP_SUMMARY` and merge requests.

use std::fmt::Write as _;

use super::super::markdown::escaped;
use super::matrix::{self, NAMES};
use super::words::{self, Mark, counted};
use crate::record::{Check, FaultCheck};

/// The check as Markdown: the outcome, the matrix, and what is known of the faults that fail.
#[must_use]
pub fn check_markdown(check: &Check) -> String {
    let mut page = Page(String::new());
    page.line(format_args!("## closewait check: {}\n", escaped(&words::command(check))));
    page.line(format_args!("**{}**\n", escaped(&words::outcome(check))));
    page.matrix(&check.faults);
    for fault in check.faults.iter().filter(|fault| words::mark(fault) == Mark::Fail) {
        page.failing(check, fault);
    }
    page.list(check.notices.iter().map(|notice| format!("**notice** {}", escaped(notice))));
    let host = &check.host;
    let facts = format!(
        "{}, sandbox {}, seed {}, Linux {}, {}",
        check.target,
        check.sandbox,
        check.seed,
        host.kernel,
        counted(u64::from(host.cores), "core")
    );
    page.line(format_args!("<sub>{}</sub>", escaped(&facts)));
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("a string takes every text");
    }

    fn list(&mut self, items: impl Iterator<Item = String>) {
        let mut any = false;
        for item in items {
            self.line(format_args!("- {item}"));
            any = true;
        }
        if any {
            self.line(format_args!(""));
        }
    }

    fn matrix(&mut self, faults: &[FaultCheck]) {
        if faults.is_empty() {
            return;
        }
        self.line(format_args!("| | {} |\n|---|---|---|---:|---:|---:|---|", NAMES.join(" | ")));
        for fault in faults {
            let mark = match words::mark(fault) {
                Mark::Pass => "✅ pass",
                Mark::Known => "⚠️ known",
                Mark::Fail => "❌ **fail**",
            };
            let cells = matrix::cells(fault).map(|cell| escaped(&cell));
            self.line(format_args!("| {mark} | {} |", cells.join(" | ")));
        }
        self.line(format_args!(""));
    }

    fn failing(&mut self, check: &Check, fault: &FaultCheck) {
        self.line(format_args!("### {}: {}\n", escaped(&fault.fault), escaped(&words::failing(fault))));
        self.line(format_args!("{}\n", escaped(&fault.reason)));
        let ended = fault.ended_by.iter().filter(|(_, n)| **n > 0);
        let ended = ended.map(|(&by, &n)| format!("{}: {}", counted(n, "connection"), words::ended(by)));
        let held = words::held(fault, &check.limits).map(|held| format!("held: {held}"));
        let states = fault.held_states.iter().filter(|(_, n)| **n > 0);
        let states = states.map(|(&state, &n)| {
            let meaning = words::state(state);
            let meaning = if meaning.is_empty() { String::new() } else { format!(": {meaning}") };
            format!("{n} in {state}{meaning}")
        });
        let processes = fault.processes.iter().map(|process| {
            format!("pid {} held {}: {}", process.pid, counted(process.held, "connection"), process.command)
        });
        let facts = [format!("the command {}", words::ending(fault))].into_iter().chain(ended).chain(held);
        let facts = facts.chain(states).chain(processes).chain(words::symptoms_seen(fault));
        let remarks = fault.disagreements.iter().chain(&fault.notices).cloned();
        self.list(facts.chain(remarks).map(|fact| escaped(&fact)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn several_faults() {
        insta::assert_snapshot!(check_markdown(&fixture::matrix()));
    }

    #[test]
    fn a_command_cannot_break_out() {
        let mut check = fixture::leak();
        check.command = vec!["a|b\n<img>".into()];
        assert!(check_markdown(&check).starts_with("## closewait check: 'a\\|b &lt;img&gt;'\n"));
    }
}
