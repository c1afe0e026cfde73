// What load.c's commands are made of: the clients, what they say and hear, and the feed to the server. Included once.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { ADDRESSES = 20, DIGITS = 19, TAIL = 128, PLACE_SIZE = 160, BUFFER = 1 << 18, PATIENCE = 60 };
typedef enum { CLOSED, CONNECTING, ASKED, GREETED, IN } State;

typedef struct {
    char *data;
    uint32_t size;
} Block;

typedef struct {
    int fd;
    State state;
    uint32_t user, received, count;  // count: also of earlier connections
    Block message, said[4];  // request and greeting, and those of a resume
    char tail[TAIL];  // the end of what was read: a text may be cut anywhere
    uint32_t tail_size;
    char place[PLACE_SIZE];
    int resuming, full, apart;  // apart: what it gets is not counted
} Client;

static Client *clients;
static int count, epoll, port, feed, following, expected, full;
static const char *begun, *resumed, *place_key;
static char *out;  // to the feed
static size_t out_size, out_at, out_room;
static uint64_t received, sent;
static uint32_t *latencies;  // µs
static size_t latency_count, latency_room;
static int measuring;
static uint64_t last;  // when the last message came

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

// --- the load

static void read_load(const char *path) {
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) die(path);
    char *at = mmap(0, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *end = at + st.st_size;
    if (at == MAP_FAILED) die(path);
    clients = calloc(1 << 20, sizeof *clients);
    while (at < end) {
        Client *c = &clients[count++];
        Block *blocks[] = {0, &c->message, c->said, c->said + 1, c->said + 2, c->said + 3};
        c->fd = -1;
        for (int n = 0; n < 6; n++) {
            uint32_t size;
            memcpy(&size, at, 4);
            if (n) *blocks[n] = (Block){at + 4, size};
            else memcpy(&c->user, at + 4, 4);
            at += 4 + size;
        }
    }
}

// --- the feed

static void publish(Client *c, uint32_t user) {
    size_t need = out_size + 8 + c->message.size;
    if (need > out_room) out = realloc(out, out_room = need * 2);
    char *at = out + out_size, digits[DIGITS + 1];
    memcpy(at, &user, 4);
    memcpy(at + 4, &c->message.size, 4);
    memcpy(at + 8, c->message.data, c->message.size);
    snprintf(digits, sizeof digits, "%019llu", (unsigned long long)now());
    char *mark = memmem(at + 8, c->message.size, "#T", 2);
    if (!mark) die("a message without its mark");
    memcpy(mark + 2, digits, DIGITS);
    out_size = need;
    sent++;
}

static void flush_feed(void) {
    while (out_at < out_size) {
        ssize_t n = send(feed, out + out_at, out_size - out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) die("feed");
        out_at += n;
    }
    if (out_at == out_size) out_at = out_size = 0;
    struct epoll_event e = {.events = out_size ? EPOLLOUT : 0, .data.u32 = UINT32_MAX};
    epoll_ctl(epoll, EPOLL_CTL_MOD, feed, &e);
}

// --- the clients

static void open_client(int n) {
    Client *c = &clients[n];
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002 + n % ADDRESSES)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001)};
    if (bind(c->fd, (void *)&from, sizeof from)) die("bind");
    if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    struct epoll_event e = {.events = EPOLLOUT, .data.u32 = n};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
    c->state = CONNECTING;
    c->tail_size = c->received = c->full = 0;
}

static void say(Client *c, int which) {
    char text[8 + 4096], *start = text + 8, *to = start;  // 8: a frame's head
    Block *block = &c->said[which + 2 * c->resuming];
    for (uint32_t at = 0; at < block->size;) {
        char *from = block->data + at;
        if (block->size - at >= 7 && !memcmp(from, "{place}", 7)) to = stpcpy(to, c->place), at += 7;
        else if (block->size - at >= 7 && !memcmp(from, "{count}", 7)) to += sprintf(to, "%u", c->count), at += 7;
        else *to++ = *from, at++;
    }
    size_t size = to - start;
    if (which) {  // a frame, masked with zeros
        start -= size < 126 ? 6 : 8;
        memset(start, 0, text + 8 - start);
        start[0] = 0x81, start[1] = 0x80 | (size < 126 ? size : 126);
        if (size >= 126) start[2] = size >> 8, start[3] = size;
    }
    if (send(c->fd, start, to - start, MSG_NOSIGNAL) != to - start) die("request");
    c->state = which || !c->said[1].size ? GREETED : ASKED;
}

static void ask(int n) {
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = n};
    epoll_ctl(epoll, EPOLL_CTL_MOD, clients[n].fd, &e);
    say(&clients[n], 0);
}

static void got(Client *c, const char *digits) {
    uint64_t at = 0;
    for (int n = 0; n < DIGITS; n++) at = at * 10 + digits[n] - '0';
    if (c->apart) return;
    last = now();
    received++, c->received++, c->count++;
    if (expected && c->received == (uint32_t)expected && !c->full) c->full = 1, full++;
    if (!measuring) return;
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1 << 16;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
    }
    latencies[latency_count++] = (last - at) / 1000;
}

static void follow(Client *c, const char *data, size_t size) {
    const char *end = data + size, *at = data, *key = 0;
    while ((at = memmem(at, end - at, place_key, strlen(place_key)))) key = at += strlen(place_key);
    const char *quote = key ? memchr(key, '"', end - key) : 0;
    if (quote && quote - key < PLACE_SIZE) memcpy(c->place, key, quote - key), c->place[quote - key] = 0;
}

static int waiting;  // handshakes under way

static void take(int n) {
    static char buffer[TAIL + BUFFER];
    Client *c = &clients[n];
    memcpy(buffer, c->tail, c->tail_size);
    ssize_t more = recv(c->fd, buffer + c->tail_size, BUFFER, 0);
    if (more < 0 && errno == EAGAIN) return;
    if (more <= 0) errno = more ? errno : 0, die("the server has closed a connection");
    size_t size = c->tail_size + more;
    const char *sign = c->state == ASKED ? "\r\n\r\n" : c->resuming ? resumed : begun;
    if (c->state != IN && memmem(buffer, size, sign, strlen(sign))) {
        if (c->state == ASKED) say(c, 1);
        else c->state = IN, waiting--;
    }
    if (following && *place_key) follow(c, buffer, size);
    char *at, *counted = buffer, *end = buffer + size;
    while ((at = memmem(counted, end - counted, "#T", 2)) && end - at >= 2 + DIGITS)
        got(c, at + 2), counted = at + 2 + DIGITS;
    // What may be cut: a mark with its digits; or a text that is looked for.
    size_t keep = c->state != IN || following ? TAIL : 1, left = end - counted;
    if (keep > left) keep = left;
    if (at) keep = end - at;
    memcpy(c->tail, end - keep, keep);
    c->tail_size = keep;
}

static void step(int timeout) {
    static struct epoll_event events[512];
    if (out_size) flush_feed();
    int n = epoll_wait(epoll, events, 512, timeout);
    for (int i = 0; i < n; i++) {
        uint32_t who = events[i].data.u32;
        if (who == UINT32_MAX) flush_feed();
        else if (clients[who].state == CONNECTING) ask(who);
        else take(who);
    }
}

static void until_in(void) {
    uint64_t end = now() + PATIENCE * 1000000000ull;
    while (waiting) {
        step(100);
        if (now() > end) die("not all were let in");
    }
}

static void connect_all(int window) {
    uint64_t end = now() + PATIENCE * 1000000000ull;
    for (int n = 0; n < count;) {
        while (n < count && waiting < window) open_client(n++), waiting++;
        step(100);
        if (now() > end) die("not all were let in");
    }
    until_in();
}

static void until_received(uint64_t all) {
    uint64_t end = now() + PATIENCE * 1000000000ull;
    while (received < all) {
        step(100);
        if (now() > end) die("messages are missing");
    }
}
