"""Plays one case: a server, a client under a hard limit, and what came of it as one word."""

import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import server
from cases import TEXTS
from configurations import DRIVERS

HERE = Path(__file__).parent

# A client that has said nothing by then hangs. Its timeouts are 3 s, for the login and for the query.
LIMIT = 20
# An error after this is the driver's own time-out not kept. Three of them in a row, as Go's database/sql has them, are not
# yet late: 9 s; four are: 12.
LATE = 11

FREETDS_CONF = """[global]
connect timeout = 3
timeout = 3
encryption = {encrypt}
tds version = {tds}
{verify}
[closewait]
host = {host}
port = {port}
"""


@dataclass(frozen=True)
class Played:
    """A case that was played. `outcome` is none where it could not be, and `said` tells why."""

    case: object
    outcome: str | None
    said: object = None
    served: object = None
    seconds: float = 0.0


def play(case, program, work, writes_certificates):
    """Never raises for what a driver or a server does."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="driver-", dir=work) as scratch:
        certificate = str(Path(scratch, "server.pem")) if writes_certificates else None
        stand_in = server.Server(program, case.fault, case.tls, certificate, Path(scratch, "stderr"))
        said = None
        try:
            if case.tls == "off" and case.configuration.verifies and certificate:
                server.write_certificate(program, certificate)
            with stand_in:
                outcome, said = client(case, stand_in.address, work, scratch, certificate)
        except server.CannotServe as error:
            outcome, said = None, str(error)
        except server.Broken as error:
            outcome, said = "broken server", {"text": str(error), "answer": said}
        return Played(case, outcome, said, stand_in.served, time.monotonic() - started)


def client(case, address, work, scratch, certificate):
    configuration = case.configuration
    driver = DRIVERS[configuration.driver]
    command = [filled(word, work) for word in driver.command]
    environment = surroundings(configuration, address, work, scratch, certificate)
    process = subprocess.Popen(
        command, env=environment, cwd=scratch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        end_session(process.pid)
        out, err = process.communicate()
        line = out.decode(errors="replace").strip()
        return ("stays" if line else "hang"), {"text": line + err.decode(errors="replace")[-2000:]}
    finally:
        end_session(process.pid)
    try:
        answer = json.loads(out.decode().strip().splitlines()[-1])
    except (ValueError, IndexError):
        text = (out + err).decode(errors="replace")[-2000:]
        # A process that just ends has lost its login: neither a row nor an error came of it.
        return "crash" if process.returncode else "no answer", {"text": "exit code %d: %s" % (process.returncode, text)}
    return outcome(case, answer), answer


def end_session(leader):
    """Whatever a client has left of its own."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def outcome(case, answer):
    """The answer as one word, the same however long it took within the limits."""
    late = "late " if answer["seconds"] > LATE else ""
    if answer["result"] == "row":
        return late + "row" if answer["value"] == 1 else "wrong row"
    numbers = [int(word) for word in case.rule if word.isdigit()]
    number, text = answer["number"], answer["text"] or ""
    if number in numbers and TEXTS[number] in text:
        return late + str(number)
    # Where an error without its number would do as well, the number alone is told apart.
    if numbers and "error" not in case.rule:
        if number in numbers:
            return late + "number only"
        if any(TEXTS[one] in text for one in numbers):
            return late + "text only"
    return late + "error"


def surroundings(configuration, address, work, scratch, certificate):
    host, port = address
    environment = {
        "PATH": os.environ["PATH"],
        # Nobody's own settings.
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "CLOSEWAIT_HOST": host,
        "CLOSEWAIT_PORT": str(port),
        "CLOSEWAIT_USER": "x",
        "CLOSEWAIT_PASSWORD": "y",
        "CLOSEWAIT_DATABASE": "shop",
        "CLOSEWAIT_ENCRYPT": configuration.encrypt,
        "CLOSEWAIT_TDS": configuration.tds,
        "CLOSEWAIT_NODE_MODULES": str(Path(work, "node", "package.json")),
    }
    if configuration.verifies and certificate:
        environment["CLOSEWAIT_CERTIFICATE"] = certificate
    if DRIVERS[configuration.driver].freetds:
        verify = "ca file = %s\ncheck certificate hostname = yes\n" % certificate if configuration.verifies else ""
        conf = Path(scratch, "freetds.conf")
        conf.write_text(
            FREETDS_CONF.format(encrypt=configuration.encrypt, tds=configuration.tds, verify=verify, host=host, port=port)
        )
        environment["FREETDSCONF"] = str(conf)
    return environment


def filled(word, work):
    return word.replace("{work}", str(work)).replace("{clients}", str(HERE / "clients")).replace("{here}", str(HERE))


def missing(driver, work):
    """What the driver needs and this machine has not."""
    absent = []
    for need in driver.needs:
        place = filled(need, work)
        if not (glob.glob(place) if "/" in place else shutil.which(place)):
            absent.append(need)
    return absent
