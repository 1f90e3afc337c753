"""bsqldb, FreeTDS' batch interpreter over DB-Library: its server, version, encryption and timeouts come from freetds.conf."""

import re
import subprocess

from answer import print_answer


class Refused(Exception):
    """What bsqldb printed instead of a row."""


def select_one(to):
    command = ["bsqldb", "-q", "-S", "closewait", "-U", to.user, "-P", to.password, "-D", to.database]
    run = subprocess.run(command, input="SELECT 1\ngo\n", capture_output=True, text=True, errors="replace")
    said = run.stdout + run.stderr
    if run.returncode < 0:
        raise Refused("bsqldb died by signal %d: %s" % (-run.returncode, said))
    if run.returncode == 0 and run.stdout.strip() == "1":
        return 1
    raise Refused(said.strip() or "exit code %d" % run.returncode)


def explain(error):
    text = str(error)
    found = re.search(r"Msg (\d+), Level (1[1-9]|2\d)\b", text)
    return int(found[1]) if found else None, text


print_answer(select_one, explain)
