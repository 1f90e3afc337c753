"""What the Python clients share: the settings from the environment, and the one line of JSON that a client prints.

The choice not taken: one program for all drivers, in which an import of one could change another.
"""

import json
import os
import time
from types import SimpleNamespace

# The login and query timeouts of every client, in seconds.
TIMEOUT = 3


def settings():
    """What the runner asks for; `certificate` is none where any is to be trusted."""
    names = ("host", "port", "user", "password", "database", "encrypt", "tds")
    values = {name: os.environ["CLOSEWAIT_" + name.upper()] for name in names}
    values["port"] = int(values["port"])
    return SimpleNamespace(certificate=os.environ.get("CLOSEWAIT_CERTIFICATE"), **values)


def print_answer(select_one, explain, started=None):
    """Runs `select_one`; an exception becomes the driver's error, as `explain` reads number and text from it."""
    started = time.monotonic() if started is None else started
    try:
        answer = {"result": "row", "value": select_one(settings())}
    except Exception as error:  # whatever a driver raises is its answer
        number, text = explain(error)
        answer = {"result": "error", "number": number, "text": text, "kind": type(error).__name__}
    answer["seconds"] = round(time.monotonic() - started, 3)
    print(json.dumps(answer), flush=True)
