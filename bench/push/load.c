// The clients of the push benchmark, and its publisher: one thread, one epoll, many source addresses.
//
//   load PORT FEED LOAD BEGUN RESUMED PLACE
//
// FEED is the server's socket for messages: user and size (32 bits each, this machine's order), then the message.
// LOAD is a file with these blocks a connection, each with its size before it: the user (32 bits), the message, the
// request and what a WebSocket says after its handshake (or nothing), and both of them for a resume. In a message, "#T"
// and 19 digits are where the time is put, in ns, and by which it is known again wherever the server puts it. BEGUN and
// RESUMED are the texts by which a connection knows that it is in. In what is said, {place} becomes where the client
// stands: what is in quotes after PLACE in the last message it got; and {count} the messages it got.
//
// Commands on stdin, a line of JSON each on stdout:
//   connect WINDOW        all of them, so many handshakes at once
//   flood SECONDS WINDOW  messages to one after the other, so many under way
//   rate PER_SECOND SECONDS
//   stall SECONDS SOME ON  the same at STEADY a second, to all but SOME, which meanwhile are sent PESTERED a second each and
//                          read them (ON 0) or read nothing (ON 1); then they are cut, and connect anew
//   fanout COUNT USER     so many messages to that user (4294967295: to all), each of which all connections get
//   storm MISSED WINDOW   all are cut, miss so many each, and come back
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
enum { STEADY = 2000, PESTERED = 60 };
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

static int by_size(const void *a, const void *b) {
    uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t share(double part) {
    size_t at = part * latency_count;
    return latency_count ? latencies[at < latency_count ? at : latency_count - 1] : 0;
}

static void answer(double seconds, uint64_t messages) {
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    printf("{\"seconds\": %.6f, \"messages\": %llu, \"p50\": %u, \"p99\": %u, \"p999\": %u, \"max\": %u}\n", seconds,
           (unsigned long long)messages, share(0.5), share(0.99), share(0.999), share(1));
    fflush(stdout);
    latency_count = measuring = 0;
}

// To one after the other, of those that are not apart.
static void publish_next(void) {
    static int n = -1;
    do n = (n + 1) % count;
    while (clients[n].apart);
    publish(&clients[n], clients[n].user);
}

// It does not sleep: or the server would pay for waking it up, a slow one for each message, and a fast one never.
static void flood(double seconds, int window) {
    uint64_t before = received, began = now(), end = began + seconds * 1e9;
    sent = received;
    while (now() < end) {
        while (sent - received < (uint64_t)window) publish_next();
        step(0);
    }
    uint64_t counted = received - before, took = now() - began;
    until_received(sent);
    answer(took / 1e9, counted);
}

static void rate(double per_second, double seconds) {
    uint64_t before = received, began = now(), total = per_second * seconds;
    sent = received;
    measuring = 1;
    for (uint64_t done = 0; done < total;) {
        uint64_t due = (now() - began) / 1e9 * per_second;
        for (; done < due && done < total; done++) publish_next();
        step(1);
    }
    until_received(sent);
    answer((now() - began) / 1e9, received - before);
}

static void stall(double seconds, int some, int on) {
    // A pong that nobody asked for: they are there, though they answer no ping.
    for (int n = 0; n < count; n++) send(clients[n].fd, "\x8a\x80\0\0\0\0", 6, MSG_NOSIGNAL);
    for (int n = 0; n < some; n++) {
        clients[n].apart = 1;
        if (on) epoll_ctl(epoll, EPOLL_CTL_DEL, clients[n].fd, 0);
    }
    uint64_t before = received, began = now(), total = STEADY * seconds, pestered = 0;
    sent = received;
    measuring = 1;
    for (uint64_t done = 0; done < total;) {
        double passed = (now() - began) / 1e9;
        for (; done < passed * STEADY && done < total; done++) publish_next();
        for (; pestered < passed * PESTERED * some; pestered++, sent--)
            publish(&clients[pestered % some], clients[pestered % some].user);
        step(1);
    }
    until_received(sent);
    answer((now() - began) / 1e9, received - before);
    following = 1;
    for (int n = 0; n < some; n++) close(clients[n].fd), open_client(n), waiting++;
    until_in();
    following = 0;
    for (int n = 0; n < some; n++) clients[n].apart = 0;
}

static void fanout(int messages, uint32_t user) {
    uint64_t before = received, began = now();
    for (int n = 0; n < messages; n++) {
        publish(&clients[0], user);
        until_received(before + (uint64_t)(n + 1) * count);
    }
    answer((last - began) / 1e9, received - before);
}

static void storm(int missed, int window) {
    struct linger hard = {1, 0};
    following = 1;  // so that each knows where it stands
    uint64_t all = received + count;
    for (int n = 0; n < count; n++) publish(&clients[n], clients[n].user);
    until_received(all);
    for (int n = 0; n < count; n++) {
        setsockopt(clients[n].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(clients[n].fd);
        clients[n].state = CLOSED, clients[n].resuming = 1;
    }
    sleep(1);
    for (int m = 0; m < missed; m++)
        for (int n = 0; n < count; n++) publish(&clients[n], clients[n].user);
    while (out_size) step(100);
    sleep(2);  // for the server to have taken them
    following = full = 0, expected = missed;
    uint64_t before = received, began = now();
    connect_all(window);
    until_received(before + (uint64_t)missed * count);
    uint64_t took = last - began;
    if (full != count) die("somebody has not got all it missed");
    expected = 0;
    answer(took / 1e9, received - before);
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    port = atoi(argv[1]), begun = argv[4], resumed = argv[5], place_key = argv[6];
    read_load(argv[3]);
    epoll = epoll_create1(0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strncpy(at.sun_path, argv[2], sizeof at.sun_path - 1);
    feed = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(feed, (void *)&at, sizeof at)) die("feed");
    struct epoll_event e = {.events = 0, .data.u32 = UINT32_MAX};
    epoll_ctl(epoll, EPOLL_CTL_ADD, feed, &e);
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        double a = 0;
        unsigned b = 0, on = 0;
        char what[16] = "";
        sscanf(line, "%15s %lf %u %u", what, &a, &b, &on);
        uint64_t began = now();
        if (!strcmp(what, "connect")) following = 1, connect_all(a), following = 0, answer((now() - began) / 1e9, 0);
        else if (!strcmp(what, "flood")) flood(a, b);
        else if (!strcmp(what, "rate")) rate(a, b);
        else if (!strcmp(what, "stall")) stall(a, b, on);
        else if (!strcmp(what, "fanout")) fanout(a, b);
        else if (!strcmp(what, "storm")) storm(a, b);
        else return 2;
    }
    return 0;
}
