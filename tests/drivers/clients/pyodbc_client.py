"""FreeTDS' ODBC driver under unixODBC, by pyodbc."""

import re

import pyodbc

from answer import TIMEOUT, print_answer


def select_one(to):
    pyodbc.pooling = False
    words = {
        "DRIVER": "{FreeTDS}",
        # Its section of freetds.conf has the rest; with SERVER and PORT no CA file would be read.
        "SERVERNAME": "closewait",
        "DATABASE": to.database,
        "UID": to.user,
        "PWD": to.password,
    }
    connection = pyodbc.connect(";".join("%s=%s" % word for word in words.items()), timeout=TIMEOUT)
    connection.timeout = TIMEOUT
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    value = cursor.fetchone()[0]
    connection.close()
    return value


def explain(error):
    # "[SQLSTATE] [FreeTDS][SQL Server]text (number) (function)", several of them after a failed login.
    text = str(error)
    numbers = [int(number) for number in re.findall(r"\((-?\d+)\)", text)]
    return next((number for number in numbers if number > 0 and not 20000 <= number < 21000), None), text


print_answer(select_one, explain)
