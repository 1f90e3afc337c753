"""The judgement of `check.py`, and its witnesses: `python3 -m unittest discover -s tests/drivers`."""

import socket
import struct
import time
import unittest
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import check
import checked
from look import CLIENTS, GRACE, PATIENCE, by_packets, configuration, confirms
from packets import ACK, FIN, RST, SYN, Capture, Conversation, Ledger

PAGE = """CONNECT: before anything is read

  connect-refuse
    parameters  during=5s..10s

  connect-no-reply  (the login is never over)
    parameters  for=30s, end=close|hold|reset, p=0.2

  login-18456
    parameters  end=close|hold|reset

  login-4060
    parameters  end=close|hold|reset

  strict-alert
    parameters  end=close|hold|reset
"""


def row(**words):
    return {"driver": "tiberius", "fault": "login-18456", "verdict": "clean", "reason": "", **words}


def seen(*packets, **words):
    return {"lines": [], "longest": 0, "done": True, "code": None, "row": False, "took": 1, "chain": 1, "lost": 0, "packets": packets, **words}


def packet(**words):
    return {"open": 0.1, "held": 0.0, "said": 0.1, "server": "FIN at 0.1 s", "silent": False, **words}


class Grid(unittest.TestCase):
    def test_every_end_is_tried_and_a_number_of_the_catalogue_once(self):
        self.assertEqual(
            list(check.faults(PAGE))[:5],
            ["connect-refuse", "connect-no-reply"] + ["connect-no-reply:end=%s,for=200ms" % end for end in ("close", "hold", "reset")],
        )
        grid, no_mode = check.trials(["tsql", "tiberius"], PAGE, 4)
        times = Counter(grid)
        self.assertEqual([times["tsql", fault] for fault in ("login-18456:end=hold", "login-4060", "strict-alert")], [4, 1, 0])
        self.assertEqual(times["tiberius", "strict-alert:end=reset"], 4)
        self.assertEqual(no_mode, {("tsql", "strict")})

    def test_a_fault_is_met_by_the_mode_that_reaches_it(self):
        for driver in CLIENTS:
            met = [configuration(driver, fault) for fault in ("login-cut", "tls-cut", "tls-expired:end=hold", "strict-cut")]
            roles = [one and one.role for one in met]
            self.assertEqual([roles[0], roles[2]], ["plain", "tls-verified"], driver)
            self.assertIn(roles[1], ("tls", "tls-verified"), driver)
            self.assertIn(roles[3], ("strict", None), driver)


class Judgement(unittest.TestCase):
    def judged(self, **words):
        entries = [{"driver": ["tedious"], "fault": ["login-*"], "kind": ["hang"], "evidence": "It waits."}]
        with mock.patch.object(check, "expected", lambda: entries):
            return check.judge(row(**words))["passed"]

    def test_what_is_reported_must_be_known_and_confirmed(self):
        waits = seen(packet(open=PATIENCE + 1), longest=PATIENCE + 1)
        self.assertTrue(self.judged())
        self.assertTrue(self.judged(driver="tsql", verdict="undecided"))
        self.assertFalse(self.judged(verdict="undecided"))
        self.assertFalse(self.judged(verdict="hang", seen=waits))
        self.assertTrue(self.judged(driver="tedious", verdict="hang", seen=waits))
        self.assertFalse(self.judged(driver="tedious", verdict="hang", seen=seen(packet())))
        self.assertFalse(self.judged(driver="tedious", verdict="leak", seen=waits))

    def test_a_clean_trial_that_a_witness_contradicts_fails(self):
        self.assertTrue(self.judged(seen=seen(packet())))
        self.assertFalse(self.judged(seen=seen(packet(held=GRACE + 2.0))))
        self.assertFalse(self.judged(seen=seen(lines=["CLOSE-WAIT"])))

    def test_both_witnesses_are_asked_as_far_as_they_can_see(self):
        kept = {"lines": ["CLOSE-WAIT"], "longest": 9}
        self.assertTrue(confirms("leak", seen(packet(held=9.0), **kept)))
        self.assertFalse(confirms("leak", seen(packet(), **kept)), "its FIN was seen")
        self.assertFalse(confirms("leak", seen(packet(held=9.0))), "nobody held it")
        behind_reset = seen(packet(silent=True, server="RST at 0.1 s"), **kept)
        self.assertIsNone(by_packets("leak", behind_reset))
        self.assertTrue(confirms("leak", behind_reset))
        self.assertIsNone(by_packets("leak", seen(packet(), lost=1)))
        self.assertTrue(confirms("timeout", seen(packet(), took=60)), "it made its logins, and took much longer than it may")
        self.assertFalse(confirms("timeout", seen(packet())))
        self.assertTrue(confirms("hang", seen(packet(), took=60, chain=60)), "it tries again and again")
        waits = packet(held=None, server="never", said=0.1)
        self.assertFalse(by_packets("leak", seen({**waits, "open": 3.2})), "it met its own time-out")
        self.assertTrue(by_packets("leak", seen({**waits, "open": 6.0})))


class Packets(unittest.TestCase):
    """Client 5, server 9."""

    def ledger(self, *said):
        ledger = Ledger(9)
        for at, by_client, flags, payload in said:
            ends = (5, 9) if by_client else (9, 5)
            address = struct.pack("!BBHHHBBH8x", 0x45, 0, 40 + payload, 0, 0, 64, 6, 0)
            ledger.take(at, address + struct.pack("!HHIIBBHHH", *ends, 0, 0, 0x50, flags, 0, 0, 0))
        return ledger.conversations

    OPENED = ((0.0, True, SYN, 0), (0.1, False, SYN | ACK, 0), (0.2, False, ACK, 43))

    def test_who_ended_first_and_how_long_the_other_took(self):
        (one,) = self.ledger(*self.OPENED, (1.0, False, FIN | ACK, 0), (4.0, True, RST, 0))
        self.assertEqual((one.first, one.said, one.held(9), one.open_for(9), one.silent), ("server FIN", 0.2, 3.0, 4.0, False))
        (one,) = self.ledger(*self.OPENED, (1.0, True, FIN | ACK, 0), (1.5, False, FIN | ACK, 0))
        self.assertEqual((one.first, one.held(9), one.open_for(9)), ("client FIN", 0.0, 1.0))
        (one,) = self.ledger(*self.OPENED)
        self.assertEqual((one.first, one.held(9), one.open_for(9)), ("nobody", None, 9.0))

    def test_nothing_is_said_behind_a_reset_or_before_an_answer(self):
        (one,) = self.ledger(*self.OPENED, (1.0, False, RST, 0))
        self.assertEqual((one.first, one.silent), ("server RST", True))
        # Something came from the client behind the server's FIN.
        (one,) = self.ledger(*self.OPENED, (1.0, False, FIN | ACK, 0), (1.2, True, ACK, 30), (1.2, False, RST, 0))
        self.assertEqual((one.first, one.silent), ("server FIN", True))
        (one,) = self.ledger((0.0, True, SYN, 0), (1.0, True, SYN, 0))
        self.assertTrue(one.silent)

    def test_a_port_that_is_used_again_is_another_connection(self):
        first, second = self.ledger(*self.OPENED, (1.0, True, FIN, 0), (2.0, True, SYN, 0), (2.1, False, SYN | ACK, 0))
        self.assertEqual((first.client, second.opened, second.answered), (("FIN", 1.0), 2.0, True))

    def test_connections_that_follow_each_other_are_a_chain(self):
        ledger = Ledger(9)
        ledger.conversations = [Conversation(5, opened, client=("FIN", opened + 3)) for opened in (0, 10, 13.5, 17)]
        self.assertEqual([ledger.chain(20.5), ledger.chain(22)], [10.5, 0])

    def test_the_kernels_own_packets(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            try:
                capture = Capture(server.getsockname()[1])
            except PermissionError:
                self.skipTest("a packet socket needs root")
            with capture, socket.create_connection(server.getsockname()) as client:
                accepted, _ = server.accept()
                accepted.close()
                # The server's FIN has come.
                self.assertEqual(client.recv(1), b"")
                client.close()
                until = time.monotonic() + 10
                while time.monotonic() < until and not (capture.ledger.conversations and capture.ledger.conversations[0].client):
                    time.sleep(0.01)
        (one,) = capture.ledger.conversations
        self.assertEqual((one.answered, one.first, one.client[0], capture.lost), (True, "server FIN", "FIN", 0))


class Document(unittest.TestCase):
    def test_counts_and_evidence_are_written(self):
        rows = [check.judge(row(connections=5, faulted=1, **more)) for more in ({}, {"fault": "login-4060"}, {})]
        leak = check.judge(row(verdict="leak", seen=seen(packet(held=9.0), lines=["CLOSE-WAIT 1"], longest=9, first={"server FIN": 5})))
        entry = {"kind": ["leak"], "evidence": "It keeps\nit."}
        place = mock.Mock()
        with mock.patch.object(checked, "version", lambda *_: "1.0"), mock.patch.object(checked, "HERE", mock.MagicMock()) as here:
            here.__truediv__.return_value = place
            checked.write([*rows, leak], {("tsql", "strict")}, lambda _: entry, SimpleNamespace(work=Path(".")))
        (text,) = place.write_text.call_args.args
        self.assertIn("4 trials with `--grace 2s --patience 8s`", text)
        self.assertIn("1 faults, counted with each end that they take, 3 trials of each", " ".join(text.split()))
        self.assertIn("15 connections, 3 of them faulted", text)
        self.assertIn("| tsql | 1.0 | - | - | - | no such mode | - | - |", text)
        self.assertIn("3 clean, 1 leak", text)
        self.assertIn("- **tiberius, leak** (1): `login-18456`.\n  It keeps it.\n  Looked at 1", text)
        self.assertIn("packets 1, and cannot tell of 0; ended first by server FIN 5", text)


if __name__ == "__main__":
    unittest.main()
