"""Captures a good and a refused login of a real driver, and has tshark's TDS dissector read them; then has tshark read the
capture files of `closewait trace`, and holds the table of each against what tshark makes of the same frames; what README and
--help say to type for each mode of TLS is typed.

usage: dissect.py CLOSEWAIT_BINARY

Needs tshark with text2pcap, FreeTDS' tsql, and the right to capture on the loopback interface. Fails on a malformed packet,
when what was captured is not the whole login, when a number, a flag, a time or a comment of a frame is another, when TLS is
not decrypted by the secrets in the file, and when a documented command does not show what it is said to show.
"""

import json
import pathlib
import re
import shlex
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


# Traces of every kind: the client's end, the server's, faults, and each mode of TLS.
TRACES = {
    "leaky": [],
    "orderly": ["--close", "orderly"],
    "abortive": ["--close", "abortive"],
    "good login": ["--fault", "none"],
    "cut answer": ["--fault", "login-cut"],
    "many packets": ["--fault", "login-split"],
    "refused connection": ["--fault", "connect-refuse"],
    "unanswered connection": ["--fault", "connect-stall", "--timeout", "1500ms"],
    "TLS of the login": ["--tls", "login"],
    "TLS": ["--tls", "on"],
    "strict TLS": ["--tls", "strict"],
}

# What TLS hides in each mode, and the dissector must find behind it.
HIDDEN = {
    "TLS of the login": ["TDS7 login"],
    "TLS": ["TDS7 login", "Token - Error", "18456", "Token - Done"],
    "strict TLS": ["TDS7 pre-login message", "TDS7 login", "Token - Error", "18456", "Token - Done"],
}

FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
FIELDS = ["frame.number", "frame.time_relative", "tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.seq", "tcp.ack", "tcp.len",
          "tcp.analysis.retransmission", "frame.comment"]


def tshark(path, *arguments):
    """What tshark says of a trace's capture."""
    command = ["tshark", "-r", path, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def differences(frames, lines):
    """Where a trace's own frames are not tshark's."""
    if len(frames) != len(lines):
        yield f"{len(frames)} frames, and tshark has {len(lines)}"
    for frame, line in zip(frames, lines):
        number, at, source, destination, flags, seq, ack, length, again, comment = line.split("\t")
        states = [frame[end]["after"].upper() for end in ("client", "server")]
        ours = {
            "number": frame["number"], "source": frame["source_port"], "destination": frame["destination_port"],
            "flags": sum(1 << FLAGS.index(flag) for flag in frame["flags"].split(", ")), "seq": frame["seq"],
            "length": frame["length"],
        }
        theirs = {
            "number": int(number), "source": int(source), "destination": int(destination), "flags": int(flags, 16),
            "seq": int(seq), "length": int(length),
        }
        if frame["ack"] is not None:
            ours["ack"], theirs["ack"] = frame["ack"], int(ack)
        # Data that is sent again has several names at tshark; a SYN has one.
        if "SYN" in frame["flags"]:
            ours["again"], theirs["again"] = frame["retransmission"], bool(again)
        if ours != theirs:
            yield f"frame {number}: {ours}, and tshark has {theirs}"
        if abs(frame["at_s"] - float(at)) > 0.000_001:
            yield f"frame {number}: at {frame['at_s']} s, and tshark has {at} s"
        if not comment.startswith(frame["what"]) or not all(state in comment for state in states):
            yield f"frame {number}: the comment is {comment!r}, for {frame['what']!r} and {states}"


def unhidden(path, directory):
    """What the TDS dissector makes of the plaintext that tshark decrypts. This version's does not look into TLS itself, so
    that each record's plaintext is given to it as a packet of its own."""
    decode = ["-d", "tcp.port==1433,tls"] if "strict" in path.name else []
    found = tshark(path, *decode, "-d", "tls.port==1433,data", "-T", "fields", "-e", "tcp.srcport", "-e", "data.data")
    details = ""
    for port, data in (line.split("\t") for line in found.splitlines() if line.split("\t")[1]):
        plain = bytes.fromhex(data.split(",")[0])
        dump = "\n".join(f"{at:06x} " + plain[at:at + 16].hex(" ") for at in range(0, len(plain), 16)) + "\n"
        packet = directory / "plain.pcap"
        ends = f"{port},1433" if port != "1433" else "1433,40000"
        subprocess.run(["text2pcap", "-q", "-T", ends, "-", packet], input=dump, text=True, check=True, timeout=20,
                       capture_output=True)
        details += tshark(packet, "-d", "tcp.port==1433,tds", "-V")
    return details


README = pathlib.Path(__file__).parents[2] / "README.md"

# The capture that a documented command reads, and what must be seen when it is typed: of a frame in clear what the dissector
# calls it, of one in TLS the first bytes of its TDS packets: PRELOGIN, LOGIN7, the answer.
DOCUMENTED = {
    "plain.pcapng": {"off": ["TDS7 pre-login message", "TDS7 login"]},
    "tls.pcapng": {"login": ["0000 10 01 "], "on": ["0000 10 01 ", "0000 04 01 "]},
    "strict.pcapng": {"strict": ["0000 12 01 ", "0000 10 01 ", "0000 04 01 "]},
}


def documented(binary, directory):
    """Each documented command, and what is wrong with it."""
    commands = re.findall(r"^tshark -r [^#\n]+", README.read_text(), re.MULTILINE)
    files = [shlex.split(command)[2] for command in commands]
    if sorted(files) != sorted(DOCUMENTED):
        yield "documented, README", [f"it has commands for {files}"], ""
    told = subprocess.run([binary, "trace", "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
    for command in re.findall(r"tshark -r .+", told):
        wrong = [] if command.strip() in [it.strip() for it in commands] else ["README has no such command"]
        yield f"documented, --help: {command.strip()}", wrong, ""
    for command, name in zip(commands, files):
        for mode, wanted in DOCUMENTED.get(name, {}).items():
            path = directory / f"documented-{mode}.pcapng"
            subprocess.run([binary, "trace", "--tls", mode, "--wait", "100ms", "--quiet", "--pcapng", path], check=True,
                           capture_output=True, timeout=60)
            words = [str(path) if word == name else word for word in shlex.split(command)]
            shown = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
            plain = re.sub(" +", " ", "".join(shown.split("Decrypted TLS")[1:]) if mode != "off" else shown)
            wrong = [f"not shown: {text}" for text in wanted if text not in plain]
            if "TCP segment of a reassembled PDU" in shown:
                wrong.append("TCP segment of a reassembled PDU")
            yield f"documented, --tls {mode}: {command.strip()}", wrong, ""


def trace(binary, name, arguments, directory):
    """What is wrong with one trace."""
    path = directory / f"{name.replace(' ', '-')}.pcapng"
    command = [binary, "trace", *arguments, "--wait", "200ms", "--quiet", "--json", "-", "--pcapng", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return [f"exit code {done.returncode}: {done.stderr}"], 0
    frames = json.loads(done.stdout)["connections"][0]["frames"]
    fields = [word for field in FIELDS for word in ("-e", field)]
    wrong = list(differences(frames, tshark(path, "-T", "fields", *fields).splitlines()))
    malformed = tshark(path, "-Y", "_ws.malformed")
    # A fault's own broken packet is what was asked for.
    if malformed and name != "cut answer":
        wrong.append(f"malformed: {malformed}")
    if name in HIDDEN:
        details = unhidden(path, directory)
        wrong += [f"not seen behind TLS: {text}" for text in HIDDEN[name] if text.lower() not in details.lower()]
    return wrong, len(frames)


def faults(binary, directory):
    """Each login that a fault answers, what is wrong with its packets, and what was seen of them."""
    for fault, wanted in WANTED.items():
        path, port = capture(binary, fault, directory)
        malformed = read(path, port, "-Y", "_ws.malformed")
        details = read(path, port, "-Y", "tds", "-V")
        wrong = [f"malformed: {malformed}"] if malformed else []
        wrong += [f"not seen: {text}" for text in wanted if text.lower() not in details.lower()]
        if wrong:
            wrong.append(details)
        yield fault, wrong, f": {len(read(path, port, '-Y', 'tds').splitlines())} TDS packets, none malformed"


def traces(binary, directory):
    for name, arguments in TRACES.items():
        wrong, frames = trace(binary, name, arguments, directory)
        yield f"trace, {name}", wrong, f": {frames} frames as tshark has them"


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        for cases in (faults, traces, documented):
            for case, wrong, seen in cases(sys.argv[1], pathlib.Path(name)):
                failed, passed = failed + bool(wrong), passed + (not wrong)
                print(*([f"FAIL {case}", *wrong] if wrong else [f"PASS {case}{seen}"]), sep="\n  ")
    print(f"dissect: {passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
