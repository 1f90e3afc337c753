/* The scripted client of the truth tests: how many connections it leaks, and how late it closes the others, is said by its
 * arguments, so that a verdict can be compared with what happened.
 *
 *     scripted HOST PORT N K DELAY_MS LINGER_MS [GOOD]
 *
 * N logins one after another, each read to the server's FIN. The first K are never closed; each of the others is closed
 * DELAY_MS after its FIN, by a thread of its own, so that delays do not add up. Meanwhile GOOD more logins, of the user
 * `good`, are closed as soon as they are answered. LINGER_MS after the last close (or the last FIN) it exits with status 0;
 * 1 when a connection could not be made, 2 for wrong arguments. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "c/tds.h"

static const char *host, *port;
static long delay_ms;

static void sleep_ms(long ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* A socket whose login was answered. */
static int login_as(const char *user) {
    int sock = tds_connect(host, port);
    if (sock < 0) {
        perror("connect");
        _exit(1);
    }
    if (tds_prelogin(sock) == 0)
        tds_login(sock, user, "secret");
    return sock;
}

/* Reads until the server has ended the connection, by FIN or RST, or says nothing for the time-out. */
static void read_to_end(int sock) {
    uint8_t some[4096];
    while (recv(sock, some, sizeof some, 0) > 0)
        continue;
}

static void *close_later(void *sock) {
    sleep_ms(delay_ms);
    close((int)(intptr_t)sock);
    return NULL;
}

static void *good_logins(void *count) {
    for (long left = (long)(intptr_t)count; left > 0; left--)
        close(login_as("good"));
    return NULL;
}

static pthread_t start(void *(*routine)(void *), intptr_t argument) {
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 512 * 1024);
    if (pthread_create(&thread, &small, routine, (void *)argument) != 0) {
        fprintf(stderr, "no thread\n");
        _exit(1);
    }
    pthread_attr_destroy(&small);
    return thread;
}

int main(int count, char **arguments) {
    if (count < 7 || count > 8) {
        fprintf(stderr, "usage: %s HOST PORT N K DELAY_MS LINGER_MS [GOOD]\n", arguments[0]);
        return 2;
    }
    host = arguments[1], port = arguments[2];
    long logins = atol(arguments[3]), kept = atol(arguments[4]), linger_ms = atol(arguments[6]);
    delay_ms = atol(arguments[5]);
    if (logins < 1 || kept < 0 || kept > logins || delay_ms < 0 || linger_ms < 0) {
        fprintf(stderr, "%s: N is at least 1, K from 0 to N, times are not negative\n", arguments[0]);
        return 2;
    }
    pthread_t *closers = calloc((size_t)logins, sizeof *closers);
    pthread_t good = start(good_logins, count == 8 ? atol(arguments[7]) : 0);
    for (long login = 0; login < logins; login++) {
        int sock = login_as("scripted");
        read_to_end(sock);
        if (login >= kept)
            closers[login] = start(close_later, sock);
    }
    for (long login = kept; login < logins; login++)
        pthread_join(closers[login], NULL);
    pthread_join(good, NULL);
    sleep_ms(linger_ms);
    free(closers);
    return 0;
}
