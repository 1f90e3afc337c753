/* A command with the manners that its first argument names. */
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tds.h"

/* The number of a socket on which a login was made, whatever came of it. */
static int login(void) {
    int sock = tds_connect(getenv("CLOSEWAIT_HOST"), getenv("CLOSEWAIT_PORT"));
    if (sock >= 0 && tds_prelogin(sock) == 0)
        tds_login(sock, getenv("CLOSEWAIT_USER"), getenv("CLOSEWAIT_PASSWORD"));
    return sock;
}

/* Closes its logins, or keeps the last of them, and winds up for a while, as an interpreter does. */
static void wind_up(int keeps) {
    for (int left = 5; left > 0; left--) {
        int sock = login();
        if (!keeps || left > 1)
            close(sock);
    }
    usleep(60 * 1000);
}

/* Waits for an answer for ever. */
static void wait_for_ever(void) {
    struct timeval never = {0};
    int sock = tds_connect(getenv("CLOSEWAIT_HOST"), getenv("CLOSEWAIT_PORT"));
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
    if (tds_prelogin(sock) == 0)
        tds_login(sock, getenv("CLOSEWAIT_USER"), getenv("CLOSEWAIT_PASSWORD"));
}

/* Says that it is there, waits until it may go, makes logins, closes them itself or lets a child's exit do it, and goes on. */
static void go(int by_a_child) {
    fclose(fopen("there", "w"));
    while (access("go", F_OK) != 0)
        usleep(1000);
    for (int left = 2; left > 0; left--) {
        pid_t child = by_a_child ? fork() : -1;
        if (child > 0) {
            waitpid(child, NULL, 0);
            continue;
        }
        int sock = login();
        if (child == 0)
            _exit(0);
        close(sock);
    }
    fclose(fopen("gone", "w"));
    sleep(1);
}

/* Becomes a daemon that keeps what its parents had opened. */
static void become_daemon(void) {
    if (fork() != 0)
        _exit(0);
    setsid();
    if (fork() != 0)
        _exit(0);
    for (;;)
        pause();
}

static int loopback(int port, struct sockaddr_in *address) {
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* A service that makes a login, and leaks it, for every byte that it is sent. */
static void serve(int port) {
    struct sockaddr_in address;
    int one = 1, listener = loopback(port, &address);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    usleep(300 * 1000); /* It is not ready at once. */
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0)
        exit(1);
    for (;;) {
        int user = accept(listener, NULL, NULL);
        char byte;
        while (user >= 0 && recv(user, &byte, 1, 0) == 1) {
            login();
            send(user, &byte, 1, MSG_NOSIGNAL);
        }
        close(user);
    }
}

/* A service that listens on the loopback address of IPv6 alone, and never accepts. */
static void listen_on_six(int port) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin6_addr = in6addr_loopback;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0)
        exit(1);
    for (;;)
        pause();
}

/* Asks that service for one login, and waits until it has made it. */
static void use(int port) {
    struct sockaddr_in address;
    char byte = 'x';
    int sock = loopback(port, &address);
    if (connect(sock, (struct sockaddr *)&address, sizeof address) != 0 || send(sock, &byte, 1, 0) != 1 ||
        recv(sock, &byte, 1, 0) != 1)
        exit(1);
}

/* Tries to have a thousand children; says how many it got. */
static void multiply(void) {
    int born = 0;
    for (int i = 0; i < 1000; i++) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                pause();
        born += child > 0;
    }
    printf("born: %d\n", born);
    fflush(stdout);
    for (;;)
        pause();
}

/* Has children without end. They wait, or end and are never asked how, or have children without end themselves. */
static void storm(const char *children) {
    int spread = !strcmp(children, "spread");
    for (;;) {
        pid_t child = fork();
        if (child == 0 && !strcmp(children, "end"))
            _exit(0);
        if (child == 0 && !spread)
            for (;;)
                pause();
        if (!spread)
            usleep(500);
    }
}

/* Kills its parent, and has a child that outlives it and a grandchild in a session of its own. */
static void kill_parent(int sig) {
    pid_t parent = getppid();
    if (fork() == 0) {
        if (fork() == 0)
            setsid();
        for (;;)
            pause();
    }
    login();
    usleep(300 * 1000); /* They are seen before it goes. */
    kill(parent, sig);
    for (;;)
        pause();
}

int main(int count, char **arguments) {
    const char *manners = count > 1 ? arguments[1] : "";
    if (!strcmp(manners, "wait"))
        wait_for_ever();
    else if (!strcmp(manners, "closes") || !strcmp(manners, "keeps"))
        wind_up(!strcmp(manners, "keeps"));
    else if (!strcmp(manners, "go") || !strcmp(manners, "go-by-child"))
        go(!strcmp(manners, "go-by-child"));
    else if (!strcmp(manners, "daemon"))
        login(), login(), become_daemon();
    else if (!strcmp(manners, "serve"))
        serve(atoi(arguments[2]));
    else if (!strcmp(manners, "listen-on-six"))
        listen_on_six(atoi(arguments[2]));
    else if (!strcmp(manners, "use"))
        use(atoi(arguments[2]));
    else if (!strcmp(manners, "multiply"))
        multiply();
    else if (!strcmp(manners, "storm"))
        storm(arguments[2]);
    else if (!strcmp(manners, "kill-parent"))
        kill_parent(atoi(arguments[2]));
    else
        return 1;
    return 0;
}
