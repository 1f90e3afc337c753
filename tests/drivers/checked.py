"""CHECKED.md: what came of the drivers under `closewait check`, from the trials of `check.py`."""

import re
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import play
from configurations import DRIVERS
from look import CLIENTS, GRACE, LOGINS, PATIENCE, by_packets

HERE = Path(__file__).parent
PHASES = ("connect", "prelogin", "tls", "strict", "login", "session")

HEAD = """# Drivers under `closewait check`

Written by `check.py --write`: {trials} trials with `--grace {grace}s --patience {patience}s`, each a process that makes {logins} logins in a row with
the driver's time-outs at 3 s (a hang ends it within its first); {connections} connections, {faulted} of them faulted. {faults} faults,
counted with each end that they take, {each} trials of each with each driver that has the mode; each other number of the
catalogue once.
`tls` and `strict` are met by the driver's own mode of that name, the three faults of the certificate by one that checks it;
`no such mode` where a driver has none.

All that is reported, and {looked} of the {clean} clean trials, were looked at once more without the check and its sandbox, by two
witnesses: `ss -tane` with /proc, and a packet capture beside it. {contrary} `undecided` of tsql and bsqldb is no
report: each of their logins is a process that ends.
"""

UNKNOWN = """Not known, and a false alarm where the witnesses do not bear it out: a process that gets no processor for longer than the
  grace closes late (seen at a load of 50 on 2 cores: held for 2.2 s and for 3.2 s, closed by the driver each time)."""


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


def write(rows, no_mode, entry_of, options):
    """A row a driver, a column a phase; then all that is not plain, an item for each driver, kind and evidence."""
    cells, groups = defaultdict(Counter), defaultdict(list)
    for row in rows:
        cells[row["driver"], row["fault"].split("-")[0]][row["verdict"]] += 1
        if not row["plain"]:
            entry = entry_of(row)
            known = entry and row["verdict"] in entry["kind"]
            groups[row["driver"], row["verdict"], " ".join(entry["evidence"].split()) if known else UNKNOWN].append(row)
    lines = [head(rows), "| driver | version | %s |" % " | ".join(PHASES), "|---" * (len(PHASES) + 2) + "|"]
    for driver in CLIENTS:
        met = [cell(cells[driver, phase], (driver, phase) in no_mode) for phase in PHASES]
        lines.append("| %s | %s | %s |" % (driver, version(driver, options), " | ".join(met)))
    lines += ["", "## What is not clean", ""]
    for (driver, verdict, evidence), found in sorted(groups.items()):
        lines += ["- **%s, %s** (%d): %s." % (driver, verdict, len(found), named(found)), "  %s" % evidence, "  %s" % told(found)]
    (HERE / "CHECKED.md").write_text("\n".join(lines) + "\n")


def spread(numbers):
    least, most = min(numbers, default=0), max(numbers, default=0)
    return str(most) if least == most else "%d to %d" % (least, most)


def head(rows):
    grid = Counter((row["driver"], row["fault"]) for row in rows)
    repeated = {one: many for one, many in grid.items() if not re.fullmatch(r"login-(?!18456$)\d+", one[1])}
    clean = [row for row in rows if row["verdict"] == "clean"]
    looked = [row for row in clean if "seen" in row]
    contrary = sum(not row["confirmed"] for row in rows if "seen" in row)
    return HEAD.format(
        trials=len(rows), logins=LOGINS, grace=GRACE, patience=PATIENCE,
        connections=sum(row.get("connections", 0) for row in rows), faulted=sum(row.get("faulted", 0) for row in rows),
        faults=len({fault for _, fault in repeated}), each=spread(repeated.values()),
        looked=len(looked), clean=len(clean),
        contrary="They bear out every verdict." if not contrary else "They do not bear out %d of the verdicts." % contrary,
    )


def cell(kinds, no_mode):
    if no_mode:
        return "no such mode"
    return ", ".join("%d %s" % (many, kind) for kind, many in kinds.most_common()) or "-"


def named(found):
    faults = Counter(row["fault"] for row in found)
    return ", ".join("`%s`%s" % (fault, " x%d" % many if many > 1 else "") for fault, many in sorted(faults.items()))


def told(found):
    """What the two witnesses said of them."""
    looked = [row for row in found if "seen" in row]
    if not looked:
        return "Not looked at."
    packets = Counter(by_packets(row["verdict"], row["seen"]) for row in looked)
    first = Counter()
    for row in looked:
        first.update(row["seen"]["first"])
    kept = next((row["seen"]["lines"][0] for row in looked if row["seen"]["lines"]), None)
    return "Looked at %d: `ss` and /proc bear out %d (longest hold %s s%s), packets %d, and cannot tell of %d; ended first by %s." % (
        len(looked), sum(row["confirmed"] for row in looked), max(row["seen"]["longest"] for row in looked),
        "; at the end `%s`" % re.sub(r"127\.0\.0\.1:\d+|ino:\d+|sk:\w+|cgroup:\S+|/proc/\d+", "", kept).strip() if kept else "",
        packets[True], packets[None], ", ".join("%s %d" % one for one in first.most_common(3)) or "nobody: no connection",
    )
