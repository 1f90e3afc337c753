//! What is wrong with a scenario: every problem at once, each shown at its place.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::redact::redacted;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes of the text; none when it stands in no text (a command line, an unreadable file).
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// Something to type instead.
    pub hint: Option<String>,
}

impl Problem {
    pub(super) fn new(span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Where a scenario was read from: what its errors show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// Everything that is wrong with a scenario, in the order of its text; displayed with the lines and without colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    source: Source,
    problems: Vec<Problem>,
}

impl Errors {
    /// The most problems that are shown: a file of another format would show thousands.
    pub const MOST_SHOWN: usize = 20;

    /// `source` may hold what must not be shown; it is blotted out here, so that no caller can forget it.
    pub(super) fn new(source: Source, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.as_ref().map_or((usize::MAX, 0), |span| (span.start, span.end)));
        // A wrong setting of [base] is found once for each arm that it applies to.
        problems.dedup();
        Self { source: Source { text: redacted(&source.text), name: source.name }, problems }
    }

    /// The problems, in the order of the text.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// All of them with `file:line:column`, the line, a caret, and the hint; in colour when `colour` is set.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown = &self.problems[..self.problems.len().min(Self::MOST_SHOWN)];
        let mut parts: Vec<_> = shown.iter().map(|problem| renderer.render(&[self.group(problem)])).collect();
        if self.problems.len() > shown.len() {
            parts.push(format!("and {} more", self.problems.len() - shown.len()));
        }
        parts.join("\n\n")
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let title = Level::ERROR.primary_title(problem.message.as_str());
        let group = match &problem.span {
            Some(span) => {
                let at = AnnotationKind::Primary.span(within(&self.source.text, span));
                title.element(Snippet::source(self.source.text.as_str()).path(self.source.name.as_str()).annotation(at))
            }
            None => title.element(Origin::path(self.source.name.as_str())),
        };
        match &problem.hint {
            Some(hint) => group.element(Level::HELP.with_name("hint").message(hint.as_str())),
            None => group,
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Errors {}

/// A span that lies in the text and on its characters' boundaries: the renderer panics on any other.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str, problems: Vec<Problem>) -> Errors {
        Errors::new(Source { name: "a.toml".to_owned(), text: text.to_owned() }, problems)
    }

    #[test]
    fn shows_the_place_and_the_hint() {
        let shown =
            errors("seed = 1\nname = 5\n", vec![Problem::new(Some(16..17), "a number is no name").hint("quote it")]);
        let shown = shown.to_string();
        for part in ["error: a number is no name", "a.toml:2:8", "name = 5", "^", "hint: quote it"] {
            assert!(shown.contains(part), "{part} is missing in:\n{shown}");
        }
        assert!(!shown.contains('\u{1b}'), "plain output has no colour");
    }

    #[test]
    fn orders_drops_repetitions_and_stops_at_twenty() {
        let problems = |n: usize| (0..n).map(|at| Problem::new(Some(at..at + 1), "wrong")).rev();
        let shown = errors(&"x".repeat(40), problems(25).chain(problems(25)).collect());
        assert_eq!(shown.problems().len(), 25);
        assert_eq!(shown.problems()[0].span, Some(0..1));
        assert!(shown.to_string().ends_with("and 5 more"), "{shown}");
    }

    #[test]
    fn a_span_outside_the_text_is_brought_inside() {
        for span in [0..99, 99..100, 1..2, 3..3] {
            let shown = errors("é = 1", vec![Problem::new(Some(span), "wrong")]).to_string();
            assert!(shown.contains("error: wrong"), "{shown}");
        }
    }

    #[test]
    fn control_characters_reach_no_terminal() {
        let shown = errors("a = \"\u{1b}[2J\"", vec![Problem::new(Some(4..9), "not \u{1b}[2J this")]).to_string();
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}
