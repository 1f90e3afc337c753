"""What each case must come to: the rule, or where one driver differs, its exception in `expected.toml`."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

PLACE = Path(__file__).with_name("expected.toml")


@dataclass(frozen=True)
class Expected:
    """The outcomes that pass, and the note of the exception that says so."""

    outcomes: tuple
    note: str | None = None


class Expectations:
    """The exceptions, the first of which that fits a case holds."""

    def __init__(self, place=PLACE):
        self.exceptions = tomllib.loads(place.read_text()).get("exception", []) if place.exists() else []
        for entry in self.exceptions:
            if set(entry) != {"configuration", "case", "outcome", "note"} or not entry["note"].strip():
                raise SystemExit("%s: an exception needs configuration, case, outcome and note: %s" % (place, entry))
        self.used = set()

    def of(self, case):
        for at, entry in enumerate(self.exceptions):
            if any(fnmatchcase(case.configuration.name, one) for one in listed(entry["configuration"])) and any(
                fnmatchcase(case.name, one) for one in listed(entry["case"])
            ):
                self.used.add(at)
                return Expected(tuple(listed(entry["outcome"])), entry["note"])
        return Expected(case.rule)

    def idle(self):
        """Exceptions that no case met: they say nothing, and would hide something later."""
        return [entry for at, entry in enumerate(self.exceptions) if at not in self.used]


def listed(value):
    return value if isinstance(value, list) else [value]


def stanza(case, outcome, said):
    """An exception to be pasted, its note to be written by a person who has looked."""
    return "\n".join(
        ("[[exception]]", 'configuration = "%s"' % case.configuration.name, 'case = "%s"' % case.name,
         'outcome = "%s"' % outcome, 'note = ""', "# " + " ".join(str(said).split())[:300], "")
    )
