"""Thousands of customers in one process: each reconnects with its cursor, and checks every version that it is shown.

A client of the tests' own, without Lacak's code: sockets, the few frames of RFC 6455 that a server sends, and events.
"""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson

REFUSED_SECONDS = 1.0  # before a gateway that is away, or refuses, is tried again
BACK_SECONDS = 0.3  # at most, before a client that was cut comes back
_UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: lacak.v1\r\n"
)
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Customer:
    """One user with one order. `version` is the last that it was shown; 0: none yet. `order`: the last change's."""

    def __init__(self, crowd: "Crowd", id_user: int, token: str, transport: str) -> None:
        self.crowd, self.id_user, self.token, self.transport = crowd, id_user, token, transport
        self.version, self.cursor = 0, ""
        self.order: dict[str, Any] = {}
        self.link: Link | None = None
        self._shown = False  # by a snapshot, which changes may repeat
        self._asked = ""  # the cursor that this connection presented

    async def live(self) -> None:
        """Connects for ever; cancelled at the end."""
        while True:
            port = random.choice(self.crowd.ports)
            self._asked, self._shown = self.cursor, False
            kind = WebSocket if self.transport == "websocket" else Stream
            link = kind(self)
            try:
                await self.crowd.connect(lambda: link, port)  # noqa: B023 - it is called at once
            except OSError:
                self.crowd.count["away"] += 1
                await asyncio.sleep(REFUSED_SECONDS * random.random())
                continue
            self.link = link
            try:
                await link.ended
            finally:
                self.link = None
                link.cut()
            await asyncio.sleep((BACK_SECONDS if link.begun else REFUSED_SECONDS) * random.random())

    def request(self) -> bytes:
        path = "/v1/live" if self.transport == "websocket" else "/v1/live/sse"
        if self.cursor:
            path += f"?cursor={self.cursor}"
        upgrade = _UPGRADE if self.transport == "websocket" else ""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n{upgrade}\r\n"
        return head.encode()

    def hear(self, frame: dict[str, Any]) -> None:
        """Judges one frame."""
        kind, count = frame["type"], self.crowd.count
        count[kind] += 1
        if kind == "hello":
            if frame["resumed"]:
                self.cursor = frame["cursor"]
            if self._asked:
                count["resumed" if frame["resumed"] else "by a snapshot"] += 1
            return
        if kind == "snapshot":
            [version] = [order["version"] for order in frame["orders"]] or [0]
            if version < self.version:
                self.crowd.fault("reversals", f"{self.id_user} had {self.version}, a snapshot shows {version}")
            self.version, self._shown = version, True
        elif kind == "change":
            self.order = frame["order"]
            self._change(self.order["version"])
        if "cursor" in frame:
            self.cursor = frame["cursor"]

    def _change(self, version: int) -> None:
        if version == self.version + 1:
            self.version, self._shown = version, False
        elif version <= self.version and self._shown:
            self.crowd.count["repeated after a snapshot"] += 1
        elif version <= self.version:
            self.crowd.fault("reversals", f"{self.id_user} had {self.version}, and is sent {version}")
        else:
            self.crowd.fault("gaps", f"{self.id_user} had {self.version}, and is sent {version}")
            self.version = version


class Link(asyncio.Protocol):
    """One connection. `ended` when it is over, `begun` when it was let in."""

    def __init__(self, customer: Customer) -> None:
        self._customer, self._data = customer, b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._customer.request())

    def cut(self) -> None:
        """As a phone in a lift: nothing is said, and nothing more is heard."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.begun:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            status = int(head.split(b" ", 2)[1])
            self.begun = status in (101, 200)
            self._customer.crowd.count[f"answered {status}"] += 1
            self._data = rest
            if not self.begun:
                self.cut()
                return
            self._customer.crowd.opened.append(asyncio.get_running_loop().time())
        self._data = self.read(self._data)

    def read(self, data: bytes) -> bytes:
        """Hears what is whole, and gives what is not."""
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class WebSocket(Link):
    def read(self, data: bytes) -> bytes:
        while len(data) >= 2:
            opcode, size, start = data[0] & 15, data[1], 2
            if size >= 126:
                start = 4 if size == 126 else 10
                size = int.from_bytes(data[2:start], "big")
            if len(data) < start + size:
                break
            self._frame(opcode, data[start : start + size])
            data = data[start + size :]
        return data

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            self._customer.hear(orjson.loads(payload))
        elif opcode == _PING:
            self._transport.write(bytes((0x80 | _PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif opcode == _CLOSE:
            self._customer.crowd.count[f"closed with {int.from_bytes(payload[:2], 'big')}"] += 1
            self._transport.close()


class Stream(Link):
    def read(self, data: bytes) -> bytes:
        *events, rest = data.split(b"\n\n")
        for event in events:
            for line in event.split(b"\n"):
                if line.startswith(b"data: "):
                    self._customer.hear(orjson.loads(line[6:]))
        return rest


class Crowd:
    """All customers; `count` of what happened, `faults` by kind with a sentence each, `opened` when connections were
    let in (by the loop's clock). With `tls` they come by TLS, to localhost."""

    def __init__(self, ports: Sequence[int], tokens: dict[int, str], tls: ssl.SSLContext | None = None) -> None:
        self.ports, self.count, self._tls = ports, Counter[str](), tls
        self.opened: list[float] = []
        self.faults: dict[str, list[str]] = {"gaps": [], "reversals": [], "lost": []}
        kinds = ("websocket", "sse")
        self.customers = [Customer(self, user, token, kinds[n % 2]) for n, (user, token) in enumerate(tokens.items())]
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self, make: Callable[[], asyncio.Protocol], port: int) -> None:
        """Opens a connection; raises OSError."""
        name = "localhost" if self._tls else None
        loop = asyncio.get_running_loop()
        await loop.create_connection(make, "127.0.0.1", port, ssl=self._tls, server_hostname=name)

    def fault(self, kind: str, sentence: str) -> None:
        self.faults[kind].append(sentence)

    async def arrive(self, per_second: float) -> None:
        """All connect, at that pace, and are shown their order."""
        for customer in self.customers:
            self._tasks.append(asyncio.create_task(customer.live()))
            await asyncio.sleep(1 / per_second)
        async with asyncio.timeout(120):
            while not all(customer.version for customer in self.customers):
                self._look()
                await asyncio.sleep(0.1)

    async def be_cut(self, per_second: float, seconds: float) -> None:
        """Some at random, at that rate."""
        loop = asyncio.get_running_loop()
        began, done = loop.time(), 0
        while (passed := loop.time() - began) < seconds:
            self._look()
            for _ in range(int(passed * per_second) - done):
                done += 1
                link = random.choice(self.customers).link
                if link is not None:
                    link.cut()
                    self.count["cut"] += 1
            await asyncio.sleep(0.01)

    def cut_all(self) -> None:
        """All at once."""
        for customer in self.customers:
            if customer.link is not None:
                customer.link.cut()

    async def until_shown(self, versions: dict[int, int], seconds: float) -> None:
        """Each is shown its order's last version; whoever is not in that time has lost something in silence."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        behind = self.customers
        while behind and loop.time() < end:
            self._look()
            await asyncio.sleep(0.2)
            behind = [one for one in behind if one.version != versions[one.id_user]]
        for one in behind:
            self.fault("lost", f"{one.id_user} was shown {one.version} at last, of {versions[one.id_user]}")

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()
