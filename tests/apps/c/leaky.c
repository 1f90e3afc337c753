/* Five refused logins over sockets of its own. LEAKY: `open_connection` gives the socket to its caller after a good login
 * only; after a refusal it returns -1, and with that the last number of the socket is forgotten. */
#include <stdio.h>
#include <stdlib.h>

#include "tds.h"

/* A logged-in connection, or -1. */
static int open_connection(void) {
    int sock = tds_connect(getenv("CLOSEWAIT_HOST"), getenv("CLOSEWAIT_PORT"));
    if (sock < 0)
        return -1;
    if (tds_prelogin(sock) == 0 && tds_login(sock, getenv("CLOSEWAIT_USER"), getenv("CLOSEWAIT_PASSWORD")) == TDS_LOGINACK)
        return sock;
    return -1;
}

int main(void) {
    const char *linger = getenv("LINGER");
    for (int login = 1; login <= 5; login++) {
        int connection = open_connection();
        printf("login %d: %s\n", login, connection < 0 ? "refused" : "logged in");
        if (connection >= 0)
            close(connection);
    }
    fflush(stdout);
    /* The program goes on: what it holds now, it leaks. */
    sleep(linger ? (unsigned)atoi(linger) : 4);
    return 0;
}
