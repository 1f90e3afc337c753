#!/usr/bin/env python3
"""Real drivers under `closewait check`: are its verdicts true?

    check.py --work DIR --minutes 10 --seed 7    a part of the grid, chosen by the seed, bounded by the minutes
    check.py --work DIR --full --rounds 20       every driver under every fault with every end, so many times
    check.py --work DIR --only 'tedious login-*' a glob over DRIVER FAULT
    check.py --work DIR --full --write           the whole grid, then CHECKED.md

`run.py --work DIR --install` puts the drivers there. A verdict is `clean`, `not-reached` or `undecided` (each login of the
FreeTDS programs is a process that ends), or it stands in `check_expected.toml` with its evidence. Any other is looked into
at once: the same client against `closewait serve` on loopback, whose sockets `ss -tanp` and /proc show; what they do not
confirm is a false alarm of closewait. Exit code 0: all passed; 1: something failed.

The choice not taken: believing the expectations alone. A verdict that is expected may be wrong too, so `--confirm` looks
at these once more as well.
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
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from pathlib import Path

import play
from configurations import DRIVERS
from look import CLIENTS, GRACE, PATIENCE, confirms, look, surroundings

HERE = Path(__file__).parent
FINE = ("clean", "not-reached")
# The clients' own time-out is 3 s; so much more may pass on a busy machine.
WAITED_MS = 4500
PHASES = ("connect", "prelogin", "tls", "strict", "login", "session")
# Each login is a process of its own: what it holds ends with it, and nothing is proved.
ENDS_BY_ITSELF = ("tsql", "bsqldb")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent.parent / "target/debug/closewait"), help="the closewait under test")
    parser.add_argument("--work", type=Path, required=True, help="where the drivers are; see run.py")
    parser.add_argument("--full", action="store_true", help="the whole grid")
    parser.add_argument("--rounds", type=int, default=1, help="how often (default: 1)")
    parser.add_argument("--minutes", type=float, default=10, help="begin nothing later than this, without --full (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the order (default: 1)")
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 8, help="at once (default: the cores and 8 that wait)")
    parser.add_argument("--only", default="*", metavar="'DRIVER FAULT'", help="a glob")
    parser.add_argument("--confirm", action="store_true", help="look at expected verdicts independently as well")
    parser.add_argument("--write", action="store_true", help="write CHECKED.md")
    parser.add_argument("--again", type=Path, metavar="FILE", help="judge the trials of an earlier --out, and play nothing")
    parser.add_argument("--out", type=Path, help="every trial, a JSON document a line")
    options = parser.parse_args()
    options.work = options.work.resolve()
    return options


def faults(program):
    """Every fault with every end that it takes; of the catalogue's numbers all but 18456 once."""
    page = subprocess.run([program, "serve", "--list-faults"], capture_output=True, text=True, check=True).stdout
    for block in re.split(r"\n\n", page):
        named = re.search(r"^  ([a-z]+(?:-[a-z0-9]+)*)(?:  \(.*\))?$", block, re.MULTILINE)
        if named and named[1] not in ("none", "slow"):
            number = re.fullmatch(r"login-\d+", named[1]) and named[1] != "login-18456"
            # A stall ends only when it has a time, well within the clients' own 3 s.
            ends = ["for=200ms,end=%s" if "for=" in block else "end=%s"] if "end=close" in block and not number else []
            yield named[1]
            # Closing is what a fault does anyway, but for a stall.
            yield from ("%s:%s" % (named[1], one % end) for one in ends for end in ("close", "hold", "reset")
                        if end != "close" or "for=" in block)


def check(driver, fault, options):
    """The document's row of one trial, or what was said instead."""
    with tempfile.TemporaryDirectory(prefix="check-", dir=options.work) as scratch:
        client, environment = surroundings(driver, ("sql.test", 1433), options, scratch, GRACE + 1)
        command = [options.program, "check", "--fault", fault, "--grace", "%ds" % GRACE, "--patience", "%ds" % PATIENCE]
        command += ["--timeout", "90s", "--quiet", "--json", "-", "--", *client]
        run = subprocess.run(
            command, env=environment, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180
        )
    try:
        return json.loads(run.stdout)["faults"][0]
    except (ValueError, LookupError):
        return {"fault": fault, "verdict": "exit code %d" % run.returncode, "reason": run.stderr[-500:]}


def kind(row):
    """The verdict; `waited` is a leak whose every connection the client itself gave up after its own time-out."""
    leaked = [one for one in row.get("rows", ()) if one["leaked"]]
    ends = ("client_fin", "client_rst") + (("process_exit",) if row["driver"] in ENDS_BY_ITSELF else ())
    gave_up = leaked and all(one["ended_by"] in ends and one["held_ms"] is not None and one["held_ms"] < WAITED_MS for one in leaked)
    return "waited" if row["verdict"] == "leak" and gave_up else row["verdict"]


def entry_of(row):
    """What is expected of this driver under this fault, where it is not the rule."""
    for entry in tomllib.loads((HERE / "check_expected.toml").read_text()).get("expected", []):
        if any(fnmatchcase(row["driver"], one) for one in entry["driver"]) and any(fnmatchcase(row["fault"], one) for one in entry["fault"]):
            return entry
    return None


def judge(row):
    row["kind"], entry = kind(row), entry_of(row)
    if "seen" in row:
        row["confirmed"] = confirms(row["verdict"], row["seen"])
    row["plain"] = row["kind"] in FINE or row["kind"] == "undecided" and row["driver"] in ENDS_BY_ITSELF
    row["passed"] = (row["plain"] or bool(entry) and row["kind"] in entry["kind"]) and row.get("confirmed", True)
    return row


def trial(driver, fault, options, until):
    """One trial, judged; nothing when there is no time for it."""
    if time.monotonic() > until:
        return None
    row = judge({**check(driver, fault, options), "driver": driver})
    if not row["plain"] and (options.confirm or not row["passed"]) and not row["verdict"].startswith("exit"):
        row["seen"] = look(driver, fault, options)
    return judge(row)


def main():
    options, started = arguments(), time.monotonic()
    lacking = {name: play.missing(DRIVERS[name], options.work) for name in CLIENTS}
    skipped = ["driver %s: missing %s" % (name, ", ".join(lacks)) for name, lacks in lacking.items() if lacks]
    grid = [(driver, fault) for driver in CLIENTS if not lacking[driver] for fault in faults(options.program)]
    grid = [one for one in grid if fnmatchcase("%s %s" % one, options.only)] * options.rounds
    random.Random(options.seed).shuffle(grid)
    until = started + (float("inf") if options.full else 60 * options.minutes)
    rows, unplayed = [], 0
    if options.again:
        grid, rows = [], [judge(json.loads(line)) for line in options.again.read_text().splitlines()]
        for row in rows:
            if not row["passed"]:
                print("failed: " + told(row))
    with ThreadPoolExecutor(options.jobs) as pool, open(options.out or os.devnull, "w", encoding="utf-8") as out:
        waiting = [pool.submit(trial, *one, options, until) for one in grid]
        for future in as_completed(waiting):
            row = future.result()
            if row is None:
                unplayed += 1
                continue
            rows.append(row)
            out.write(json.dumps(row) + "\n")
            out.flush()
            if not row["passed"]:
                print("failed: " + told(row), flush=True)
            if len(rows) % 50 == 0:
                print("%d of %d played, %d s" % (len(rows), len(grid), time.monotonic() - started), flush=True)
    for line in skipped:
        print("skipped: " + line)
    if unplayed:
        print("%d of the grid's %d did not fit into the time" % (unplayed, len(grid)))
    if options.write:
        write(rows, options)
    failed = sum(not row["passed"] for row in rows)
    print("%d passed, %d failed, %d skipped" % (len(rows) - failed, failed, len(skipped)))
    return 1 if failed or not rows else 0


def told(row):
    seen = row.get("seen")
    looked = "" if not seen else "; %s by ss: longest %s s, %s" % (
        "confirmed" if row["confirmed"] else "NOT CONFIRMED", seen["longest"], seen["lines"][:1] or "none held at the end"
    )
    return "%s under %s: %s: %s%s" % (row["driver"], row["fault"], row["kind"], " ".join(row["reason"].split()), looked)


def version(driver, options):
    command = [play.filled(word, options.work) for word in DRIVERS[driver].version]
    for words in (command, ["tsql", "-C"] if DRIVERS[driver].freetds else command):
        try:
            run = subprocess.run(words, capture_output=True, text=True)
        except OSError:
            continue
        found = re.search(r"\d+\.\d+[\w.+-]*", run.stdout)
        if run.returncode == 0 and found:
            return found[0]
    return "unknown"


def write(rows, options):
    """A row a driver, a column a phase; then all that is not plain, a line for each driver and kind."""
    cells, groups = defaultdict(Counter), defaultdict(list)
    for row in rows:
        cells[row["driver"], row["fault"].split("-")[0]][row["kind"]] += 1
        if not row["plain"]:
            groups[row["driver"], row["kind"]].append(row)
    lines = [
        "# Drivers under `closewait check`", "",
        "Written by `check.py --full --write`: %d trials, `--grace %ds --patience %ds`, three logins with time-outs of 3 s each."
        % (len(rows), GRACE, PATIENCE), "",
        "`waited` is closewait's verdict `leak` on a connection that the driver itself gave up at its own time-out. What is not clean",
        "was looked at once more with `ss -tanpe`, the same client without the check; `unexpected` is what that did not confirm.", "",
        "| driver | version | %s |" % " | ".join(PHASES), "|---" * (len(PHASES) + 2) + "|",
    ]
    for driver in CLIENTS:
        met = [", ".join("%d %s" % (many, kind) for kind, many in cells[driver, one].most_common()) or "-" for one in PHASES]
        lines.append("| %s | %s | %s |" % (driver, version(driver, options), " | ".join(met)))
    lines += ["", "## What is not clean", ""]
    for (driver, kind), found in sorted(groups.items()):
        seen = [row["seen"] for row in found if "seen" in row]
        longest = max((one["longest"] for one in seen), default="-")
        kept = next((one["lines"][0] for one in seen if one["lines"]), "none at grace + 0.5 s after the last login")
        lines += [
            "- **%s, %s** (%d, of which %d unexpected): %s." % (
                driver, kind, len(found), sum(not row["passed"] for row in found), ", ".join(sorted({"`%s`" % row["fault"] for row in found}))),
            "  Looked at %d, %d confirmed; the longest hold %s s; held: `%s`." % (len(seen), sum(row["confirmed"] for row in found if "seen" in row), longest, kept),
        ]
        lines += ["  %s" % one for one in sorted({" ".join(entry["evidence"].split()) for entry in map(entry_of, found) if entry})]
    (HERE / "CHECKED.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
