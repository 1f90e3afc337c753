/* A command that shows the symptom which its first argument names, or does what is most like it and is none. Every socket
 * of a failed login is closed, so that nothing but the symptom can be said of it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "tds.h"

enum { ENCRYPT_ON = 1, ENCRYPT_NOT_SUP = 2 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Keeps a processor busy. */
static void compute(double seconds) {
    for (double end = now() + seconds; now() < end;)
        ;
}

static void *compute_all_the_time(void *nothing) {
    compute(10);
    return nothing;
}

/* Computes for a moment on a processor that its own child wants more, for so long. */
static void starve(double seconds, int sock) {
    cpu_set_t all, one;
    struct sched_param none = {0};
    pid_t parent = getpid();
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    if (fork() == 0) {
        close(sock);
        compute(seconds);
        sched_setaffinity(parent, sizeof all, &all);
        sched_setscheduler(parent, SCHED_OTHER, &none);
        _exit(0);
    }
    sched_setscheduler(0, SCHED_IDLE, &none);
    for (clock_t end = clock() + CLOCKS_PER_SEC / 20; clock() < end;)
        ;
}

static int connected(void) {
    int sock = tds_connect(getenv("CLOSEWAIT_HOST"), getenv("CLOSEWAIT_PORT"));
    if (sock < 0)
        exit(1);
    return sock;
}

/* What a login on this socket came to. */
static int login(int sock) {
    return tds_login(sock, getenv("CLOSEWAIT_USER"), getenv("CLOSEWAIT_PASSWORD"));
}

/* A socket on which a login was made, and what it came to. */
static int try_login(int *answer) {
    int sock = connected();
    *answer = tds_prelogin(sock) == 0 ? login(sock) : -1;
    return sock;
}

/* A request: SQL text, for TDS 7.2 and later behind its headers [2.2.5.3]. */
static void ask(int sock) {
    static const uint8_t batch[] = {22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
                                    'S', 0, 'E', 0, 'L', 0, 'E', 0, 'C', 0, 'T', 0, ' ', 0, '1', 0};
    uint8_t answer[65536];
    if (tds_send(sock, 0x01, batch, sizeof batch) == 0)
        tds_receive(sock, answer);
}

/* Reads until the server has closed. */
static void await_end(int sock) {
    char byte;
    while (recv(sock, &byte, 1, 0) > 0)
        ;
}

/* PRELOGIN with this ENCRYPTION; the server's. */
static int agree(int sock, uint8_t encryption) {
    uint8_t body[] = {0x00, 0, 11, 0, 6, 0x01, 0, 17, 0, 1, 0xFF, 1, 0, 0, 0, 0, 0, encryption};
    uint8_t answer[65536];
    int length = tds_send(sock, TDS_PRELOGIN, body, sizeof body) == 0 ? tds_receive(sock, answer) : -1;
    for (int at = 0; at + 5 <= length && answer[at] != 0xFF; at += 5)
        if (answer[at] == 0x01)
            return answer[answer[at + 1] << 8 | answer[at + 2]];
    return -1;
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    int answer, kept = -1, is = !strcmp(what, "spins");
    pthread_t thread;
    if (is || !strcmp(what, "waits") || !strcmp(what, "computes")) {
        /* Busy on what is dead; asleep on it; or busy with something else, before it and on. */
        if (!strcmp(what, "computes")) {
            pthread_create(&thread, NULL, compute_all_the_time, NULL);
            sleep(1);
        }
        int sock = try_login(&answer);
        if (is)
            compute(2);
        else
            sleep(2);
        close(sock);
    } else if (!strcmp(what, "starves")) {
        /* Closes late, because it gets no processor. */
        int sock = try_login(&answer);
        starve(1.8, sock);
        close(sock);
    } else if ((is = !strcmp(what, "grows")) || !strcmp(what, "shares")) {
        /* An eventfd for each login; one for all, and one for each that is closed. */
        for (int i = 0; i < 4; i++) {
            int sock = try_login(&answer);
            /* So long that a look sees whose it is. */
            usleep(100 * 1000);
            close(sock);
            /* Long before the next login: a late look at that one still does not count this in. */
            int own = eventfd(0, EFD_CLOEXEC);
            if (kept < 0)
                kept = own;
            else if (!is)
                close(own);
            usleep(300 * 1000);
        }
    } else if ((is = !strcmp(what, "takes")) || !strcmp(what, "retries")) {
        /* Asks whatever the answer was; asks where it was logged in. */
        for (int i = 0; i < 3; i++) {
            int sock = try_login(&answer);
            if (is || answer == TDS_LOGINACK)
                ask(sock);
            close(sock);
            if (answer == TDS_LOGINACK)
                break;
        }
    } else if ((is = !strcmp(what, "uncovers")) || !strcmp(what, "declines") || !strcmp(what, "knows-no-tls")) {
        /* Wants TLS and goes on without; wants it and goes; never wanted it. */
        int sock = connected();
        int agreed = agree(sock, strcmp(what, "knows-no-tls") ? ENCRYPT_ON : ENCRYPT_NOT_SUP);
        if (is || agreed != ENCRYPT_NOT_SUP)
            login(sock);
        close(sock);
    } else if ((is = !strcmp(what, "keeps")) || !strcmp(what, "drops")) {
        /* Keeps a session that the server has ended; closes it. */
        int sock = try_login(&answer);
        await_end(sock);
        if (is)
            sleep(2);
        close(sock);
    } else {
        return 2;
    }
    fflush(stdout);
    sleep(1); /* It goes on, so that nothing is left undecided. */
    return 0;
}
