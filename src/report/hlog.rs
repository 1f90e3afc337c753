//! Latency as HdrHistogram interval logs, which HdrHistogram's own tools read: one file an arm, tagged by phase.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::SystemTime;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};

use crate::record::{LoadInterval, Named as _};

/// Histograms hold nanoseconds; the log's readable column, the interval's largest value, is in milliseconds, as
/// HdrHistogram's own `HistogramLogWriter` has it.
const NANOS_PER_MS: f64 = 1_000_000.0;

/// One arm's log.
pub(super) struct IntervalLog<W: Write = BufWriter<File>> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> IntervalLog<W> {
    /// Begins a log; `run_started_at` is the header's RFC 3339 time. Times in the log count from the arm's start.
    pub(super) fn begin(mut out: W, arm: &str, run_started_at: &str) -> io::Result<Self> {
        let mut builder = IntervalLogWriterBuilder::new();
        builder.add_comment("[Histogram log format version 1.3]");
        builder.add_comment(&format!("closewait latency by phase, in ns; arm {}", arm.escape_default()));
        builder.add_comment("times are seconds after the arm's start; StartTime and BaseTime are the run's start");
        if let Ok(start) = humantime::parse_rfc3339(run_started_at) {
            let start = start.max(SystemTime::UNIX_EPOCH);
            builder.with_start_time(start).with_base_time(start);
        }
        builder.with_max_value_divisor(NANOS_PER_MS);
        builder.begin_log_with(&mut out, &mut V2DeflateSerializer::new())?;
        Ok(Self { out, line: Vec::new() })
    }

    /// Writes one line for each phase that something came to in `interval`.
    pub(super) fn append(&mut self, interval: &LoadInterval) -> io::Result<()> {
        self.line.clear();
        let mut serializer = V2DeflateSerializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        let mut writer =
            builder.with_max_value_divisor(NANOS_PER_MS).begin_log_with(&mut self.line, &mut serializer)?;
        let length = interval.to.saturating_sub(interval.from);
        for (phase, histogram) in interval.latencies.iter() {
            let written = writer.write_histogram(histogram.hdr(), interval.from, length, Tag::new(phase.name()));
            written.map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            })?;
        }
        // The writer borrows what it writes to and begins with a comment; the file has that comment already.
        for line in self.line.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")) {
            self.out.write_all(line)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::record::Phase;

    #[test]
    fn the_log_reads_back() {
        let mut interval = LoadInterval {
            from: Duration::from_millis(200),
            to: Duration::from_millis(300),
            ..LoadInterval::default()
        };
        interval.latencies.record(Phase::Login, Duration::from_micros(1500));
        interval.latencies.record(Phase::Connect, Duration::from_micros(50));
        let mut log = IntervalLog::begin(Vec::new(), "a\nb", "2026-01-02T03:04:05Z").unwrap();
        log.append(&interval).unwrap();
        log.append(&interval).unwrap();
        let entries: Vec<_> = IntervalLogIterator::new(&log.out).map(Result::unwrap).collect();
        assert_eq!(entries[0], LogEntry::StartTime(Duration::from_secs(1_767_323_045)));
        let intervals: Vec<_> = entries
            .iter()
            .filter_map(|entry| if let LogEntry::Interval(seen) = entry { Some(seen) } else { None })
            .collect();
        assert_eq!(intervals.len(), 4);
        assert_eq!(intervals[1].tag().map(|tag| tag.as_str()), Some("login"));
        assert_eq!(
            (intervals[1].start_timestamp(), intervals[1].duration()),
            (interval.from, Duration::from_millis(100))
        );
        assert!((intervals[1].max() - 1.5).abs() < 0.01, "in milliseconds: {}", intervals[1].max());
    }
}
