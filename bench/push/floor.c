// The least that pushing over WebSocket can cost: no authentication, no checks, no resume, no metrics.
//
//   floor PORT FEED
//
// The first request's path ends with the user's number. Messages come as load.c sends them; 4294967295 is everybody.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 1 << 20, FIRST_USER = 1000000, BUFFER = 1 << 22 };

// The accept value of the one key that load.c uses, which is RFC 6455's own.
static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Protocol: lacak.v1\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static int sockets[MOST], known[MOST], last;  // by user, and whether a socket has asked

static void emit(uint32_t user, const uint8_t *message, uint32_t size) {
    uint8_t frame[65536];
    size_t head = 2;
    frame[0] = 0x81, frame[1] = size;
    if (size > 125) frame[1] = 126, frame[2] = size >> 8, frame[3] = size, head = 4;
    memcpy(frame + head, message, size);
    uint32_t from = user == UINT32_MAX ? 0 : user - FIRST_USER, to = user == UINT32_MAX ? (uint32_t)last : from;
    for (uint32_t n = from; n <= to; n++)
        if (sockets[n]) send(sockets[n], frame, head + size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int listening(int family, void *address, socklen_t size) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, address, size) || listen(fd, 4096)) perror("floor"), exit(1);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strncpy(un.sun_path, argv[2], sizeof un.sun_path - 1);
    int door = listening(AF_INET, &in, sizeof in), feeds = listening(AF_UNIX, &un, sizeof un), feed = -1, one = 1;
    int epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = door}, events[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, door, &e);
    e.data.fd = feeds;
    epoll_ctl(epoll, EPOLL_CTL_ADD, feeds, &e);
    static uint8_t fed[BUFFER];
    size_t have = 0;
    for (;;) {
        int n = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == door) {
                int client;
                while ((client = accept4(door, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    e.data.fd = client;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, client, &e);
                    known[client] = 0;
                }
            } else if (fd == feeds) {
                e.data.fd = feed = accept4(feeds, 0, 0, SOCK_NONBLOCK);
                epoll_ctl(epoll, EPOLL_CTL_ADD, feed, &e);
            } else if (fd == feed) {
                ssize_t more = recv(feed, fed + have, 1 << 18, 0);
                if (more <= 0) {
                    close(feed), feed = -1, have = 0;
                    continue;
                }
                size_t at = 0;
                have += more;
                while (have - at >= 8) {
                    uint32_t user, size;
                    memcpy(&user, fed + at, 4), memcpy(&size, fed + at + 4, 4);
                    if (have - at - 8 < size) break;
                    emit(user, fed + at + 8, size);
                    at += 8 + size;
                }
                memmove(fed, fed + at, have -= at);
            } else {
                char request[8192];
                ssize_t size = recv(fd, request, sizeof request - 1, 0);
                if (size <= 0) {
                    if (known[fd] && sockets[known[fd] - 1] == fd) sockets[known[fd] - 1] = 0;
                    close(fd);
                } else if (!known[fd]) {
                    request[size] = 0;
                    int user = atoi(strchr(request, '=') + 1) - FIRST_USER;
                    sockets[user] = fd, known[fd] = user + 1;
                    if (user > last) last = user;
                    send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
                }
            }
        }
    }
}
