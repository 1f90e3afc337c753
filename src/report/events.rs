//! Reads `events.jsonl`, line by line, also of a run that was killed while it wrote.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use super::ReportError;
use crate::record::{Event, Header, Run};

/// One event is far smaller; a longer line is no event of ours.
const LONGEST_LINE: u64 = 32 << 20;

/// Folds the events in `lines`, which come from `path`.
///
/// # Errors
/// When the first line is no header of this version, or when a whole line is not an event.
pub(super) fn read(mut lines: impl io::BufRead, path: &Path) -> Result<Run, ReportError> {
    let (mut run, mut line) = (Run::default(), Vec::new());
    for number in 1.. {
        line.clear();
        lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(ReportError::read(path))?;
        // Only a line with its end is whole; without one it is the last, and was cut when the run was killed.
        let Some(whole) = line.strip_suffix(b"\n") else {
            if u64::try_from(line.len()).unwrap_or(u64::MAX) < LONGEST_LINE {
                break;
            }
            let source = serde::de::Error::custom("the line is too long");
            return Err(ReportError::Line { path: path.to_owned(), line: number, source });
        };
        let event: Event = serde_json::from_slice(whole).map_err(|source| ReportError::Line {
            path: path.to_owned(),
            line: number,
            source,
        })?;
        if number == 1 {
            check_header(&event, path)?;
        }
        run.fold(&event);
    }
    if run.header.is_none() {
        return Err(ReportError::NoHeader { path: path.to_owned() });
    }
    Ok(run)
}

fn check_header(event: &Event, path: &Path) -> Result<(), ReportError> {
    match event {
        Event::Run(header) if header.schema == Header::SCHEMA => Ok(()),
        Event::Run(header) => {
            let (path, found) = (path.to_owned(), header.schema.clone());
            Err(ReportError::Version { path, found, known: Header::SCHEMA })
        }
        _ => Err(ReportError::NoHeader { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn written() -> Vec<u8> {
        fixture::events()
            .iter()
            .flat_map(|event| serde_json::to_vec(event).unwrap().into_iter().chain([b'\n']))
            .collect()
    }

    #[test]
    fn a_torn_last_line_is_passed_over_and_garbage_is_not() {
        let whole = written();
        let run = read(&whole[..whole.len() - 10], Path::new("events.jsonl")).unwrap();
        assert!(!run.complete && run.arms.len() == 2);
        let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let garbage = [lines[0], b"{\"half\n", lines[1]].concat();
        let error = read(garbage.as_slice(), Path::new("events.jsonl")).unwrap_err();
        assert_eq!(error.to_string(), "read events.jsonl: line 2 is not an event");
    }

    /// A record of a version that had no ledger, and one of a machine that could not capture.
    #[test]
    fn a_record_without_a_ledger_reads() {
        let text = String::from_utf8(written()).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("{\"ledger\""));
        let old: String = kept.map(|line| line.replace(",\"ledger_s\":0.03", "") + "\n").collect();
        assert!(!old.contains("ledger") && text.matches("ledger").count() >= 4, "{old}");
        let run = read(old.as_bytes(), Path::new("events.jsonl")).unwrap();
        assert!(run.complete && run.arms.iter().all(|arm| arm.ledger.is_none()));
        let summary = crate::verdict::summarise(&run);
        assert!(summary.passed && !serde_json::to_string(&summary).unwrap().contains("\"ledger\""));
    }

    #[test]
    fn a_line_without_end_is_refused_and_not_kept() {
        let endless = written().into_iter().take_while(|byte| *byte != b'\n').chain([b'\n']).collect::<Vec<_>>();
        let lines = io::Read::chain(endless.as_slice(), io::BufReader::new(io::repeat(b'x')));
        let error = read(lines, Path::new("events.jsonl")).unwrap_err();
        assert!(matches!(error, ReportError::Line { line: 2, .. }), "{error}");
    }

    #[test]
    fn a_record_without_its_header_is_refused() {
        for (text, message) in [
            ("", "does not begin with a run's header"),
            ("{\"run\":{\"sch", "does not begin with a run's header"),
            ("{\"run_ended\":{\"complete\":true}}\n", "does not begin with a run's header"),
            ("not json\n", "line 1 is not an event"),
        ] {
            let error = read(text.as_bytes(), Path::new("events.jsonl")).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
        let mut events = fixture::events();
        if let Event::Run(header) = &mut events[0] {
            header.schema = "closewait.events/9".into();
        }
        let text = serde_json::to_string(&events[0]).unwrap() + "\n";
        let error = read(text.as_bytes(), Path::new("events.jsonl")).unwrap_err();
        assert!(matches!(error, ReportError::Version { .. }) && error.hint().is_some());
    }
}
