//! The error log's writer: a bounded queue and one thread, so that no connection waits for a disk.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use super::{Error, ErrorLog, Observer};

/// Entries that may wait for the disk; more are counted and lost.
const QUEUE: usize = 8192;

/// The way to the error log.
#[derive(Debug)]
pub(super) struct Logbook {
    entries: SyncSender<Option<String>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    observer: Observer,
}

impl Logbook {
    pub(super) fn open(log: &ErrorLog, observer: Observer) -> Result<Self, Error> {
        let sink: Box<dyn Write + Send> = match log {
            ErrorLog::Stderr => Box::new(io::stderr()),
            ErrorLog::File(path) => Box::new(
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .map_err(|source| Error::ErrorLog { path: path.clone(), source })?,
            ),
        };
        let (entries, queue) = sync_channel(QUEUE);
        let counts = observer.clone();
        let writer = std::thread::spawn(move || write(BufWriter::new(sink), &queue, &counts));
        Ok(Self { entries, writer: Mutex::new(Some(writer)), observer })
    }

    /// Queues an entry, which has its own line ends.
    pub(super) fn enter(&self, entry: String) {
        if self.entries.try_send(Some(entry)).is_err() {
            self.observer.update(|counts| counts.log_entries_lost += 1);
        }
    }

    /// Writes what is queued, and ends.
    pub(super) fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(writer), Ok(())) = (writer, self.entries.send(None)) {
            // A panic of the writer has been printed by its own thread.
            let _ = writer.join();
        }
    }
}

/// Writes until it is told to end; flushes whenever the queue is empty, so that a reader of the log sees it soon.
fn write(mut sink: BufWriter<Box<dyn Write + Send>>, queue: &Receiver<Option<String>>, observer: &Observer) {
    let mut next = queue.recv().ok().flatten();
    while let Some(entry) = next {
        if sink.write_all(entry.as_bytes()).is_err() {
            observer.update(|counts| counts.log_entries_lost += 1);
        }
        next = match queue.try_recv() {
            Ok(entry) => entry,
            Err(_) => {
                if sink.flush().is_err() {
                    observer.update(|counts| counts.log_entries_lost += 1);
                }
                queue.recv().ok().flatten()
            }
        };
    }
    if sink.flush().is_err() {
        observer.update(|counts| counts.log_entries_lost += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_opened_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let log = ErrorLog::File(directory.path().join("missing/errorlog"));
        let error = Logbook::open(&log, Observer::default()).unwrap_err();
        assert!(error.to_string().contains("missing/errorlog"), "{error}");
    }

    #[test]
    fn closing_writes_everything() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("errorlog");
        let observer = Observer::default();
        let logbook = Logbook::open(&ErrorLog::File(path.clone()), observer.clone()).unwrap();
        for n in 0..1000 {
            logbook.enter(format!("line {n}\n"));
        }
        logbook.close();
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1000);
        assert_eq!(observer.counts().log_entries_lost, 0);
    }
}
