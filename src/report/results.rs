//! The result directory: written as the run goes, so that a killed run can still be reported, and read again.
//!
//! `events.jsonl` is the record; everything else can be made from it. The choice not taken: one document at the end,
//! which a kill would take with it.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::events;
use super::hlog::IntervalLog;
use super::place::{empty, file_name, fresh};
use super::{ReportError, Style, html, json, junit, markdown, terminal};
use crate::record::{Event, Run, Summary};

/// The record's file, in every result directory.
const EVENTS: &str = "events.jsonl";

/// Where results lie when nobody says.
const HOME: &str = "closewait-results";

/// A result directory under way.
pub struct ResultDir {
    path: PathBuf,
    events: BufWriter<File>,
    logs: Vec<ArmLog>,
    run_started_at: String,
}

/// An arm's interval log and what it is called.
struct ArmLog {
    arm: String,
    path: PathBuf,
    log: IntervalLog,
}

impl ResultDir {
    /// The HTML report's name in every result directory.
    pub const HTML: &'static str = "report.html";

    /// Makes the directory `out`, or one of its own under `closewait-results/` from `stamp` and the scenario's name.
    ///
    /// # Errors
    /// When `out` holds something already, or the place cannot be written to.
    pub fn create(out: Option<PathBuf>, scenario: &str, stamp: &str) -> Result<Self, ReportError> {
        let path = match out {
            Some(path) => empty(path)?,
            None => fresh(&Path::new(HOME).join(file_name(&format!("{stamp}-{scenario}"))))?,
        };
        let file = path.join(EVENTS);
        let events = BufWriter::new(File::create_new(&file).map_err(ReportError::write(&file))?);
        Ok(Self { path, events, logs: Vec::new(), run_started_at: String::new() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds one event to the record, and its latencies to the arm's interval log. Nothing is sure to be on disk before
    /// [`ResultDir::flush`].
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn append(&mut self, event: &Event) -> Result<(), ReportError> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.events.write_all(&line).map_err(ReportError::write(&self.path.join(EVENTS)))?;
        match event {
            Event::Run(header) => self.run_started_at.clone_from(&header.started_at),
            Event::ArmStarted(facts) => self.begin_log(&facts.name)?,
            Event::Load { arm, interval } => {
                // An arm that is repeated has a log for each time; the latest is the one under way.
                if let Some(log) = self.logs.iter_mut().rev().find(|log| log.arm == *arm) {
                    log.log.append(interval).map_err(ReportError::write(&log.path))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin_log(&mut self, arm: &str) -> Result<(), ReportError> {
        let name = file_name(arm);
        let taken = |path: &Path| self.logs.iter().any(|log| log.path == path);
        let mut path = self.path.join(format!("{name}.hlog"));
        for n in 2..=self.logs.len() + 1 {
            if !taken(&path) {
                break;
            }
            path = self.path.join(format!("{name}-{n}.hlog"));
        }
        let file = File::create_new(&path).map_err(ReportError::write(&path))?;
        let log = IntervalLog::begin(BufWriter::new(file), arm, &self.run_started_at);
        let log = log.map_err(ReportError::write(&path))?;
        self.logs.push(ArmLog { arm: arm.to_owned(), path, log });
        Ok(())
    }

    /// Hands everything that was appended to the system.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn flush(&mut self) -> Result<(), ReportError> {
        self.events.flush().map_err(ReportError::write(&self.path.join(EVENTS)))?;
        for log in &mut self.logs {
            log.log.flush().map_err(ReportError::write(&log.path))?;
        }
        Ok(())
    }

    /// Writes what the run became: `summary.json`, `junit.xml`, `summary.md`, `report.txt` and
    /// `report.html`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(&mut self, run: &Run, summary: &Summary) -> Result<(), ReportError> {
        self.flush()?;
        let report = terminal(run, summary, Some(&self.path), Style::PLAIN);
        let files = [
            ("summary.json", json(summary)?),
            ("junit.xml", junit(run, summary)?),
            ("summary.md", markdown(run, summary)),
            ("report.txt", report),
            (Self::HTML, html(run, summary)),
        ];
        for (name, text) in files {
            let path = self.path.join(name);
            fs::write(&path, text).map_err(ReportError::write(&path))?;
        }
        Ok(())
    }

    /// Removes the record, and the directory where that was all it held: for a run that measured nothing.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(self) -> Result<(), ReportError> {
        let file = self.path.join(EVENTS);
        fs::remove_file(&file).map_err(ReportError::write(&file))?;
        // What somebody else put there meanwhile is not ours to remove.
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// Reads the record in the directory `path`, also of a run that was killed: its last line may be cut.
    ///
    /// # Errors
    /// When there is no record, when it is of another version, or when a line before the last is not an event.
    pub fn read(path: &Path) -> Result<Run, ReportError> {
        let path = path.join(EVENTS);
        let file = File::open(&path).map_err(ReportError::read(&path))?;
        events::read(BufReader::new(file), &path)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn written(events: &[Event]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let mut results = ResultDir::create(Some(place.path().join("run")), "login-failure", "stamp").unwrap();
        events.iter().for_each(|event| results.append(event).unwrap());
        results.flush().unwrap();
        place
    }

    #[test]
    fn what_is_written_reads_back() {
        let place = written(&fixture::events());
        let (run, _) = fixture::judged();
        assert_eq!(ResultDir::read(&place.path().join("run")).unwrap(), run);
    }

    #[test]
    fn finish_leaves_every_format() {
        let place = tempfile::tempdir().unwrap();
        let mut results = ResultDir::create(Some(place.path().to_owned()), "login-failure", "stamp").unwrap();
        fixture::events().iter().for_each(|event| results.append(event).unwrap());
        let (run, summary) = fixture::judged();
        results.finish(&run, &summary).unwrap();
        let mut names: Vec<_> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let all = [
            "events.jsonl",
            "junit.xml",
            "leaky.hlog",
            "orderly.hlog",
            "report.html",
            "report.txt",
            "summary.json",
            "summary.md",
        ];
        assert_eq!(names, all);
        let text = fs::read_to_string(place.path().join("summary.json")).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
    }

    #[test]
    fn a_full_disk_is_an_error_with_a_hint() {
        let place = tempfile::tempdir().unwrap();
        let mut results = ResultDir::create(Some(place.path().to_owned()), "s", "t").unwrap();
        // Writing to /dev/full fails with ENOSPC.
        results.events = BufWriter::new(File::options().write(true).open("/dev/full").unwrap());
        results.append(&Event::RunEnded { complete: true }).unwrap();
        let error = results.flush().unwrap_err();
        assert!(error.hint().unwrap().contains("disk is full"), "{error}");
        results.events = BufWriter::new(File::create(place.path().join("other")).unwrap());
    }

    #[test]
    fn arms_of_one_file_name_get_a_log_each() {
        let mut events = fixture::events();
        for event in &mut events {
            if let Event::ArmStarted(facts) = event {
                facts.name = if facts.name == "leaky" { "a b".into() } else { "a/b".into() };
            }
        }
        let place = written(&events);
        assert!(place.path().join("run/a_b.hlog").exists() && place.path().join("run/a_b-2.hlog").exists());
    }
}
