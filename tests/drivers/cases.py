"""What is tried with the drivers, and what a correct driver makes of it.

A rule is an outcome, or several that are all correct. What one driver does differently stands in `expected.toml`, not
here. The choice not taken: a rule for each driver, which would call whatever happens correct.
"""

import re
import subprocess
from dataclasses import dataclass

import configurations

# A correct driver tells the number and the text; these words of it are looked for.
TEXTS = {
    18456: "Login failed for user 'x'.",
    18452: "untrusted domain",
    18401: "script upgrade mode",
    18461: "single user mode",
    18470: "The account is disabled",
    18486: "currently locked out",
    18487: "The password of the account has expired",
    18488: "The password of the account must be changed",
    17806: "SSPI handshake failed",
    17809: "maximum number of",
    17828: "prelogin packet used to open the connection",
    17830: "Network error code",
    17832: "login packet used to open the connection",
    17836: "Length specified in network packet payload",
    17892: "due to trigger execution",
    4060: "Cannot open database",
    4064: "Cannot open user default database",
    10928: "has been reached",
    10929: "is currently too busy",
    40197: "encountered an error processing your request",
    40501: "currently busy",
    40613: "is not currently available",
    42108: "since it is paused",
    42109: "warming up",
    49918: "Not enough resources",
    49919: "Too many create or update operations",
    49920: "Too many operations in progress",
}

# Told by every configuration; the others by one configuration of each driver.
EVERYWHERE = (18456, 18486, 4060, 40613)

ROW, ERROR = ("row",), ("error",)
EITHER = ("row", "error")

# The other faults with the parameters that they are played with, for each role of a configuration; those that belong
# to the listener, the PRELOGIN, the login and the session are played plain.
PLAIN = {
    # Late, and still within the drivers' 3 s.
    "slow:for=200ms": ROW,
    "connect-refuse": ERROR,
    "connect-stall": ERROR,
    "connect-no-reply": ERROR,
    "connect-end": ERROR,
    "prelogin-garbage": ERROR,
    "prelogin-bad-option": ERROR,
    "prelogin-cut": ERROR,
    "prelogin-drip": ERROR,
    "prelogin-stall": ERROR,
    "prelogin-end": ERROR,
    "login-18456:end=hold": ("18456",),
    "login-18456:end=reset": ("18456", "error"),
    "login-18456-state-5": ("18456",),
    "login-4060-18456": ("4060", "18456"),
    "login-no-done": ("18456", "error"),
    "login-short-done": ("18456", "error"),
    "login-done-only": ERROR,
    "login-empty": ERROR,
    "login-cut": ERROR,
    "login-cut-packet": ERROR,
    "login-no-eom": ("18456", "error"),
    "login-garbage": ERROR,
    "login-bad-type": ("18456", "error"),
    # The answer of a good login.
    "login-drip": ERROR,
    "login-split": ("18456",),
    "login-info-forever": ERROR,
    "login-stall": ERROR,
    "login-end": ERROR,
    "login-error-then-ack": ("18456", "error"),
    # To itself for ever; and once, with a good server behind it.
    "login-route": ERROR,
    "login-route:first=1": ROW,
    "session-end": ERROR,
    "session-first-stall": ERROR,
    "session-first-end": ERROR,
    "session-first-error": ERROR,
    # Whether it is met depends on how many requests a driver sends for one SELECT.
    "session-later-stall": EITHER,
    "session-later-end": EITHER,
}

MISMATCH = "prelogin-encryption-mismatch"
HANDSHAKE = ("garbage", "alert", "cut", "stall", "end")
CERTIFICATES = ("untrusted", "expired", "wrong-name")

# A server's `--tls`, and the clients that it lets in, by what they ask for (FACTS: the matrix of MS-TDS 2.2.6.5). A
# strict server knows nothing else; TLS first is taken wherever TLS is.
LETS_IN = {
    "off": ("nothing", "not-supported", "off"),
    "login": ("nothing", "not-supported", "off", "on"),
    "on": ("off", "on", "strict"),
    "strict": ("strict",),
}


@dataclass(frozen=True)
class Case:
    """A configuration against a fault of a server in a mode of encryption."""

    configuration: configurations.Configuration
    # As `--fault` takes it.
    fault: str
    # As `--tls` takes it; none leaves it to the client.
    tls: str | None
    # The outcomes of a correct driver.
    rule: tuple

    @property
    def name(self):
        return "%s under --tls %s" % (self.fault, self.tls) if self.tls else self.fault

    @property
    def waits(self):
        """Whether its client mostly waits, and wants next to no processor."""
        return self.rule != ROW and any(word in self.fault for word in ("stall", "drip", "no-reply", "forever"))


def refusal(number):
    return "login-%d" % number


def mismatch_rule(asks):
    """Met with an ENCRYPTION that it did not ask for. One that asked for the login packet only can do all of it."""
    return ROW if asks in ("nothing", "off") else ERROR


def tls_faults(verifies):
    """The faults of a handshake in PRELOGIN packets, for a client that verifies and for one that does not."""
    rules = {"tls-" + what: ERROR for what in HANDSHAKE}
    rules.update({"tls-" + what: ERROR if verifies else ROW for what in CERTIFICATES})
    return rules


def all_cases():
    """Every case, in the order of the results."""
    for one in configurations.CONFIGURATIONS:
        yield Case(one, "none", None, ROW)
        for number in EVERYWHERE:
            yield Case(one, refusal(number), None, (str(number),))
        for mode, let_in in LETS_IN.items():
            yield Case(one, "none", mode, ROW if one.asks in let_in else ERROR)
        if one.role == "plain":
            for fault, rule in PLAIN.items():
                # What strikes a PRELOGIN cannot strike a client that sends none.
                struck = one.asks != "nothing" or not fault.startswith("prelogin-")
                yield Case(one, fault, None, rule if struck else ROW)
            for number in TEXTS:
                if number not in EVERYWHERE:
                    yield Case(one, refusal(number), None, (str(number),))
        if one.role in ("plain", "tls", "tls-verified"):
            yield Case(one, MISMATCH, None, mismatch_rule(one.asks))
        if one.role in ("tls", "tls-verified"):
            for fault, rule in tls_faults(one.verifies).items():
                yield Case(one, fault, None, rule)
        if one.role == "strict":
            for what in (*HANDSHAKE, *CERTIFICATES):
                yield Case(one, "strict-" + what, None, ERROR)


def known_faults():
    """The names of the faults that a rule exists for."""
    return {case.fault.split(":")[0] for case in all_cases()}


def listed_faults(program):
    """The names that the server lists itself; none when it cannot."""
    run = subprocess.run([program, "serve", "--list-faults"], capture_output=True, text=True, timeout=60)
    return names_of(run.stdout) if run.returncode == 0 else None


def names_of(page):
    """The names of the faults on the page: each on a line of its own, indented by two."""
    return re.findall(r"^  ([a-z]+(?:-[a-z0-9]+)*)(?:  \(.*\))?$", page, re.MULTILINE)
