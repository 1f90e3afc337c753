#!/usr/bin/env python3
"""Whether `closewait check` tells the truth: about applications that leak and that do not, and about a scripted client
whose leaks are counted beforehand.

    run.py --closewait PATH [--python VENV_PYTHON] [--node-modules DIR] [--build DIR] [--only TEXT]

What cannot be built or run here is a named skip. Ends with `N passed, N failed, N skipped`, and 1 if any failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
CFLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-pthread"]

# The scripted matrix: logins, how many of them are never closed, when the others are, in milliseconds after the FIN. No
# delay is nearer to the grace than 60 ms.
LOGINS = 8
KEPT = (0, 1, 5, LOGINS)
GRACE = 500
DELAYS = (0, 200, 440, 600, 1000)
GOOD = 1000
# Checks at once: each mostly waits.
AT_ONCE = 4
# The longest that a check may take, in seconds.
LIMIT = 120


class Skip(Exception):
    """Why a case cannot run here."""


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--closewait", type=Path, help="the program; without it nothing but the building is done")
    parser.add_argument("--python", default=sys.executable, help="a Python that has pymssql and python-tds")
    parser.add_argument("--node-modules", type=Path, help="a node_modules directory that has tedious")
    parser.add_argument("--build", type=Path, default=HERE / "build", help="where compiled programs go")
    parser.add_argument("--only", default="", help="only the cases whose name has this in it")
    return parser.parse_args()


def built(*command):
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    except OSError as error:
        raise Skip("%s: %s" % (command[0], error.strerror)) from error
    # A compiler that is here and fails is a fault, not a lack.
    if done.returncode:
        raise AssertionError("%s failed:\n%s" % (command[0], done.stderr))


def compiled(source, options):
    options.build.mkdir(parents=True, exist_ok=True)
    program = options.build / source.replace("/", "-").removesuffix(".c")
    built("cc", *CFLAGS, "-o", program, HERE / source)
    return [program]


def c(variant, options):
    return compiled("c/%s.c" % variant, options)


def rust(variant, options):
    target = options.build / "rust"
    built("cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", HERE / "rust/Cargo.toml", "--target-dir", target)
    return [target / "release" / variant]


def python(variant, options):
    wanted = "import pymssql, pytds"
    if subprocess.run([options.python, "-c", wanted], stderr=subprocess.DEVNULL).returncode:
        raise Skip("%s has no pymssql or no python-tds (--python)" % options.python)
    return [options.python, HERE / "python" / (variant + ".py")]


def node(variant, options):
    if not shutil.which("node"):
        raise Skip("no node")
    if not options.node_modules or not (options.node_modules / "tedious").exists():
        raise Skip("no tedious (--node-modules)")
    return ["env", "NODE_PATH=%s" % options.node_modules.resolve(), "node", HERE / "node" / (variant + ".js")]


def scripted(kept, delay, linger, good=0):
    """A command with the check's own placeholders for the server."""

    def command(options):
        numbers = [LOGINS, kept, delay, linger, good]
        return compiled("scripted.c", options) + ["{host}", "{port}"] + numbers

    return command


def check(command, options, *more):
    """The exit code of a check, and the verdict on its one fault."""
    with tempfile.TemporaryDirectory() as place:
        document = Path(place) / "check.json"
        words = [options.closewait, "check", "--json", document, "--quiet", *more, "--", *command]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=LIMIT)
        if not document.exists():
            raise AssertionError("exit %d without a document: %s" % (done.returncode, done.stderr.strip()))
        (fault,) = json.loads(document.read_text())["faults"]
    return done.returncode, fault


def leaks(wanted):
    """The exact number; none is `clean`."""
    verdict, code = ("leak", 1) if wanted else ("clean", 0)

    def holds(exit_code, fault):
        got = exit_code, fault["verdict"], fault["leaked"]
        assert got == (code, verdict, wanted), "(exit, verdict, leaked) is %s, not %s" % (got, (code, verdict, wanted))

    return holds


def not_clean(exit_code, fault):
    assert fault["verdict"] != "clean" and exit_code == 1, "exit %d, %s" % (exit_code, fault["verdict"])


def cases():
    """Name, command, the check's further options, what must hold."""
    for language in (python, node, rust, c):
        for variant, wanted in (("leaky", 5), ("fixed", 0)):
            command = lambda options, language=language, variant=variant: language(variant, options)
            yield "%s %s" % (language.__name__, variant), command, [], leaks(wanted)
    grace = ["--grace", "%dms" % GRACE]
    for kept in KEPT:
        for delay in DELAYS:
            wanted = LOGINS if delay > GRACE else kept
            name = "scripted: %d of %d kept, the others closed after %d ms" % (kept, LOGINS, delay)
            yield name, scripted(kept, delay, GRACE + 1000), grace, leaks(wanted)
        yield "scripted: %d kept beside %d good" % (kept, GOOD), scripted(kept, 0, GRACE + 1000, GOOD), grace, leaks(kept)
        if kept:
            yield "scripted: %d kept, exits at once" % kept, scripted(kept, 0, 0), grace, not_clean


def main():
    given = options()
    chosen = [case for case in cases() if given.only in case[0]]
    # Built one after another, and played beside each other: a check mostly waits.
    outcomes = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, outcome, why in pool.map(lambda case: played(case, given), [built_case(case, given) for case in chosen]):
            outcomes[outcome] += 1
            print("%s: %s%s" % (outcome, name, ": %s" % why if why else ""), flush=True)
    print("%d passed, %d failed, %d skipped" % tuple(outcomes[it] for it in ("passed", "FAILED", "skipped")))
    return 1 if outcomes["FAILED"] else 0


def built_case(case, given):
    """The case with its command's words, or why there are none."""
    name, command, more, holds = case
    try:
        return name, command(given), more, holds
    except (Skip, OSError, AssertionError, subprocess.SubprocessError) as why:
        return name, why, more, holds


def played(case, given):
    """Name, what came of it, why."""
    name, words, more, holds = case
    try:
        if isinstance(words, Exception):
            raise words
        if not given.closewait:
            raise Skip("built; no --closewait")
        holds(*check(words, given, *more))
        return name, "passed", ""
    except Skip as why:
        return name, "skipped", why
    except (AssertionError, KeyError, ValueError, OSError, subprocess.SubprocessError) as why:
        return name, "FAILED", why


if __name__ == "__main__":
    sys.exit(main())
