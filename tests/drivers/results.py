"""RESULTS.md: the expectations as tables, with what each driver does differently as footnotes.

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

Made by `tests/drivers/run.py --write`; do not edit. Every cell was played, with login and query timeouts of 3 s: one
client process, one server of its own. A number means that the driver told this error's number and the server's text;
`row` that it got its row; `error` that it told an error of its own within 10 s, and closed. `late`: after 10 s. `hang`:
not at all within 20 s. `crash`: its process died; `no answer`: its process ended as if all were well, without a row or an
error. `text only`: the server's text without its number. Where a driver does other than a correct one
would, a footnote says what.
"""


class Tables:
    """The tables of one document, and the footnotes that they share."""

    def __init__(self, expectations):
        self.expectations = expectations
        self.notes = []
        self.cases = {(case.configuration, case.name): case for case in cases.all_cases()}

    def cell(self, configuration, name):
        case = self.cases.get((configuration, name))
        if case is None:
            return ""
        expected = self.expectations.of(case)
        text = " or ".join(expected.outcomes)
        if expected.note:
            if expected.note not in self.notes:
                self.notes.append(expected.note)
            text += " [^%d]" % (self.notes.index(expected.note) + 1)
        return text

    def logins(self):
        names = ["none", *("login-%d" % number for number in cases.EVERYWHERE), *("none under --tls " + mode for mode in cases.LETS_IN)]
        heads = ["good", *(str(number) for number in cases.EVERYWHERE), *("`--tls %s`" % mode for mode in cases.LETS_IN)]
        rows = [[one.name, one.asks, *(self.cell(one, name) for name in names)] for one in CONFIGURATIONS]
        return table(["configuration", "asks for", *heads], rows)

    def faults(self, *roles):
        """A fault a row, a configuration a column."""
        columns = [one for role in roles for one in configurations.representatives(role)]
        logins = {"none", *("login-%d" % number for number in cases.EVERYWHERE)}
        names = dict.fromkeys(
            case.name for case in self.cases.values() if case.configuration in columns and not case.tls and case.name not in logins
        )
        rows = [["`%s`" % name, *(self.cell(one, name) for one in columns)] for name in names]
        return table(["fault", *(one.name for one in columns)], rows)

    def document(self, versions):
        parts = [
            HEAD,
            "## Logins\n\nEach configuration: a good login and `SELECT 1`, refusals, and a good login under each mode of the server.\n",
            self.logins(),
            "## Faults, plain\n\nOne configuration of each driver.\n",
            self.faults("plain"),
            "## Faults of a TLS handshake in PRELOGIN packets\n\nOne configuration that trusts any certificate, one that verifies.\n",
            self.faults("tls", "tls-verified"),
            "## Faults of a strict handshake (TDS 8.0)\n",
            self.faults("strict"),
        ]
        parts.append("\n".join("[^%d]: %s" % (at, note) for at, note in enumerate(self.notes, 1)) + "\n")
        return "\n".join([*parts, VERSIONS + "\n", versions])


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
