"""Five refused logins with pymssql. FIXED: the driver opens the socket, owns its only handle, and closes it.

As pymssql's documentation says: connect, and close what was connected. A refused login raises, and leaves nothing open.
"""

import os
import time
from contextlib import closing

import pymssql

TIMEOUT = 3  # seconds


def main():
    for login in range(1, 6):
        try:
            with closing(
                pymssql.connect(
                    server=os.environ["CLOSEWAIT_HOST"],
                    port=os.environ["CLOSEWAIT_PORT"],
                    user=os.environ["CLOSEWAIT_USER"],
                    password=os.environ["CLOSEWAIT_PASSWORD"],
                    login_timeout=TIMEOUT,
                )
            ):
                print("login %d: logged in" % login, flush=True)
        except pymssql.Error as error:
            print("login %d: refused (%s)" % (login, type(error).__name__), flush=True)
    # The program goes on: it holds nothing now.
    time.sleep(float(os.environ.get("LINGER", "4")))


main()
