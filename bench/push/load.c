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
#include "clients.h"

enum { STEADY = 2000, PESTERED = 60 };

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
