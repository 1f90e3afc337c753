/* As much of TDS as one login needs: PRELOGIN, LOGIN7, and the answer read to its end. Written from [MS-TDS], section
 * numbers in the comments. No TLS: PRELOGIN says that the client cannot encrypt (ENCRYPT_NOT_SUP). */
#ifndef TDS_H
#define TDS_H

#include <netdb.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TDS_LOGIN7 = 0x10, TDS_PRELOGIN = 0x12, TDS_EOM = 0x01, TDS_ERROR = 0xAA, TDS_LOGINACK = 0xAD };

/* The time-out of a login, in seconds; it bounds the connect and each send and receive. */
enum { TDS_TIMEOUT_S = 3 };

/* A connected socket, or -1. It is the caller's to close. */
static inline int tds_connect(const char *host, const char *port) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all, *one;
    struct timeval limit = {.tv_sec = TDS_TIMEOUT_S};
    int sock = -1;
    if (getaddrinfo(host, port, &hints, &all) != 0)
        return -1;
    for (one = all; one && sock < 0; one = one->ai_next) {
        sock = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
        if (sock < 0)
            continue;
        /* On Linux SO_SNDTIMEO bounds connect() too. */
        setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (connect(sock, one->ai_addr, one->ai_addrlen) != 0) {
            close(sock);
            sock = -1;
        }
    }
    freeaddrinfo(all);
    return sock;
}

/* 2.2.3.1: every packet begins with type, status, length (big-endian, header included), SPID, packet number, window. */
static inline int tds_send(int sock, uint8_t type, const uint8_t *body, size_t length) {
    uint8_t packet[1024] = {type, TDS_EOM, (uint8_t)((length + 8) >> 8), (uint8_t)(length + 8), 0, 0, 1, 0};
    if (length > sizeof packet - 8)
        return -1;
    memcpy(packet + 8, body, length);
    return send(sock, packet, length + 8, MSG_NOSIGNAL) == (ssize_t)(length + 8) ? 0 : -1;
}

/* Reads one message, packet by packet until the one with EOM; the bytes of its first packet, or -1. */
static inline int tds_receive(int sock, uint8_t body[65536]) {
    static _Thread_local uint8_t rest[65536];
    uint8_t header[8];
    int first = -1;
    do {
        if (recv(sock, header, sizeof header, MSG_WAITALL) != sizeof header)
            return -1;
        int length = (header[2] << 8 | header[3]) - 8;
        if (length < 1 || recv(sock, first < 0 ? body : rest, (size_t)length, MSG_WAITALL) != length)
            return -1;
        if (first < 0)
            first = length;
    } while (!(header[1] & TDS_EOM));
    return first;
}

/* 2.2.6.5 PRELOGIN: a table of options (token, offset, length, big-endian), its end 0xFF, then the values. */
static inline int tds_prelogin(int sock) {
    static const uint8_t body[] = {
        0x00, 0, 11, 0, 6, /* VERSION at 11, six bytes */
        0x01, 0, 17, 0, 1, /* ENCRYPTION at 17, one byte */
        0xFF,
        1, 0, 0, 0, 0, 0,  /* this client's version */
        0x02,              /* ENCRYPT_NOT_SUP */
    };
    uint8_t answer[65536];
    return tds_send(sock, TDS_PRELOGIN, body, sizeof body) == 0 && tds_receive(sock, answer) > 0 ? 0 : -1;
}

/* 2.2.6.4 LOGIN7: 36 fixed bytes, a table of (offset, length in characters) in 58 more, then the texts as UTF-16LE.
 * TDS_LOGINACK after a good login, TDS_ERROR after a refusal, -1 when no such answer came. */
static inline int tds_login(int sock, const char *user, const char *password) {
    enum { FIXED = 94 };
    uint8_t body[FIXED + 2 * 256] = {0};
    const char *texts[9] = {"apps", user, password, "closewait-apps", "", "", "", "", ""}; /* host, user, password, app */
    size_t end = FIXED;
    body[4] = 0x04, body[7] = 0x74;  /* TDS 7.4, little-endian 0x74000004 */
    body[9] = 0x10;                  /* packets of 4096 bytes */
    body[24] = 0xE0, body[25] = 0x03; /* what every client sets: initial database and language matter, ODBC */
    for (size_t i = 0; i < 9; i++) {
        uint8_t *entry = body + 36 + 4 * i;
        size_t length = strlen(texts[i]);
        if (end + 2 * length > sizeof body)
            return -1;
        entry[0] = (uint8_t)end, entry[1] = (uint8_t)(end >> 8), entry[2] = (uint8_t)length;
        for (size_t at = 0; at < length; at++, end += 2) {
            uint8_t one = (uint8_t)texts[i][at];
            /* The password's bytes have their nibbles swapped and are then xored with 0xA5. */
            body[end] = i == 2 ? (uint8_t)((one << 4 | one >> 4) ^ 0xA5) : one;
            body[end + 1] = i == 2 ? 0xA5 : 0;
        }
    }
    /* After the ninth text the client's id (six bytes, 72 to 77), then SSPI, the attached file and the new password: none. */
    for (size_t at = 78; at < 90; at += 4)
        body[at] = (uint8_t)end, body[at + 1] = (uint8_t)(end >> 8);
    body[0] = (uint8_t)end, body[1] = (uint8_t)(end >> 8);
    if (tds_send(sock, TDS_LOGIN7, body, end) != 0)
        return -1;
    /* ENVCHANGE, INFO, ERROR and LOGINACK all begin with the token and a length of two bytes. */
    uint8_t answer[65536];
    int length = tds_receive(sock, answer);
    for (int at = 0; at + 2 < length; at += 3 + (answer[at + 1] | answer[at + 2] << 8))
        if (answer[at] == TDS_ERROR || answer[at] == TDS_LOGINACK)
            return answer[at];
    return -1;
}

#endif
