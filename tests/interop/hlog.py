#!/usr/bin/env python3
"""Reads the interval logs of a result directory with HdrHistogram's own Python port and holds them against summary.json.

usage: hlog.py RESULT_DIR        (needs: pip install hdrhistogram)

For each arm and phase the merged histogram must have the summary's count and percentiles, and the readable column of
each line (the interval's largest value, in milliseconds) must be the largest value that its histogram holds.
Exit code 0 when all agree, 1 when one does not.
"""

import json
import re
import sys
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

# The bounds of closewait's histograms: 100 ns to an hour at three significant digits.
LOW, HIGH, DIGITS = 100, 3_600_000_000_000, 3
NANOS_PER_MS = 1e6
QUANTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9, "max": 100.0}
# Two readers may name different ends of one histogram bucket, which three significant digits make 0.1 % wide.
TOLERANCE = 0.002


def near(ours, theirs, rounding=0.0002):
    # The summary rounds to a tenth of a microsecond.
    return abs(ours - theirs) <= max(TOLERANCE * max(ours, theirs), rounding)


def merged(path):
    """The log's histograms by tag, added up, and how many lines disagree with their readable column."""
    phases, wrong = {}, 0
    shown = [float(line.split(",")[3]) for line in path.read_text().splitlines() if line.startswith("Tag=")]
    reader = HistogramLogReader(str(path), HdrHistogram(LOW, HIGH, DIGITS))
    for largest in shown:
        histogram = reader.get_next_interval_histogram()
        if histogram is None:
            raise SystemExit(f"{path.name}: HdrHistogram reads fewer lines than there are")
        # The format's readable column has three decimals.
        wrong += not near(largest, histogram.get_max_value() / NANOS_PER_MS, rounding=0.0006)
        total = phases.setdefault(histogram.get_tag(), HdrHistogram(LOW, HIGH, DIGITS))
        total.add(histogram)
    if reader.get_next_interval_histogram() is not None:
        raise SystemExit(f"{path.name}: HdrHistogram reads more lines than there are")
    return phases, wrong


def compare(arm, phases):
    """Prints a line for each phase; returns how many figures disagree."""
    wrong = 0
    for phase, summary in arm["latency_ms"].items():
        histogram = phases.get(phase)
        count = histogram.get_total_count() if histogram else 0
        bad = [] if count == summary["count"] else [f"count {count} against {summary['count']}"]
        for name, quantile in QUANTILES.items() if count else ():
            theirs = histogram.get_value_at_percentile(quantile) / NANOS_PER_MS
            if not near(summary[name], theirs):
                bad.append(f"{name} {theirs} against {summary[name]}")
        print(f"{arm['name']:>16} {phase:<16} {count:>9} {'ok' if not bad else '; '.join(bad)}")
        wrong += len(bad)
    return wrong


def file_stem(arm):
    """The name that closewait gives an arm's files."""
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", arm[:100])
    return "_" + stem[1:] if stem.startswith(".") else stem or "_"


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    results = Path(sys.argv[1])
    arms = json.loads((results / "summary.json").read_text())["arms"]
    if not arms:
        raise SystemExit("the summary holds no arm: nothing to compare")
    wrong = 0
    for arm in arms:
        phases, lines = merged(results / f"{file_stem(arm['name'])}.hlog")
        wrong += lines + compare(arm, phases)
    print("all figures agree" if not wrong else f"{wrong} figures disagree")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
