"""LOGINS logins one after another with a Python driver, as its documentation says; then alive for LINGER seconds.

`logins.py pymssql|python-tds|mssql-python`. Every error is handled, and every connection that there is is closed. The
choice not taken: `../clients/`, which make one login and end, so that their end would close everything. Why encryption is
asked for in this way is said there.
"""

import os
import sys
import time
from contextlib import closing

HOST, PORT = os.environ["CLOSEWAIT_HOST"], int(os.environ["CLOSEWAIT_PORT"])
USER, PASSWORD = os.environ["CLOSEWAIT_USER"], os.environ["CLOSEWAIT_PASSWORD"]
ENCRYPT, CERTIFICATE = os.environ["CLOSEWAIT_ENCRYPT"], os.environ.get("CLOSEWAIT_CERTIFICATE")
TIMEOUT = 3


def pymssql():
    import pymssql

    return lambda: pymssql.connect(
        server=HOST, port=PORT, user=USER, password=PASSWORD, encryption=ENCRYPT, login_timeout=TIMEOUT, timeout=TIMEOUT,
    )


def python_tds():
    import pytds

    return lambda: pytds.connect(
        dsn=HOST, port=PORT, user=USER, password=PASSWORD, login_timeout=TIMEOUT, timeout=TIMEOUT,
        cafile=None if ENCRYPT == "none" else CERTIFICATE, enc_login_only=ENCRYPT == "login", validate_host=False,
    )


def mssql_python():
    import mssql_python

    words = "Server=%s,%d;UID=%s;PWD=%s;Encrypt=%s;ConnectRetryCount=0;" % (HOST, PORT, USER, PASSWORD, ENCRYPT)
    if CERTIFICATE and ENCRYPT == "Strict":
        words += "ServerCertificate=" + CERTIFICATE
    elif CERTIFICATE:
        os.environ["SSL_CERT_FILE"] = CERTIFICATE
        words += "HostnameInCertificate=localhost"
    else:
        words += "TrustServerCertificate=yes"

    def connect():
        connection = mssql_python.connect(words, timeout=TIMEOUT)
        connection.timeout = TIMEOUT
        return connection

    return connect


connect = {"pymssql": pymssql, "python-tds": python_tds, "mssql-python": mssql_python}[sys.argv[1]]()
for _ in range(int(os.environ.get("LOGINS", 5))):
    try:
        with closing(connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SELECT 1")
            print("row", cursor.fetchone(), flush=True)
    except Exception as error:  # whatever a driver raises is its answer
        print(type(error).__name__, str(error)[:300], flush=True)
print("done", flush=True)
time.sleep(float(os.environ["LINGER"]))
