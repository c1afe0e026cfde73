"""What a live connection costs the gateway: memory and CPU, without Kafka and Cassandra around it.

    python bench/push.py [--connections 4000] [--rounds 3]

For each transport, straight on uvicorn's sockets and as it is on any ASGI server: so many customers connect, wait, are
each sent changes, are all cut at once, and come back for what they missed. All with authentication, resume and metrics;
CPU is the gateway's own, of one process, and the clients are not counted.
"""

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import lab
from push_server import ANSWER, FIRST_USER

from api.auth import issue_token
from api.live.ceiling import raise_file_limit
from stack import free_ports

WARM = 50
"""Connections that come and go before anything is measured."""
AT_ONCE = 500
"""Handshakes under way."""
ADDRESSES = 20
"""Of the clients, on the loopback."""
CHANGES = 5
"""Rounds of one change each."""
MISSED = 20
"""Changes that each missed when it comes back."""
PATIENCE = 60.0
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: lacak.v1\r\n"
)
CHANGE, CURSOR = b'{"type":"change"', b'"cursor":"'
TAIL = 200
"""Bytes: longer than a cursor, shorter than a change."""
PATHS = {"websocket": "/v1/live", "sse": "/v1/live/sse"}


class Gateway:
    """The server's process, and its commands."""

    def __init__(self, kind: str) -> None:
        [self.port] = free_ports("127.0.0.1", 1)
        self._child = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("push_server.py"), kind, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.look()

    def command(self, line: str) -> Any:
        self.send(line)
        return self.answer()

    def send(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()

    def answer(self) -> Any:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if line.startswith(ANSWER):  # and not of its log
                return json.loads(line.removeprefix(ANSWER))
        raise RuntimeError("the gateway has ended")

    def look(self) -> dict[str, float]:
        looked: dict[str, float] = self.command("look")
        return looked

    def stop(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(30)


class Client:
    """One customer's connection: it knows where to resume, and how many changes it was sent."""

    def __init__(self, gateway: Gateway, transport: str, user: int, cursor: str = "") -> None:
        self.user, self.cursor, self.changes, self.begun = user, cursor, 0, False
        self._tail = b""
        self.socket = socket.socket()
        self.socket.bind((f"127.0.0.{2 + user % ADDRESSES}", 0))
        self.socket.connect(("127.0.0.1", gateway.port))
        token = issue_token(
            lab.SECRET, audience="lacak", ttl=3600, now=int(time.time()), sub=str(user), scopes=["orders:read"]
        )
        path = PATHS[transport] + (f"?cursor={cursor}" if cursor else "")
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nAuthorization: Bearer {token}\r\n"
        self.socket.sendall((head + (UPGRADE if transport == "websocket" else "") + "\r\n").encode())
        self.socket.setblocking(False)

    def has_begun(self) -> bool:
        """Whether its hello and its snapshot, if it needs one, are there."""
        return self.begun

    def read(self) -> None:
        """Takes what has come. A frame may be cut anywhere, so the end of what came before is looked at again."""
        new = self.socket.recv(1 << 18)
        assert new, "the gateway closed it"
        data = self._tail + new
        self.changes += data.count(CHANGE) - self._tail.count(CHANGE)
        at = data.rfind(CURSOR)
        end = data.find(b'"', at + len(CURSOR))
        if at >= 0 and end >= 0:
            self.cursor = data[at + len(CURSOR) : end].decode()
        self.begun = self.begun or b'"resumed":true' in data or b'{"type":"snapshot"' in data
        self._tail = data[-TAIL:]


class Crowd:
    """All clients, read by one thread."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self._ready = selectors.EpollSelector()

    def connect(self, gateway: Gateway, transport: str, who: Iterable[tuple[int, str]]) -> None:
        """Each is in when its hello and its snapshot, if it needs one, are there."""
        waiting: list[Client] = []
        for user, cursor in who:
            client = Client(gateway, transport, user, cursor)
            self._ready.register(client.socket, selectors.EVENT_READ, client)
            self.clients.append(client)
            waiting.append(client)
            if len(waiting) == AT_ONCE:
                self.read_until(waiting[AT_ONCE // 2].has_begun)
                waiting = [each for each in waiting if not each.begun]
        for client in waiting:
            self.read_until(client.has_begun)

    def read_until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, "not so in time"
            for key, _ in self._ready.select(0.05):
                key.data.read()

    def cut(self) -> list[tuple[int, str]]:
        """Closes all at once; gives who they were, and where each resumes."""
        who = [(client.user, client.cursor) for client in self.clients]
        for client in self.clients:
            self._ready.unregister(client.socket)
            client.socket.close()
        self.clients.clear()
        return who


def users(count: int) -> list[tuple[int, str]]:
    return [(user, "") for user in range(FIRST_USER, FIRST_USER + count)]


def spent(gateway: Gateway, before: dict[str, float], count: int) -> float:
    """CPU since then, in µs for each of `count`."""
    return (gateway.look()["cpu"] - before["cpu"]) / count * 1e6


def measure(kind: str, transport: str, count: int) -> dict[str, float]:
    """One run of one transport."""
    gateway, crowd = Gateway(kind), Crowd()
    try:
        crowd.connect(gateway, transport, users(WARM))
        crowd.cut()
        until_empty(gateway)
        before = gateway.look()
        crowd.connect(gateway, transport, users(count))
        after = gateway.look()
        found = {
            "bytes": (after["bytes"] - before["bytes"]) / count,
            "accept": (after["cpu"] - before["cpu"]) / count * 1e6,
        }
        push(gateway, crowd, count)  # what is made once is there
        before = gateway.look()
        for _ in range(CHANGES):
            push(gateway, crowd, count)
        found["change"] = spent(gateway, before, CHANGES * count)
        who = crowd.cut()
        until_empty(gateway)
        for _ in range(MISSED):
            gateway.command(f"prepare {count}")
        gateway.command("feed")
        before, began = gateway.look(), time.monotonic()
        crowd.connect(gateway, transport, who)
        crowd.read_until(lambda: all(client.changes == MISSED for client in crowd.clients))
        found["storm"] = time.monotonic() - began
        found["resume"] = spent(gateway, before, count)
        return found
    finally:
        crowd.cut()
        gateway.stop()


def push(gateway: Gateway, crowd: Crowd, count: int) -> None:
    """One change for each client, and it is there."""
    due = crowd.clients[0].changes + 1
    gateway.command(f"prepare {count}")
    gateway.send("feed")
    crowd.read_until(lambda: all(client.changes == due for client in crowd.clients))
    gateway.answer()


def until_empty(gateway: Gateway) -> None:
    while gateway.look()["open"]:
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    raise_file_limit()
    print(f"{options.connections} connections, median of {options.rounds} interleaved rounds; CPU of the gateway\n")
    runs = [(kind, transport) for kind in ("direct", "portable") for transport in PATHS]
    found: dict[tuple[str, str], list[dict[str, float]]] = {run: [] for run in runs}
    for _ in range(options.rounds):
        for run in runs:
            found[run].append(measure(*run, options.connections))
    for run in runs:
        middle = {name: median(each[name] for each in found[run]) for name in found[run][0]}
        report(f"{run[1]}, {run[0]}", middle)


def report(name: str, middle: dict[str, float]) -> None:
    lab.row(name, f"{middle['bytes']:,.0f} B", "a connection, in the process")
    lab.row("", f"{middle['accept']:,.0f} µs", "an accepted handshake, with its token and an empty snapshot")
    lab.row("", f"{middle['change']:,.1f} µs", "a change, from the raw record to the socket of its one customer")
    lab.row("", f"{middle['resume']:,.0f} µs", f"a resume with {MISSED} changes missed")
    lab.row("", f"{middle['storm']:,.1f} s", "all cut at once and back with all they missed (wall clock)")


if __name__ == "__main__":
    main()
