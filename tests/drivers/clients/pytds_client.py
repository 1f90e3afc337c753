"""python-tds. It speaks TLS only with a CA file, so it can verify or stay plain, never trust blindly.

It tries again on 4060, 40613 and on broken connections until its login timeout is up, and keeps the error as the cause.
"""

import pytds

from answer import TIMEOUT, print_answer

VERSIONS = {"7.1": pytds.tds_base.TDS71, "7.2": pytds.tds_base.TDS72, "7.3": pytds.tds_base.TDS73A, "7.4": pytds.tds_base.TDS74}


def select_one(to):
    connection = pytds.connect(
        dsn=to.host,
        port=to.port,
        user=to.user,
        password=to.password,
        database=to.database,
        tds_version=VERSIONS[to.tds],
        cafile=None if to.encrypt == "none" else to.certificate,
        enc_login_only=to.encrypt == "login",
        # Its check of the name fails with any certificate: pyOpenSSL has no X509.get_extension any more.
        validate_host=False,
        login_timeout=TIMEOUT,
        timeout=TIMEOUT,
    )
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    value = cursor.fetchone()[0]
    connection.close()
    return value


def explain(error):
    for one in (error, error.__cause__, error.__context__):
        number = getattr(one, "number", None) or getattr(one, "msg_no", None)
        if number:
            # Several messages of the server make one text.
            return number, " ".join(str(part) for part in one.args if part)
    return None, " / ".join(str(one) for one in (error, error.__cause__) if one)


print_answer(select_one, explain)
