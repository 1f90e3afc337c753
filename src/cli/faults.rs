//! `closewait serve --list-faults`: every fault, at 80 columns.

use std::fmt::Write as _;

use crate::fault::{Entry, Phase, list};
use crate::report::wrapped;

/// The page's width.
const COLUMNS: usize = 80;

/// Where a fault's texts begin.
const INDENT: usize = 16;

const PREFACE: &str = "\
A fault is written NAME or NAME:PARAMETER,PARAMETER; --fault may be repeated, and the first that has something to do \
wins. `end` says how the connection ends then; without it, --close does. `p` is the share of connections that it strikes \
(seeded); `after` lets so many connections pass; of those that come then, only the `first` so many may be struck; \
`during` is time since the server's start.";

/// The page.
pub(super) fn page() -> String {
    let mut page = wrapped(PREFACE, "", COLUMNS).join("\n");
    page.push('\n');
    let mut phase = None;
    for entry in list() {
        if phase != Some(entry.phase) {
            let _ = write!(page, "\n{}\n", heading(entry.phase));
            phase = Some(entry.phase);
        }
        put(&mut page, &entry);
    }
    page
}

const fn heading(phase: Phase) -> &'static str {
    match phase {
        Phase::Any => "A GOOD SERVER",
        Phase::Connect => "CONNECT: before anything is read",
        Phase::Prelogin => "PRELOGIN: the first exchange",
        Phase::Tls => "TLS: a handshake in PRELOGIN packets",
        Phase::Strict => "STRICT: a handshake before any TDS (TDS 8.0)",
        Phase::Login => "LOGIN: the answer to LOGIN7",
        Phase::Session => "SESSION: after a good login",
    }
}

fn put(page: &mut String, entry: &Entry) {
    let over = match (entry.never_over, entry.phase) {
        (false, _) => "",
        (true, Phase::Session) => "  (the request is never answered)",
        (true, _) => "  (the login is never over)",
    };
    let _ = write!(page, "\n  {}{over}\n", entry.name);
    let parameters = entry.parameters.join(", ");
    for (label, text) in [
        ("wire", entry.wire.as_str()),
        ("incident", entry.incident),
        ("client", entry.client),
        ("parameters", if parameters.is_empty() { "none" } else { parameters.as_str() }),
    ] {
        for line in wrapped(text, &format!("    {label:<width$}", width = INDENT - 4), COLUMNS) {
            let _ = writeln!(page, "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[test]
    fn every_fault_stands_in_it_and_no_line_is_too_wide() {
        let page = page();
        for name in Fault::names() {
            assert!(page.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}");
        }
        for line in page.lines() {
            assert!(line.chars().count() <= COLUMNS && line == line.trim_end(), "{line}");
        }
    }

    #[test]
    fn an_entry_as_it_is_read() {
        let mut text = String::new();
        let entry = list().into_iter().find(|entry| entry.name == "login-drip").unwrap();
        put(&mut text, &entry);
        insta::assert_snapshot!(text, @r"

        login-drip  (the login is never over)
          wire        the good answer, a byte a second; who waits for all of it is
                      logged in
          incident    a link that is almost dead: data keeps coming, so that no idle
                      time-out ever fires
          client      meets its own login time-out, which counts from the start and
                      not from the last byte, and closes
          parameters  every=1s (the default), p=0.2, after=100, first=3,
                      during=5s..10s
        ");
    }

    #[test]
    fn long_words_stand_alone() {
        assert_eq!(wrapped("a bb cccccc d", "", 4), ["a bb", "cccccc", "d"]);
    }
}
