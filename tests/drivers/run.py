#!/usr/bin/env python3
"""Real drivers against `closewait serve`: what each makes of a good server, of refusals, and of every fault.

    run.py --work DIR --install                 drivers into DIR (a virtual environment, node modules, programs)
    run.py --work DIR                           everything
    run.py --work DIR --sample 150 --seed 7     a part, chosen by the seed; good logins and 18456 always
    run.py --work DIR --only 'tsql 7.4*:login-*'
    run.py --work DIR --write                   everything, then RESULTS.md
    run.py --check                              whether RESULTS.md is what the expectations say; plays nothing

Each case has its own server on a free port and its own client process under a limit. A client is a program that takes
CLOSEWAIT_HOST, _PORT, _USER, _PASSWORD, _DATABASE, _ENCRYPT, _TDS and _CERTIFICATE from its environment, logs in, asks
SELECT 1, closes, and prints one line of JSON. `cases.py` has the rules and `expected.toml` the drivers' exceptions to
them; an outcome that is neither fails, in either direction. Exit code 0: all passed. 1: something failed. 2: usage.

The choice not taken: a test framework. What is compared here is a table, and a table is what comes out.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Semaphore

import cases
import install
import play
import results
from configurations import DRIVERS
from expectations import Expectations, stanza

HERE = Path(__file__).parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent.parent / "target/debug/closewait"), help="the closewait under test")
    parser.add_argument("--work", type=Path, help="where the drivers are, and scratch files go; not in the repository")
    parser.add_argument("--install", action="store_true", help="put the drivers there, and play nothing")
    parser.add_argument("--jobs", type=int, default=24, help="cases at once that wait for a fault's time (default: 24)")
    parser.add_argument(
        "--busy", type=int, default=3 * (os.cpu_count() or 1), metavar="N",
        help="cases at once of the others, which want a processor within 3 s (default: 3 for each)",
    )
    parser.add_argument("--only", action="append", default=[], metavar="CONFIGURATION:CASE", help="only these, as a glob; repeatable")
    parser.add_argument("--sample", type=int, metavar="N", help="N cases besides good logins and 18456")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: 1)")
    parser.add_argument("--most", type=float, default=3600, metavar="SECONDS", help="stop after so long, and fail (default: 3600)")
    parser.add_argument("--none-missing", action="store_true", help="a skip is a failure")
    parser.add_argument("--out", type=Path, help="every case with the driver's own words, a JSON document a line")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md when everything passed")
    parser.add_argument("--check", action="store_true", help="fail when RESULTS.md is stale")
    options = parser.parse_args()
    if options.write and (options.only or options.sample is not None):
        parser.error("--write needs every case: without --only and --sample")
    return options


def main():
    options = arguments()
    if options.check:
        return results.check(Expectations())
    if not options.work:
        raise SystemExit("--work DIR is needed: where the drivers are")
    options.work = options.work.resolve()
    if options.install:
        return 0 if install.install(options.work) else 1
    if not os.access(options.program, os.X_OK):
        raise SystemExit("%s is no program: cargo build, or --program" % options.program)
    return Suite(options).run()


class Suite:
    """One run: what is played, what is left out and why, and what came of it."""

    def __init__(self, options):
        self.options = options
        self.expectations = Expectations()
        self.passed, self.failures, self.skipped = 0, [], []
        self.played = []
        self.processors = Semaphore(options.busy)
        usage = subprocess.run([options.program, "serve", "--help"], capture_output=True, text=True, timeout=60).stdout
        self.speaks_tls = "--tls" in usage and "--write-certificate" in usage

    def run(self):
        started = time.monotonic()
        self.check_the_grid()
        chosen = self.choose()
        pool = ThreadPoolExecutor(self.options.jobs)
        waiting = [pool.submit(self.play_in_time, case, started) for case in chosen]
        try:
            with open(self.options.out or os.devnull, "w", encoding="utf-8") as out:
                for done, future in enumerate(as_completed(waiting), 1):
                    played = future.result()
                    self.judge(played)
                    out.write(json.dumps(document(played)) + "\n")
                    if done % 50 == 0 or done == len(waiting):
                        seconds = time.monotonic() - started
                        print("%d of %d played, %d failed, %d s" % (done, len(waiting), len(self.failures), seconds), flush=True)
        finally:
            # A case that runs is played to its end, so that its server and client are gone too.
            pool.shutdown(cancel_futures=True)
        return self.finish(time.monotonic() - started)

    def check_the_grid(self):
        """Every fault that the server lists has a rule here, and the other way round."""
        listed = cases.listed_faults(self.options.program)
        if listed is None:
            self.skipped.append("the server's list of faults: it has no --list-faults")
            return
        known = cases.known_faults() | {"none"}
        for name in sorted(set(listed) - known):
            self.failures.append("the server lists `%s`, and no rule is here" % name)
        for name in sorted(known - set(listed)):
            if not name.startswith("login-18456-state"):
                self.failures.append("`%s` has a rule, and the server does not list it" % name)

    def choose(self):
        chosen = list(cases.all_cases())
        absent = {}
        for name, driver in DRIVERS.items():
            lacks = play.missing(driver, self.options.work)
            if lacks:
                absent[name] = ", ".join(lacks)
        for name, lacks in absent.items():
            self.skipped.append("driver %s: missing %s" % (name, lacks))
        chosen = [case for case in chosen if case.configuration.driver not in absent]
        if self.options.only:
            chosen = [
                case for case in chosen
                if any(fnmatchcase("%s:%s" % (case.configuration.name, case.name), one) for one in self.options.only)
            ]
        if not self.speaks_tls:
            told = [case for case in chosen if case.tls or case.configuration.asks in ("on", "strict")]
            self.skipped.extend("%s: the server has no --tls" % case.configuration.name for case in told)
            chosen = [case for case in chosen if case not in told]
        if self.options.sample is not None:
            always = [case for case in chosen if case.tls is None and case.fault in ("none", "login-18456")]
            rest = [case for case in chosen if case not in always]
            picked = random.Random(self.options.seed).sample(rest, min(self.options.sample, len(rest)))
            chosen = [case for case in chosen if case in always or case in picked]
        # What takes longest first, so that the end is not one client that waits.
        return sorted(chosen, key=lambda case: not case.waits)

    def play_in_time(self, case, started):
        if time.monotonic() - started > self.options.most:
            return play.Played(case, "not played in time")
        # Else a client's 3 s could pass before it has had a processor: Java alone takes one for a second.
        with nullcontext() if case.waits else self.processors:
            return play.play(case, self.options.program, self.options.work, self.speaks_tls)

    def judge(self, played):
        case = played.case
        if played.outcome is None:
            self.skipped.append("%s: the server does not take it: %s" % (case.name, played.said.splitlines()[0][:120]))
            return
        self.played.append(played)
        expected = self.expectations.of(case)
        said = (played.said or {}).get("text", "")
        if played.outcome in expected.outcomes:
            self.passed += 1
            return
        self.failures.append(
            "%s: %s: expected %s, got %s: %s" % (
                case.configuration.name, case.name, " or ".join(expected.outcomes), played.outcome, " ".join(str(said).split())[:200])
        )
        if self.options.write:
            print(stanza(case, played.outcome, said), file=sys.stderr)

    def finish(self, seconds):
        for line, times in sorted(Counter(self.skipped).items()):
            print("skipped: %s (%d)" % (line, times))
        if self.options.none_missing or self.options.write:
            self.failures.extend("skipped: " + line for line in self.skipped)
        for line in self.failures:
            print("failed: " + line)
        if self.options.write and not self.failures:
            results.write(Expectations(), self.options.work)
        print("%d s" % seconds)
        print("%d passed, %d failed, %d skipped" % (self.passed, len(self.failures), len(self.skipped)))
        return 1 if self.failures else 0


def document(played):
    case = played.case
    return {
        "configuration": case.configuration.name, "case": case.name, "outcome": played.outcome, "rule": case.rule,
        "said": played.said, "served": played.served, "seconds": round(played.seconds, 3),
    }


if __name__ == "__main__":
    # As after Ctrl-C: what was started is ended first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
