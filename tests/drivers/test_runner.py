"""The runner's own judgement: `python3 -m unittest discover -s tests/drivers`."""

import os
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import configurations
import play
import results
import server
from cases import EITHER, ERROR, ROW, Case, all_cases, names_of
from expectations import Expectations

PLAIN = configurations.representatives("plain")[0]


def answer(**words):
    return {"result": "error", "number": None, "text": "", "seconds": 0.1, **words}


class Outcomes(unittest.TestCase):
    def outcome(self, rule, **words):
        return play.outcome(Case(PLAIN, "any", None, rule), answer(**words))

    def test_a_refusal_needs_number_and_text(self):
        text = "Login failed for user 'x'."
        self.assertEqual(self.outcome(("18456",), number=18456, text=text), "18456")
        self.assertEqual(self.outcome(("18456",), number=18456, text="closed"), "number only")
        self.assertEqual(self.outcome(("18456",), text=text), "text only")
        self.assertEqual(self.outcome(("18456",), number=4060, text="Cannot open database"), "error")
        self.assertEqual(self.outcome(("4060", "18456"), number=18456, text=text), "18456")

    def test_elsewhere_an_error_is_an_error(self):
        self.assertEqual(self.outcome(("error",), number=18456, text="Login failed for user 'x'."), "error")
        self.assertEqual(self.outcome(("18456", "error"), text="Login failed for user 'x'."), "error")

    def test_a_late_error_and_a_wrong_value_are_told_apart(self):
        self.assertEqual(self.outcome(("error",), seconds=play.LATE + 1), "late error")
        self.assertEqual(self.outcome(("row",), result="row", value=1), "row")
        self.assertEqual(self.outcome(("row",), result="row", value=2), "wrong row")


class Clients(unittest.TestCase):
    """A client that is a line of Python: what the runner makes of it."""

    def played(self, program):
        driver = configurations.Driver("x", (sys.executable, "-c", program), (), (), "")
        configuration = configurations.Configuration("x", "7.4", "off", "off")
        with tempfile.TemporaryDirectory() as scratch, mock.patch.dict(play.DRIVERS, {"x": driver}), mock.patch.object(play, "LIMIT", 2):
            return play.client(Case(configuration, "none", None, ("row",)), ("127.0.0.1", 1), scratch, scratch, None)

    def test_what_it_prints_counts(self):
        line = '{"result": "row", "value": 1, "seconds": 0.1}'
        self.assertEqual(self.played("print('noise'); print('''%s''')" % line)[0], "row")
        self.assertEqual(self.played("raise SystemExit('broken')")[0], "crash")
        self.assertEqual(self.played("pass")[0], "no answer")
        self.assertEqual(self.played("print('''%s''', flush=True); import time; time.sleep(60)" % line)[0], "stays")

    def test_a_hang_is_ended_with_its_children(self):
        program = "import subprocess as s, sys; p = s.Popen(['sleep', '60']); print(p.pid, flush=True, file=sys.stderr); p.wait()"
        started = time.monotonic()
        outcome, said = self.played(program)
        self.assertEqual(outcome, "hang")
        self.assertLess(time.monotonic() - started, 20)
        place = Path("/proc", said["text"].strip(), "stat")
        self.assertFalse(place.exists() and place.read_text().rsplit(")", 1)[1].split()[0] != "Z", "its child lives")


class Tables(unittest.TestCase):
    def test_cases_are_told_apart_by_their_names(self):
        names = [(case.configuration.name, case.name) for case in all_cases()]
        self.assertEqual(len(names), len(set(names)))

    def test_every_driver_has_a_representative_and_a_client(self):
        for driver in configurations.DRIVERS.values():
            roles = [one.role for one in configurations.CONFIGURATIONS if one.driver == driver.name]
            self.assertEqual(roles.count("plain"), 1, driver.name)
            self.assertEqual(len([role for role in roles if role]), len({role for role in roles if role}), driver.name)
            for word in driver.command:
                place = play.filled(word, "nowhere")
                self.assertTrue(not word.startswith("{clients}") or os.path.exists(place), place)

    def test_rules_know_what_a_client_asks_for(self):
        rules = {(case.configuration.name, case.name): case.rule for case in all_cases()}
        self.assertEqual(rules["jTDS 8.0 off", "prelogin-stall"], ROW)
        self.assertEqual(rules["jTDS 8.0 off", "login-stall"], ERROR)
        self.assertEqual(rules["tsql 7.4 off", "prelogin-stall"], ERROR)
        mismatch = "prelogin-encryption-mismatch"
        asked = [rules[name, mismatch] for name in ("jTDS 8.0 off", "mssql-python 7.4 Optional", "tsql 7.4 off", "tsql 7.4 require")]
        self.assertEqual(asked, [ROW, ROW, ERROR, ERROR])

    def test_what_waits_is_known(self):
        waits = {(case.configuration.name, case.name): case.waits for case in all_cases()}
        asked = [("tsql 7.4 off", "prelogin-drip"), ("jTDS 8.0 off", "prelogin-drip"), ("tsql 7.4 off", "login-18456")]
        self.assertEqual([waits[one] for one in asked], [True, False, False])

    def test_a_server_without_tls_is_asked_for_no_certificate(self):
        for tls, asked in (("off", False), ("on", True), (None, True)):
            command = server.Server("closewait", "none", tls, "server.pem", os.devnull).command
            self.assertEqual("--write-certificate" in command, asked, tls)

    def test_the_servers_list_of_faults_is_read(self):
        page = "A fault is written NAME\n\nCONNECT: before anything is read\n\n  connect-stall  (the login is never over)\n"
        page += "    wire        the SYN is\n                not answered\n\n  login-18456\n    parameters  none\n"
        self.assertEqual(names_of(page), ["connect-stall", "login-18456"])

    def test_an_exception_that_nothing_meets_is_told(self):
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch, "expected.toml")
            entry = '[[exception]]\nconfiguration = "%s"\ncase = "none"\noutcome = "hang"\nnote = "why"\n'
            place.write_text(entry % PLAIN.name + entry % "nobody *")
            expectations = Expectations(place)
            case = Case(PLAIN, "none", None, ("row",))
            self.assertEqual(expectations.of(case).outcomes, ("hang",))
            self.assertEqual([one["configuration"] for one in expectations.idle()], ["nobody *"])


class Results(unittest.TestCase):
    def tables(self, *exceptions):
        entry = '[[exception]]\nconfiguration = "%s"\ncase = "%s"\noutcome = "%s"\nnote = "%s"\n'
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch, "expected.toml")
            place.write_text("".join(entry % exception for exception in exceptions))
            return results.Tables(Expectations(place))

    def test_what_a_driver_does_otherwise_is_counted_and_listed(self):
        driver = PLAIN.driver
        tables = self.tables((PLAIN.name, "connect-*", "hang", "It waits."), (driver + " *", "login-[0-9]*", "error", "It is mute."))
        self.assertRegex(tables.phase(PLAIN, "connect"), r"^0 of (\d), \*\*hang\*\* \1$")
        self.assertRegex(tables.phase(PLAIN, "prelogin"), r"^(\d) of \1$")
        self.assertEqual(tables.cell(PLAIN, "connect-end"), "**hang**")
        self.assertEqual(tables.cell(PLAIN, "session-later-end"), " or ".join(EITHER))
        waits, mute = sorted(tables.findings(driver).splitlines(), reverse=True)
        own = PLAIN.name.removeprefix(driver + " ")
        self.assertEqual(
            waits, "- **hang** at `connect-refuse`, `connect-stall`, `connect-no-reply`, `connect-end` (%s): It waits." % own
        )
        self.assertRegex(mute, r"^- \*\*error\*\* at every `login-NUMBER`, .* \(\d+ configurations\): It is mute\.$")
        self.assertIn("Nothing", tables.findings("tedious"))

    def test_every_case_is_in_the_document(self):
        tables = self.tables()
        document = tables.document("")
        self.assertEqual(document.count("\n### "), len(configurations.DRIVERS))
        for case in all_cases():
            shown = case.tls or results.phase_of(case) or case.fault in results.LOGINS
            self.assertTrue(shown, case.name)
            self.assertTrue(case.tls or case.fault in results.LOGINS or "| `%s` |" % case.name in document, case.name)
            self.assertIn("| %s |" % case.configuration.name, document)


if __name__ == "__main__":
    unittest.main()
