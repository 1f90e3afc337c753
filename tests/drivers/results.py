"""RESULTS.md: the expectations as tables, and what each driver does differently as its list of findings.

It is made of the expectations and not of one run, since a run passes only where it equals them: so it can be checked
without playing anything, and no timing gets into it.
"""

import subprocess
from pathlib import Path

import cases
import configurations
import play
from configurations import CONFIGURATIONS, DRIVERS

PLACE = Path(__file__).with_name("RESULTS.md")
VERSIONS = "## Versions"

HEAD = """# What real drivers make of `closewait serve`

Made by `tests/drivers/run.py --write`; do not edit. %d drivers in %d configurations, %d cases, each played with one client
process and one server of its own, and with login and query timeouts of 3 s.

| outcome | meaning |
| --- | --- |
| a number | the driver told this error's number and the server's text |
| `row` | it got the row of its `SELECT 1` |
| `error` | it told an error of its own within %d s, and ended |
| `late error` | it told one after that |
| `hang` | it said nothing within %d s |
| `crash` | its process died |
| `no answer` | its process ended as if all were well, with neither a row nor an error |
| `text only` | the server's text without its number |

`X or Y`: both are right, or it does now this and now that. **Bold** is other than what is expected of a correct driver; the
findings say what, and why.
"""

SUMMARY = """## Configurations

Outcomes of a good login with `SELECT 1`, of four refusals, and of a good login under each `--tls` of the server; then for each
phase how many of its faults ended as they should, and what came of the rest. A phase without a number was not played: one
configuration of each driver stands for it.
"""

DETAILS = (
    ("## Faults, plain\n\nOne configuration of each driver.\n", ("plain",)),
    ("## Faults of a TLS handshake in PRELOGIN packets\n\nOne configuration that trusts any certificate, one that verifies.\n",
     ("tls", "tls-verified")),
    ("## Faults of a strict handshake (TDS 8.0)\n", ("strict",)),
)

PHASES = ("connect", "prelogin", "tls", "login", "session")
LOGINS = ("none", *(cases.refusal(number) for number in cases.EVERYWHERE))


class Tables:
    """The tables of one document."""

    def __init__(self, expectations):
        self.expected = {case: expectations.of(case) for case in cases.all_cases()}
        self.cases = {}
        for case in self.expected:
            self.cases.setdefault(case.configuration.name, {})[case.name] = case

    def cell(self, configuration, name):
        case = self.cases[configuration.name].get(name)
        if case is None:
            return ""
        expected = self.expected[case]
        text = " or ".join(expected.outcomes)
        return "**%s**" % text if expected.note else text

    def summary(self):
        names = [*LOGINS, *("none under --tls " + mode for mode in cases.LETS_IN)]
        heads = ["good", *(str(number) for number in cases.EVERYWHERE), *("`--tls %s`" % mode for mode in cases.LETS_IN)]
        rows = [
            [one.name, one.asks, *(self.cell(one, name) for name in names), *(self.phase(one, phase) for phase in PHASES)]
            for one in CONFIGURATIONS
        ]
        return table(["configuration", "asks for", *heads, *PHASES], rows)

    def phase(self, configuration, phase):
        """How many ended as they should, and what the others came to."""
        met = [self.expected[case] for case in self.cases[configuration.name].values() if phase_of(case) == phase]
        others = [" or ".join(expected.outcomes) for expected in met if expected.note]
        parts = ["%d of %d" % (len(met) - len(others), len(met)) if met else ""]
        return ", ".join([*parts, *("**%s** %d" % (other, others.count(other)) for other in dict.fromkeys(others))])

    def faults(self, *roles):
        """A fault a row, a configuration a column."""
        columns = [one for role in roles for one in configurations.representatives(role)]
        names = dict.fromkeys(case.name for one in columns for case in self.cases[one.name].values() if phase_of(case))
        rows = [["`%s`" % name, *(self.cell(one, name) for one in columns)] for name in names]
        return table(["fault", *(one.name for one in columns)], rows)

    def findings(self, driver):
        """What a driver does otherwise, each with where it was met."""
        met = {}
        for case, expected in self.expected.items():
            if case.configuration.driver == driver and expected.note:
                met.setdefault((expected.outcomes, expected.note), []).append(case)
        if not met:
            return "Nothing: each case ended as it should.\n"
        return "\n".join(
            "- **%s** at %s (%s): %s" % (" or ".join(outcomes), names_of(met_by), configurations_of(met_by), note)
            for (outcomes, note), met_by in met.items()
        ) + "\n"

    def document(self, versions):
        head = HEAD % (len(DRIVERS), len(CONFIGURATIONS), len(self.expected), play.LATE, play.LIMIT)
        parts = [head, SUMMARY, self.summary(), "## Findings\n"]
        for driver in DRIVERS:
            parts += ["### %s\n" % driver, self.findings(driver)]
        for title, roles in DETAILS:
            parts += [title, self.faults(*roles)]
        return "\n".join([*parts, VERSIONS + "\n", versions])


def phase_of(case):
    """None for what the summary shows outcome by outcome."""
    if case.tls or case.fault in LOGINS:
        return None
    phase = case.fault.split("-")[0].split(":")[0]
    return {"strict": "tls", "slow": "session"}.get(phase, phase)


def names_of(met):
    """The cases, refusals by a number as one where they are many."""
    names = list(dict.fromkeys(case.name for case in met))
    numbered = [name for name in names if name.removeprefix("login-").isdigit()]
    shown = [name for name in names if name not in numbered] if len(numbered) > 4 else names
    return ", ".join([*(["every `login-NUMBER`"] if shown is not names else []), *("`%s`" % name for name in shown)])


def configurations_of(met):
    """Those of a driver, without its name; many as a number."""
    names = list(dict.fromkeys(case.configuration.name.removeprefix(case.configuration.driver + " ") for case in met))
    return "; ".join(names) if len(names) <= 4 else "%d configurations" % len(names)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| %s |" % " | ".join(line) for line in lines) + "\n"


def versions(work):
    rows = []
    for driver in DRIVERS.values():
        command = [play.filled(word, work) for word in driver.version]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0].split()[-1]
        rows.append([driver.name, told, driver.source])
    return table(["driver", "version", "from"], rows)


def write(expectations, work):
    PLACE.write_text(Tables(expectations).document(versions(work)))
    print("wrote %s" % PLACE.name)


def check(expectations):
    """Whether the file says what the expectations say; versions are not compared."""
    written = PLACE.read_text().split(VERSIONS)[0] if PLACE.exists() else ""
    made = Tables(expectations).document("").split(VERSIONS)[0]
    idle = expectations.idle()
    for entry in idle:
        print("failed: no case meets the exception %s / %s" % (entry["configuration"], entry["case"]))
    if written != made:
        print("failed: RESULTS.md is stale: run.py --write")
    return 1 if idle or written != made else 0
