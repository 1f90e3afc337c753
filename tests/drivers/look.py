"""An independent look at what `closewait check` said: the same client against `closewait serve` on loopback, and what two
witnesses see of its sockets meanwhile: `ss` with /proc, and a packet capture. It shares no code with the check, and no
sandbox: that is its worth.
"""

import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import play
import server
from configurations import PYTHON, representatives
from packets import Capture

GRACE, PATIENCE, LOGINS = 2, 8, 5
# The clients' own time-out is 3 s; so much more may pass on a busy machine.
WAITED = 4.5
# Each login with both of its time-outs, the login's and the request's.
BOUND = LOGINS * 2 * 3
# A clean connection's close may be so much later than the grace on a busy machine, in another play than the check's.
LATER = 1
LONGEST_LOOK = 80
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


def configuration(driver, fault):
    """How the driver is configured so that it comes as far as the fault; none where it has no such mode.

    A fault of the certificate is one for a client that checks it; any other of TLS is met without.
    """
    phase, what = fault.split(":")[0].split("-", 1)
    roles = {"tls": ("tls", "tls-verified"), "strict": ("strict",)}.get(phase, ("plain",))
    if what in ("untrusted", "expired", "wrong-name"):
        roles = tuple(reversed(roles))
    return next((one for role in roles for one in representatives(role) if one.driver == driver), None)


def surroundings(one, address, options, scratch, linger):
    """The client's command, its environment, and the certificate that it checks, where it does."""
    certificate = str(Path(scratch, "server.pem")) if one.verifies else None
    command = [play.filled(word, options.work) for word in CLIENTS[one.driver]]
    environment = play.surroundings(one, address, options.work, scratch, certificate)
    # Drivers may be of packages that were unpacked, not installed.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return command, {**environment, **kept, "LINGER": str(linger), "LOGINS": str(LOGINS)}, certificate


def session(leader):
    """The processes of a session, as /proc has them."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if int(place.joinpath("stat").read_text().rsplit(")", 1)[1].split()[3]) == leader:
                yield place
        except (OSError, ValueError, IndexError):
            pass


def held(leader, port):
    """The session's descriptors of TCP to the port, by inode: each with its line of `ss`, or in no state."""
    table = subprocess.run(["ss", "-taneH", "dport", "=", ":%d" % port], capture_output=True, text=True, check=True).stdout
    lines = {found[1]: " ".join(line.split()) for line in table.splitlines() if (found := re.search(r"\bino:(\d+)", line))}
    sockets = {}
    for place in session(leader):
        for descriptor in place.glob("fd/*"):
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
                if found and (found[1] in lines or b"TCP" in os.getxattr(descriptor, "system.sockprotoname")):
                    sockets[found[1]] = "%s held by %s" % (lines.get(found[1], "CLOSE (no state)"), descriptor)
            except OSError:
                pass
    return sockets


def look(driver, fault, verdict, options):
    """What is seen until the verdict is borne out, or GRACE + 0.5 s after the last login."""
    one = configuration(driver, fault)
    with tempfile.TemporaryDirectory(prefix="look-", dir=options.work) as scratch:
        certificate = str(Path(scratch, "server.pem")) if one.verifies else None
        stand_in = server.Server(options.program, fault, None, certificate, Path(scratch, "stderr"))
        with stand_in, Capture(stand_in.address[1]) as capture:
            command, environment, _ = surroundings(one, stand_in.address, options, scratch, GRACE + 6)
            said = Path(scratch, "stdout")
            with said.open("wb") as out:
                process = subprocess.Popen(
                    command, env=environment, cwd=scratch, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
                )
            try:
                seen = watch(process, stand_in.address[1], said, capture, verdict)
            finally:
                play.end_session(process.pid)
                process.wait()
    # Packets that were lost bear nothing out.
    return {**seen, "lost": capture.lost}


def watch(process, port, said, capture, verdict):
    started, done, longest, since = time.monotonic(), None, 0, {}
    before, over = started, False
    while not over:
        now, ended = time.monotonic(), process.poll() is not None
        sockets = held(process.pid, port)
        for inode in sockets:
            # On a busy machine two looks lie far apart: from the one that did not show it yet.
            longest = max(longest, now - since.setdefault(inode, before))
        words = "\n" + said.read_text(errors="replace")
        done = done or ("\ndone\n" in words and now) or None
        over = ended or now - started > LONGEST_LOOK or bool(done) and now - done > GRACE + 0.5
        seen = {
            "lines": list(sockets.values()) if over and done else [], "longest": round(longest, 1), "done": bool(done),
            "took": round((done or now) - started, 1),
            "code": process.poll(), "row": "row" in words, "lost": 0, **conversations(capture.ledger, time.time()),
        }
        # What is borne out already need not be waited for; that nothing is held shows at the end alone.
        over = over or verdict in ("leak", "hang") and confirms(verdict, seen)
        before = now
        time.sleep(0.2)
    return seen


def conversations(ledger, now):
    """Who ended how many first; how long the last chain of them is; and those few that stayed open longest."""
    every = list(ledger.conversations)
    longest = sorted(every, key=lambda one: -(one.held(now) or 0) - one.open_for(now))[:LOGINS]
    first = Counter(one.first for one in every)
    return {"first": first, "chain": round(ledger.chain(now), 1), "packets": [one.document(now) for one in longest]}


def by_ss(verdict, seen):
    """Whether `ss` and /proc bear the verdict out."""
    if verdict == "leak":
        return bool(seen["lines"]) or seen["longest"] > GRACE
    if verdict == "hang":
        return seen["longest"] > PATIENCE or seen["took"] > BOUND
    if verdict == "crash":
        return seen["code"] is not None and seen["code"] < 0
    # It came to its end by itself, sooner than it should have; or it did not, or not with its last login.
    if verdict == "undecided":
        return seen["code"] is not None
    if verdict == "clean":
        # What a login that succeeded leaves in a pool is none of the fault's.
        return not seen["lines"] or seen["row"]
    return verdict == "timeout" and (not seen["done"] or seen["took"] > BOUND or bool(seen["lines"]))


def by_packets(verdict, seen):
    """Whether the packets do; none where they cannot tell: of a process's end, or of a socket behind its reset."""
    if seen["lost"] or verdict not in ("leak", "hang", "timeout", "clean"):
        return None
    speaking = [one for one in seen["packets"] if not one["silent"]]
    if verdict == "clean":
        return seen["row"] or all((one["held"] or 0) <= GRACE + LATER for one in speaking)
    if verdict == "hang":
        # Retries without a pause are one wait, where they go on for longer than all logins may take.
        borne_out = any(one["open"] > PATIENCE for one in speaking) or seen["chain"] > BOUND
    else:
        borne_out = any((one["held"] or 0) > GRACE or one["open"] > PATIENCE or outlasts(one) for one in speaking)
    # A process may go on for ever without any connection.
    blind = verdict == "timeout" or len(speaking) < len(seen["packets"])
    return borne_out or (None if blind else False)


def outlasts(one):
    """Whether the client kept what the server did not end for longer than its own time-out behind the last word."""
    return one["server"] == "never" and one["said"] is not None and one["open"] - one["said"] > WAITED


def confirms(verdict, seen):
    """Whether both witnesses bear the verdict out, as far as each can see."""
    return by_ss(verdict, seen) and by_packets(verdict, seen) is not False
