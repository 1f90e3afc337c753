"""pymssql, with the FreeTDS inside its wheel. A CA to verify with can only come from freetds.conf."""

import pymssql

from answer import TIMEOUT, print_answer


def select_one(to):
    connection = pymssql.connect(
        server=to.host,
        port=to.port,
        user=to.user,
        password=to.password,
        database=to.database,
        tds_version=to.tds,
        encryption=to.encrypt,
        login_timeout=TIMEOUT,
        timeout=TIMEOUT,
    )
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    value = cursor.fetchone()[0]
    connection.close()
    return value


def explain(error):
    # (number, text), sometimes a tuple within a tuple; without a server's message the number is DB-Library's own.
    arguments = error.args[0] if error.args and isinstance(error.args[0], tuple) else error.args
    if len(arguments) == 2 and isinstance(arguments[0], int):
        number, text = arguments
        text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        return (None if number == 0 or 20000 <= number < 21000 else number), text
    return None, str(error)


print_answer(select_one, explain)
