"""A `closewait serve` of its own for a case: started on a free port, ended by SIGTERM to its pid."""

import json
import select
import signal
import subprocess
import time


class CannotServe(Exception):
    """The program does not know what it is asked for: exit code 2."""


class Broken(Exception):
    """The server itself went wrong."""


class Server:
    """It runs from `with` to the end of its block; then `served` has its counts."""

    READY_WITHIN = 20
    ENDS_WITHIN = 10

    def __init__(self, program, fault, tls, certificate, stderr):
        self.command = [program, "serve", "--listen", "127.0.0.1:0", "--fault", fault]
        self.command += ["--tls", tls] if tls else []
        # One without TLS has no certificate to write.
        self.command += ["--write-certificate", certificate] if certificate and tls != "off" else []
        self.stderr = stderr
        self.served = None

    def __enter__(self):
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=stderr)
        line = self.line(self.READY_WITHIN)
        if not line:
            self.process.kill()
            code = self.process.wait()
            said = self.complaints()
            raise (CannotServe if code == 2 else Broken)("exit code %d: %s" % (code, said))
        host, port = json.loads(line)["listening"].rsplit(":", 1)
        self.address = host, int(port)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            line = self.line(self.ENDS_WITHIN)
            code = self.process.wait(self.ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Broken("SIGTERM did not end it") from None
        finally:
            self.process.stdout.close()
        if code != -signal.SIGTERM or not line or "panicked" in self.complaints():
            raise Broken("ended with %d, said %r: %s" % (code, line, self.complaints()))
        self.served = json.loads(line)["served"]

    def line(self, seconds):
        """Its next line, none when it ends or says nothing for so long."""
        until = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))
            byte = self.process.stdout.read1(65536) if ready else b""
            if not byte:
                return None
            line += byte
        return line.decode()

    def complaints(self):
        with open(self.stderr, encoding="utf-8", errors="replace") as stderr:
            return stderr.read().strip()


def write_certificate(program, place):
    """A certificate as its servers have them, of a server that has ended: for a client that is to verify one."""
    with Server(program, "none", None, str(place), "/dev/null"):
        pass
