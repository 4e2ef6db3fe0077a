/* The C floor: the least that a client of the Lambda Runtime API can do.
 *
 * One send and one recv per request; the request id is found by strcasestr; the reply is a constant, so the event is
 * received and not decoded. No error handling beyond leaving: it exists to be compared with, not to be used.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY "{\"ok\":true}"

static char buffer[65536 + 1];

/* Receive one reply whole; only its last 64 KB are kept, and *head* gets its head. Returns 0 when the peer has closed. */
static int receive(int fd, char *head, size_t size) {
    ssize_t got = recv(fd, buffer, sizeof buffer - 1, 0);
    if (got <= 0) return 0;
    buffer[got] = '\0';
    char *end = strstr(buffer, "\r\n\r\n");
    if (!end || (size_t)(end - buffer) >= size) return 0;
    size_t length = (size_t)(end - buffer);
    memcpy(head, buffer, length);
    head[length] = '\0';
    char *field = strcasestr(head, "\r\ncontent-length:");
    if (field) {
        long missing = atol(field + 17) - (long)(got - (end + 4 - buffer));
        while (missing > 0) {
            got = recv(fd, buffer, sizeof buffer - 1, 0);
            if (got <= 0) return 0;
            missing -= got;
        }
        return 1;
    }
    char tail[6] = "";
    for (;;) { /* chunked: whole when the last bytes are the empty chunk */
        size_t kept = strlen(tail);
        if (got >= 5) {
            memcpy(tail, buffer + got - 5, 5);
        } else {
            char joined[11];
            memcpy(joined, tail, kept);
            memcpy(joined + kept, buffer, (size_t)got);
            size_t total = kept + (size_t)got;
            size_t from = total > 5 ? total - 5 : 0;
            memcpy(tail, joined + from, total - from);
        }
        if (memcmp(tail, "0\r\n\r\n", 5) == 0) return 1;
        got = recv(fd, buffer, sizeof buffer - 1, 0);
        if (got <= 0) return 0;
    }
}

int main(void) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    char host[64], request[512], next[256], head[8192];
    int port;
    if (!api || sscanf(api, "%63[^:]:%d", host, &port) != 2) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return 2;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return 1;
    int length = snprintf(next, sizeof next, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", api);

    for (;;) {
        if (send(fd, next, (size_t)length, MSG_NOSIGNAL) != length) return 1;
        if (!receive(fd, head, sizeof head)) return 1;
        char *id = strcasestr(head, "lambda-runtime-aws-request-id:");
        if (!id) return 1;
        id += 30;
        id += strspn(id, " ");
        int size = snprintf(request, sizeof request,
                            "POST /2018-06-01/runtime/invocation/%.*s/response HTTP/1.1\r\nHost: %s\r\n"
                            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n" BODY,
                            (int)strcspn(id, "\r"), id, api, sizeof BODY - 1);
        if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size) return 1;
        if (!receive(fd, head, sizeof head)) return 1;
        if (memcmp(head, "HTTP/1.1 202", 12) != 0) return 1;
    }
}
