"""An independent look at what `closewait check` said: the same client against `closewait serve` on loopback, and what `ss`
and /proc show of its sockets meanwhile. It shares no code with the check, and no sandbox: that is its worth.
"""

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import play
import server
from configurations import PYTHON, representatives

GRACE, PATIENCE = 2, 8
RUST = "{work}/rust/debug/closewait-drivers"
CLIENTS = {
    "pymssql": (PYTHON, "{here}/check_clients/logins.py", "pymssql"),
    "python-tds": (PYTHON, "{here}/check_clients/logins.py", "python-tds"),
    "mssql-python": (PYTHON, "{here}/check_clients/logins.py", "mssql-python"),
    "tedious": ("node", "{here}/check_clients/logins.js"),
    "tiberius": (RUST, "tiberius"),
    "mssql-client": (RUST, "mssql-client"),
    "tsql": ("sh", "{here}/check_clients/logins.sh", "tsql"),
    "bsqldb": ("sh", "{here}/check_clients/logins.sh", "bsqldb"),
}


def surroundings(driver, address, options, scratch, linger):
    plain = next(one for one in representatives("plain") if one.driver == driver)
    command = [play.filled(word, options.work) for word in CLIENTS[driver]]
    environment = play.surroundings(plain, address, options.work, scratch, None)
    # Drivers may be of packages that were unpacked, not installed.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return command, {**environment, **kept, "LINGER": str(linger)}


def session(leader):
    """The processes of a session, as /proc has them."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if int(place.joinpath("stat").read_text().rsplit(")", 1)[1].split()[3]) == leader:
                yield place
        except (OSError, ValueError, IndexError):
            pass


def held(leader, port):
    """Lines of `ss` about sockets to the port that the session holds, and of descriptors whose TCP socket is in no state."""
    places = list(session(leader))
    table = subprocess.run(["ss", "-tanpeH"], capture_output=True, text=True, check=True).stdout
    inodes = {found[1] for found in re.finditer(r"\bino:(\d+)", table)}
    own = re.compile(r"pid=(%s)," % "|".join([place.name for place in places] or ["none"]))
    lines = [" ".join(line.split()) for line in table.splitlines() if line.split()[4].endswith(":%d" % port) and own.search(line)]
    for place in places:
        for descriptor in place.glob("fd/*"):
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
                if found and found[1] not in inodes and b"TCP" in os.getxattr(descriptor, "system.sockprotoname"):
                    lines.append("CLOSE (no state) %s ino:%s" % (descriptor, found[1]))
            except OSError:
                pass
    return lines


def look(driver, fault, options):
    """The same client without `check`: what is held GRACE + 0.5 s after its last login, the longest hold, and its end."""
    with tempfile.TemporaryDirectory(prefix="look-", dir=options.work) as scratch:
        stand_in = server.Server(options.program, fault, None, None, Path(scratch, "stderr"))
        with stand_in:
            port = stand_in.address[1]
            command, environment = surroundings(driver, stand_in.address, options, scratch, GRACE + 6)
            said = Path(scratch, "stdout")
            with said.open("wb") as out:
                process = subprocess.Popen(
                    command, env=environment, cwd=scratch, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
                )
            started, done, longest, seen, lines = time.monotonic(), None, 0, {}, []
            before = started
            while process.poll() is None and time.monotonic() - started < 60:
                now = time.monotonic()
                lines = held(process.pid, port)
                for key in {re.sub(r"^.*(ino:\d+).*$", r"\1", line) for line in lines}:
                    # On a busy machine two looks lie far apart: from the one that did not show it yet.
                    longest = max(longest, now - seen.setdefault(key, before))
                done = done or ("\ndone\n" in "\n" + said.read_text(errors="replace") and now) or None
                if done and now - done > GRACE + 0.5:
                    break
                before = now
                time.sleep(0.1)
            code = process.poll()
            play.end_session(process.pid)
            process.wait()
    return {"lines": lines if done else [], "last": lines, "longest": round(longest, 1), "done": bool(done), "code": code}


def confirms(verdict, seen):
    """Whether what was seen bears the verdict out."""
    if verdict == "leak":
        return bool(seen["lines"]) or seen["longest"] > GRACE
    if verdict == "hang":
        return seen["longest"] > PATIENCE
    if verdict == "crash":
        return seen["code"] is not None and seen["code"] < 0
    # It came to its end by itself, sooner than it should have; or it did not, or not with its last login.
    if verdict == "undecided":
        return seen["code"] is not None
    return verdict == "timeout" and (not seen["done"] or bool(seen["lines"]))
