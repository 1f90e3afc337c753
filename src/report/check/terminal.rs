//! The check for a person: a screen for one fault, a matrix for several.

use std::iter;

use super::super::figures;
use super::super::terminal::style::{Paint, Style};
use super::super::terminal::{text, wrapped};
use super::columns::{Column, Row, table};
use super::words::{self, Mark};
use super::{connections::connections, matrix};
use crate::record::{Check, CheckVerdict, FaultCheck, HoldingProcess, Named as _};
use crate::units::Count;

/// Processes, symptoms and remarks that a screen shows, each.
const MOST_LINES: usize = 4;

/// Where the value of a labelled line begins.
const LABEL: usize = 10;

/// The whole check, with a line's end after it; `shown` is whether the command's output stands above it already.
#[must_use]
pub fn check_terminal(check: &Check, shown: bool, style: Style) -> String {
    let mut lines = match check.faults.as_slice() {
        [fault] => screen(check, fault, shown, style),
        _ => matrix::matrix(check, style),
    };
    let paint = match (check.passed, check.complete) {
        (false, _) => Paint::Bad,
        (true, false) => Paint::Odd,
        (true, true) => Paint::Good,
    };
    lines.extend(wrapped(&words::outcome(check), "", style.width()).iter().map(|line| style.paint(paint, line)));
    lines.push(String::new());
    lines.join("\n")
}

pub(super) const fn paint(fault: &FaultCheck) -> Paint {
    match (words::mark(fault), fault.verdict) {
        (Mark::Fail, _) => Paint::Bad,
        (Mark::Pass, CheckVerdict::Clean) => Paint::Good,
        _ => Paint::Odd,
    }
}

/// Everything about one fault.
fn screen(check: &Check, fault: &FaultCheck, shown: bool, style: Style) -> Vec<String> {
    let mut lines = headline(fault, style);
    lines.push(String::new());
    lines.extend(facts(check, style, iter::once(words::ending(fault))));
    let room = style.width() - LABEL;
    let ended = fault.ended_by.iter().filter(|(_, n)| **n > 0);
    let ended = ended.map(|(&by, &n)| vec![figures::count(n), by.name().to_owned(), words::ended(by).to_owned()]);
    lines.extend(labelled("ended by", counts(ended, room, style)));
    lines.extend(labelled("held", words::held(fault, &check.limits)));
    let states = fault.held_states.iter().filter(|(_, n)| **n > 0);
    let states = states.map(|(&state, &n)| vec![figures::count(n), state.to_string(), words::state(state).to_owned()]);
    lines.extend(labelled("in state", counts(states, room, style)));
    lines.extend(labelled("held by", processes(fault, room, style)));
    lines.push(String::new());
    lines.extend(connections(fault, style));
    lines.extend(remarks(check, fault, style));
    lines.extend(if shown { Vec::new() } else { printed_last(fault, style) });
    lines.extend(wrapped(&fault.reason, "", style.width()));
    lines.push(String::new());
    lines
}

/// The verdict, the fault, and what happened.
fn headline(fault: &FaultCheck, style: Style) -> Vec<String> {
    let (verdict, name) = (words::verdict(fault.verdict).to_uppercase(), text::printable(&fault.fault));
    let painted = format!("{}  {}", style.paint(paint(fault), &verdict), style.paint(Paint::Strong, &name));
    let start = format!("{verdict}  {name}  ");
    let told = words::headline(fault);
    if text::columns(&start) > style.width() / 2 {
        return iter::once(painted).chain(wrapped(&told, "  ", style.width())).collect();
    }
    let mut lines = wrapped(&told, &start, style.width());
    lines[0] = format!("{painted}  {}", &lines[0][start.len()..]);
    lines
}

/// What the check was: the command, with what became of it, and the server.
pub(super) fn facts(check: &Check, style: Style, ending: impl IntoIterator<Item = String>) -> Vec<String> {
    let command = text::cut(&words::command(check), style.width() - LABEL);
    let mut lines = labelled("command", iter::once(command).chain(ending));
    // The port stands in it.
    let server = text::broken(&format!("{}, sandbox {}", check.target, check.sandbox), style.width() - LABEL);
    lines.extend(labelled("server", server));
    lines
}

/// Lines of which the first has a label.
fn labelled(label: &str, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let labels = iter::once(label).chain(iter::repeat(""));
    labels.zip(lines).map(|(label, line)| text::cell(label, LABEL) + &line).collect()
}

fn counts(rows: impl Iterator<Item = Vec<String>>, width: usize, style: Style) -> Vec<String> {
    let rows: Vec<_> = rows.map(Row::plain).collect();
    table(&[Column::Right, Column::Left, Column::Cut], &rows, width, style)
}

fn processes(fault: &FaultCheck, width: usize, style: Style) -> Vec<String> {
    let row = |process: &HoldingProcess| {
        let descriptors: Vec<_> = process.descriptors.iter().map(u32::to_string).collect();
        let by = if descriptors.is_empty() { String::new() } else { format!("by fd {}", descriptors.join(" ")) };
        let pid = format!("pid {}", process.pid);
        Row::plain(vec![figures::count(process.held), pid, process.command.clone(), by])
    };
    let rows: Vec<_> = fault.processes.iter().take(MOST_LINES).map(row).collect();
    let mut lines = table(&[Column::Right, Column::Left, Column::Cut, Column::Cut], &rows, width, style);
    lines.extend(more(fault.processes.len(), MOST_LINES));
    lines
}

/// `and 3 more`, where not all of `all` are among the first `shown`.
pub(super) fn more(all: usize, shown: usize) -> Option<String> {
    all.checked_sub(shown).filter(|more| *more > 0).map(|more| format!("and {} more", Count(more as u64)))
}

/// What was seen beside the verdict, and what to know to trust it.
fn remarks(check: &Check, fault: &FaultCheck, style: Style) -> Vec<String> {
    let mut lines = listed("symptoms", &words::symptoms_seen(fault), style);
    lines.extend(listed("disagreements", &fault.disagreements, style));
    lines.extend(listed("notices", &[check.notices.as_slice(), &fault.notices].concat(), style));
    lines
}

fn printed_last(fault: &FaultCheck, style: Style) -> Vec<String> {
    // Without connections, what the command printed says most; with them it says what it made of the fault.
    let most = if fault.rows.is_empty() { 8 } else { 3 };
    let output: Vec<_> = fault.output_tail.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let tail = &output[output.len().saturating_sub(most)..];
    if !fault.failed || tail.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![style.paint(Paint::Strong, "it printed last")];
    lines.extend(tail.iter().map(|line| format!(" {}", text::cut(line, style.width() - 1))));
    lines.push(String::new());
    lines
}

/// A heading, a dash for each text, and a blank line; nothing where there is nothing to list.
pub(super) fn listed(name: &str, texts: &[String], style: Style) -> Vec<String> {
    if texts.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![style.paint(Paint::Strong, name)];
    lines.extend(texts.iter().take(MOST_LINES).flat_map(|text| wrapped(text, " - ", style.width())));
    lines.extend(more(texts.len(), MOST_LINES).map(|more| format!(" - {more}")));
    lines.push(String::new());
    lines
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_leak_is_one_screen() {
        let text = check_terminal(&fixture::leak(), true, Style::PLAIN);
        assert!(text.lines().count() <= 40, "{} lines", text.lines().count());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_undecided_says_what_to_do() {
        insta::assert_snapshot!(check_terminal(&fixture::undecided(), false, Style::new(false, 100)));
    }

    #[test]
    fn a_clean_one_is_short() {
        insta::assert_snapshot!(check_terminal(&fixture::clean(), false, Style::PLAIN));
    }

    #[test]
    fn several_are_a_matrix() {
        insta::assert_snapshot!(check_terminal(&fixture::matrix(), false, Style::PLAIN));
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        for mut check in fixture::all() {
            check.command.push("x".repeat(300));
            check.faults[0].fault = "pre-login-stall:end=reset + login-18456:during=".to_owned() + &"9".repeat(20);
            for width in [80, 100, 120] {
                let text = check_terminal(&check, false, Style::new(false, width));
                let widest = text.lines().map(text::columns).max().unwrap();
                assert!(widest <= width, "{widest} columns in {width}:\n{text}");
            }
        }
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let evil = "\u{1b}[2J".to_owned();
        for mut check in fixture::all() {
            check.command.push(evil.clone());
            check.target.clone_from(&evil);
            let fault = &mut check.faults[0];
            fault.failed = true;
            for text in [&mut fault.fault, &mut fault.reason, &mut fault.output_tail] {
                text.push_str(&evil);
            }
            for process in &mut fault.processes {
                process.command.clone_from(&evil);
            }
            assert!(!check_terminal(&check, false, Style::PLAIN).contains('\u{1b}'));
        }
    }
}
