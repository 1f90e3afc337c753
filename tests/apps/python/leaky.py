"""Five refused logins with python-tds. LEAKY: a second handle of each socket outlives the refusal.

Neither pymssql nor python-tds leaks by itself: both close a connection whose login was refused. But python-tds takes a
socket that the application opened (`sock=`), and this one keeps a duplicate of it, to read round-trip times from. The
driver closes *its* handle; the kernel sends FIN only when the last one is closed, and the `close` below is reached by a
good login only.
"""

import os
import socket
import time

import pytds

TIMEOUT = 3  # seconds
gauges = []  # what another thread would read TCP_INFO from


class Connection:
    def __init__(self, host, port, user, password):
        opened = socket.create_connection((host, port), timeout=TIMEOUT)
        self.gauge = opened.dup()
        gauges.append(self.gauge)
        self.session = pytds.connect(dsn=host, port=port, user=user, password=password, login_timeout=TIMEOUT, sock=opened)

    def close(self):
        self.session.close()
        gauges.remove(self.gauge)
        self.gauge.close()


def main():
    for login in range(1, 6):
        try:
            connection = Connection(
                os.environ["CLOSEWAIT_HOST"],
                int(os.environ["CLOSEWAIT_PORT"]),
                os.environ["CLOSEWAIT_USER"],
                os.environ["CLOSEWAIT_PASSWORD"],
            )
            connection.close()
            print("login %d: logged in" % login, flush=True)
        except Exception as error:  # swallowed: the article's bug
            print("login %d: refused (%s)" % (login, type(error).__name__), flush=True)
    # The program goes on: what it holds now, it leaks.
    time.sleep(float(os.environ.get("LINGER", "4")))


main()
