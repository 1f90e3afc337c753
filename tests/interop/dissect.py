"""Captures a good and a refused login of a real driver, and has tshark's TDS dissector read them.

usage: dissect.py CLOSEWAIT_BINARY

Needs tshark, FreeTDS' tsql, and the right to capture on the loopback interface. Fails on a malformed packet, and when
what was captured is not the whole login.
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

# What the dissector must have seen of each login, by its own names of messages and tokens.
WANTED = {
    "none": ["TDS7 pre-login message", "TDS7 login", "Token - LoginAck", "SQL batch", "Token - Row", "Token - Done"],
    "login-18456": ["TDS7 pre-login message", "TDS7 login", "Token - Error", "18456", "Token - Done"],
}


def login(port, directory):
    """One login by tsql, in clear."""
    config = directory / "freetds.conf"
    config.write_text("[global]\nencryption = off\ntds version = 7.4\n")
    command = ["tsql", "-H", "127.0.0.1", "-p", str(port), "-U", "x", "-P", "y"]
    subprocess.run(command, input="SELECT 1\ngo\nexit\n", text=True, capture_output=True, timeout=20,
                   env={"PATH": "/usr/bin:/bin", "FREETDSCONF": str(config)})


def capture(binary, fault, directory):
    """The capture file of one login against a server with this fault."""
    server = subprocess.Popen([binary, "serve", "--listen", "127.0.0.1:0", "--fault", fault], stdout=subprocess.PIPE)
    try:
        port = int(json.loads(server.stdout.readline())["listening"].rpartition(":")[2])
        path = directory / f"{fault}.pcapng"
        sniffer = subprocess.Popen(["tshark", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", path],
                                   stderr=subprocess.PIPE, text=True)
        try:
            # It says so when it has begun; a moment later the first packet is in the file's header, at least.
            line = sniffer.stderr.readline()
            while "Capturing on" not in line:
                if not line:
                    raise SystemExit("tshark cannot capture")
                line = sniffer.stderr.readline()
            until = time.monotonic() + 10
            while not path.exists() or path.stat().st_size == 0:
                if time.monotonic() > until:
                    raise SystemExit("tshark captures nothing")
                time.sleep(0.05)
            login(port, directory)
            time.sleep(1)
        finally:
            sniffer.send_signal(signal.SIGINT)
            sniffer.communicate(timeout=20)
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
    return path, port


def read(path, port, *arguments):
    """What tshark says of a capture."""
    command = ["tshark", "-r", path, "-d", f"tcp.port=={port},tds", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        for fault, wanted in WANTED.items():
            path, port = capture(sys.argv[1], fault, pathlib.Path(name))
            malformed = read(path, port, "-Y", "_ws.malformed")
            details = read(path, port, "-Y", "tds", "-V")
            missing = [text for text in wanted if text.lower() not in details.lower()]
            if malformed or missing:
                failed += 1
                print(f"FAIL {fault}: malformed: {malformed or 'none'}; not seen: {missing}\n{details}")
            else:
                passed += 1
                print(f"PASS {fault}: {len(read(path, port, '-Y', 'tds').splitlines())} TDS packets, none malformed")
    print(f"dissect: {passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
