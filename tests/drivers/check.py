#!/usr/bin/env python3
"""Real drivers under `closewait check`: are its verdicts true?

    check.py --work DIR --minutes 10 --seed 7     a part of the grid, chosen by the seed, bounded by the minutes
    check.py --work DIR --full --rounds 4         every driver under every fault with every end: 4 trials of 5 logins each
    check.py --work DIR --only 'tedious login-*'  a glob over DRIVER FAULT
    check.py --work DIR --again FILE --out FILE   goes on where an earlier run stopped; `--write` writes CHECKED.md

`run.py --work DIR --install` puts the drivers there. A verdict is `clean`, `not-reached` or `undecided` (each login of the
FreeTDS programs is a process that ends), or it stands in `check_expected.toml` with its evidence. Whatever is reported, and
a share of what is clean, is looked into at once: the same client against `closewait serve` on loopback, seen by `ss` and by
a packet capture (its socket needs root); what they do not confirm is a false alarm of closewait. Exit code 0: all passed;
1: something failed.

The choice not taken: believing the expectations alone. A verdict that is expected may be wrong too.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import checked
import play
from configurations import DRIVERS
from look import CLIENTS, GRACE, PATIENCE, by_packets, configuration, confirms, look, surroundings

HERE = Path(__file__).parent
FINE = ("clean", "not-reached")
# Each login is a process of its own: what it holds ends with it, and nothing is proved.
ENDS_BY_ITSELF = ("tsql", "bsqldb")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent.parent / "target/debug/closewait"), help="the closewait under test")
    parser.add_argument("--work", type=Path, required=True, help="where the drivers are; see run.py")
    parser.add_argument("--full", action="store_true", help="the whole grid, however long it takes")
    parser.add_argument("--rounds", type=int, default=1, help="trials of each, but for the catalogue's numbers (default: 1)")
    parser.add_argument("--minutes", type=float, default=10, help="begin nothing later than this, without --full (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the order, and of the clean trials that are looked at (default: 1)")
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 14, help="at once (default: the cores and 14 that wait)")
    parser.add_argument("--only", default="*", metavar="'DRIVER FAULT'", help="a glob")
    parser.add_argument("--clean-share", type=float, default=0.05, help="of clean trials that are looked at too (default: 0.05)")
    parser.add_argument("--write", action="store_true", help="write CHECKED.md")
    parser.add_argument("--again", type=Path, metavar="FILE", help="the trials of an earlier --out are judged again, not played")
    parser.add_argument("--out", type=Path, help="every trial that is played, a JSON document a line, behind what is there")
    options = parser.parse_args()
    options.work = options.work.resolve()
    return options


def faults(page):
    """Every fault with every end that it takes; of the catalogue's numbers all but 18456 without."""
    for block in re.split(r"\n\n", page):
        named = re.search(r"^  ([a-z]+(?:-[a-z0-9]+)*)(?:  \(.*\))?$", block, re.MULTILINE)
        if named and named[1] not in ("none", "slow"):
            # As the check names them. A stall ends only when it has a time, well within the clients' own 3 s.
            ends = ["end=%s,for=200ms" if "for=" in block else "end=%s"] if "end=close" in block and not is_number(named[1]) else []
            yield named[1]
            # Closing is what a fault does anyway, but for a stall.
            yield from ("%s:%s" % (named[1], one % end) for one in ends for end in ("close", "hold", "reset")
                        if end != "close" or "for=" in block)


def is_number(fault):
    return re.fullmatch(r"login-\d+", fault) and fault != "login-18456"


def trials(drivers, page, rounds):
    """Drivers and faults, each so often, but the catalogue's numbers once; and the phases that a driver has no mode for."""
    grid, no_mode = [], set()
    for driver in drivers:
        for fault in faults(page):
            if configuration(driver, fault):
                grid += [(driver, fault)] * (1 if is_number(fault) else rounds)
            else:
                no_mode.add((driver, fault.split("-")[0]))
    return grid, no_mode


def check(driver, fault, options):
    """The document's row of one trial, or what was said instead."""
    with tempfile.TemporaryDirectory(prefix="check-", dir=options.work) as scratch:
        one = configuration(driver, fault)
        client, environment, certificate = surroundings(one, ("sql.test", 1433), options, scratch, GRACE + 1)
        command = [options.program, "check", "--fault", fault, "--grace", "%ds" % GRACE, "--patience", "%ds" % PATIENCE]
        command += ["--write-certificate", certificate] if certificate else []
        command += ["--timeout", "90s", "--quiet", "--json", "-", "--", *client]
        run = subprocess.run(
            command, env=environment, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180
        )
    try:
        return json.loads(run.stdout)["faults"][0]
    except (ValueError, LookupError):
        return {"fault": fault, "verdict": "exit code %d" % run.returncode, "reason": run.stderr[-500:]}


@cache
def expected():
    return tomllib.loads((HERE / "check_expected.toml").read_text()).get("expected", [])


def entry_of(row):
    """What is expected of this driver under this fault, where it is not the rule."""
    for entry in expected():
        if any(fnmatchcase(row["driver"], one) for one in entry["driver"]) and any(fnmatchcase(row["fault"], one) for one in entry["fault"]):
            return entry
    return None


def judge(row):
    verdict, entry = row["verdict"], entry_of(row)
    if "seen" in row:
        row["confirmed"] = confirms(verdict, row["seen"])
    row["plain"] = verdict in FINE or verdict == "undecided" and row["driver"] in ENDS_BY_ITSELF
    row["passed"] = (row["plain"] or bool(entry) and verdict in entry["kind"]) and row.get("confirmed", True)
    return row


def trial(driver, fault, chosen, options, until):
    """One trial, judged; nothing when there is no time for it. `chosen` is looked at even where it is clean."""
    if time.monotonic() > until:
        return None
    row = judge({**check(driver, fault, options), "driver": driver})
    # What a pool keeps of a session that was good is no leak, so there is nothing that a witness could contradict.
    doubted = chosen and row["verdict"] == "clean" and not fault.startswith("session-")
    if (not row["plain"] or doubted) and not row["verdict"].startswith("exit"):
        row["seen"] = look(driver, fault, row["verdict"], options)
    return judge(row)


def main():
    options, started = arguments(), time.monotonic()
    lacking = {name: play.missing(DRIVERS[name], options.work) for name in CLIENTS}
    skipped = ["driver %s: missing %s" % (name, ", ".join(lacks)) for name, lacks in lacking.items() if lacks]
    page = subprocess.run([options.program, "serve", "--list-faults"], capture_output=True, text=True, check=True).stdout
    grid, no_mode = trials([name for name in CLIENTS if not lacking[name]], page, options.rounds)
    grid = [one for one in grid if fnmatchcase("%s %s" % one, options.only)]
    rows = [judge(json.loads(line)) for line in options.again.read_text().splitlines()] if options.again else []
    grid = list((Counter(grid) - Counter((row["driver"], row["fault"]) for row in rows)).elements())
    chance = random.Random(options.seed)
    chance.shuffle(grid)
    until = started + (float("inf") if options.full else 60 * options.minutes)
    unplayed = 0
    for row in rows:
        if not row["passed"]:
            print("failed: " + told(row))
    pool = ThreadPoolExecutor(options.jobs)
    waiting = [pool.submit(trial, *one, chance.random() < options.clean_share, options, until) for one in grid]
    try:
        with open(options.out or os.devnull, "a", encoding="utf-8") as out:
            for played, future in enumerate(as_completed(waiting), 1):
                row = future.result()
                if row is None:
                    unplayed += 1
                    continue
                rows.append(row)
                out.write(json.dumps(row) + "\n")
                out.flush()
                if not row["passed"]:
                    print("failed: " + told(row), flush=True)
                if played % 50 == 0:
                    print("%d of %d played, %d s" % (played, len(grid), time.monotonic() - started), flush=True)
    finally:
        # A trial that runs is played to its end, so that its processes are gone too.
        pool.shutdown(cancel_futures=True)
    finish(rows, skipped, no_mode, unplayed, len(grid))
    if options.write:
        checked.write(rows, no_mode, entry_of, options)
    return 0 if rows and all(row["passed"] for row in rows) else 1


def finish(rows, skipped, no_mode, unplayed, all_of_them):
    for line in skipped:
        print("skipped: " + line)
    for driver, phase in sorted(no_mode):
        print("no such mode: %s has no %s" % (driver, phase))
    if unplayed:
        print("%d of the grid's %d did not fit into the time" % (unplayed, all_of_them))
    kinds = Counter(row["verdict"] for row in rows)
    looked = [row for row in rows if "seen" in row]
    print("verdicts: " + ", ".join("%d %s" % (many, kind) for kind, many in kinds.most_common()))
    print("looked at %d, confirmed %d" % (len(looked), sum(row["confirmed"] for row in looked)))
    failed = sum(not row["passed"] for row in rows)
    print("%d passed, %d failed, %d skipped" % (len(rows) - failed, failed, len(skipped)))


def told(row):
    seen = row.get("seen")
    looked = "" if not seen else "; %s: ss: longest %s s, %s; packets: %s, %s" % (
        "confirmed" if row["confirmed"] else "NOT CONFIRMED", seen["longest"], seen["lines"][:1] or "none held at the end",
        {True: "yes", False: "no", None: "cannot tell"}[by_packets(row["verdict"], seen)], seen["packets"][:1],
    )
    return "%s under %s: %s: %s%s" % (row["driver"], row["fault"], row["verdict"], " ".join(row["reason"].split()), looked)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
