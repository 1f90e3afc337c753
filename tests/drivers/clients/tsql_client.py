"""tsql, FreeTDS' own interpreter: its server, version, encryption and timeouts come from freetds.conf."""

import re
import subprocess

from answer import print_answer


class Refused(Exception):
    """What tsql printed instead of a row."""


def select_one(to):
    command = ["tsql", "-S", "closewait", "-U", to.user, "-P", to.password, "-D", to.database, "-o", "qhf"]
    run = subprocess.run(command, input="SELECT 1\ngo\nexit\n", capture_output=True, text=True, errors="replace")
    said = run.stdout + run.stderr
    if run.returncode < 0:
        raise Refused("tsql died by signal %d: %s" % (-run.returncode, said))
    if re.search(r"^1\s*$", run.stdout, re.MULTILINE) and not re.search(r"severity (1[1-9]|2\d)\b", said):
        return 1
    raise Refused(said.strip() or "exit code %d" % run.returncode)


def explain(error):
    text = str(error)
    # Msg 18456 (severity 14, state 1) from CLOSEWAIT Line 1: ...; "Error 20002" is DB-Library's own.
    found = re.search(r"Msg (\d+) \(severity (1[1-9]|2\d)\b", text)
    return int(found[1]) if found else None, text


print_answer(select_one, explain)
