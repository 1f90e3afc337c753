"""mssql-python: Microsoft's ODBC Driver 18 in a wheel.

A server's error comes without its number, in the text of the SQLSTATE's exception. Strict, the driver compares the
server's certificate with ServerCertificate; otherwise it asks OpenSSL's own CA file, and knows DNS names only.
"""

import os

import mssql_python

from answer import TIMEOUT, print_answer


def select_one(to):
    mssql_python.pooling(enabled=False)
    words = {
        "Server": "%s,%d" % (to.host, to.port),
        "Database": to.database,
        "UID": to.user,
        "PWD": to.password,
        "Encrypt": to.encrypt,
        # Else it waits 10 s and logs in once more when a session breaks.
        "ConnectRetryCount": "0",
    }
    if to.certificate and to.encrypt == "Strict":
        words["ServerCertificate"] = to.certificate
    elif to.certificate:
        os.environ["SSL_CERT_FILE"] = to.certificate
        words["HostnameInCertificate"] = "localhost"
    else:
        words["TrustServerCertificate"] = "yes"
    connection = mssql_python.connect(";".join("%s=%s" % word for word in words.items()), timeout=TIMEOUT)
    connection.timeout = TIMEOUT
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    value = cursor.fetchone()[0]
    connection.close()
    return value


print_answer(select_one, lambda error: (None, str(error)))
