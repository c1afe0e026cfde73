"""One live client: it keeps its cursor by the protocol's rules, comes back after whatever ends its connection, and
writes down all that it is sent (docs/live-push.md, Rules)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from faults.history import Writer
from faults.live_stream import Frame, NotConnected, Stream, bearer, sse, websocket
from streams.settings import Settings

LONG_TOKEN, SHORT_TOKEN = 3600, 60  # seconds; a short one ends its connection with 4001
LONGEST_PAUSE = 10.0
FIRST_HEARTBEAT = 25.0


@dataclass(frozen=True, slots=True)
class World:
    """What all clients share."""

    settings: Settings
    gateways: Sequence[str]
    history: Writer
    counts: Counter[str]
    http: httpx.AsyncClient


@dataclass(slots=True)
class Place:
    """Where a client is in its user's changes: the cursor it may come back with."""

    cursor: str | None = None
    owed: bool = False
    """Between a hello that does not resume and the snapshot: a cursor of then would skip the snapshot."""

    def keep(self, frame: Frame) -> None:
        """Takes a frame's cursor, unless a snapshot is owed; then none is kept, the one before neither."""
        if frame["type"] == "hello":
            self.owed = not frame["resumed"]
        elif frame["type"] == "snapshot":
            self.owed = False
        if self.owed:
            self.cursor = None
        elif "cursor" in frame:
            self.cursor = frame["cursor"]


def reduced(frame: Frame) -> Frame:
    """The frame as the history keeps it: of a snapshot's orders what the checker compares."""
    if frame["type"] != "snapshot":
        return frame
    orders = [[order["id_order"], order["version"], order["status"]] for order in frame["orders"]]
    return {**frame, "orders": orders}


@dataclass(slots=True)
class Watcher:
    """One device of a user."""

    world: World
    name: str
    user: int
    transport: str
    gateway: int
    random: Random
    place: Place = field(default_factory=Place)
    _stream: Stream | None = None
    _reading: "asyncio.Task[Any] | None" = None
    _beat: asyncio.Event = field(default_factory=asyncio.Event)
    _tries: int = 0
    _away: float | None = None
    """How long to stay away after a cut of ours."""

    @property
    def connected(self) -> bool:
        return self._reading is not None

    def cut(self, away: float) -> None:
        """Breaks the connection off; it comes back after so many seconds."""
        if self._stream is not None and self._reading is not None:
            self.world.counts["cuts"] += 1
            self._away = away
            self._stream.abort()
            self._reading.cancel()

    async def heartbeat(self) -> None:
        """Waits for the next heartbeat, over as many connections as it takes."""
        self._beat.clear()
        await self._beat.wait()

    async def run(self) -> None:
        """Connects, reads and comes back, until it is cancelled."""
        while True:
            try:
                async with self._connection() as stream:
                    self._tries += 1  # one that ends before its hello counts as one that failed
                    await self._follow(stream)
            except NotConnected as error:
                self.world.counts[f"not connected: {str(error)[:40]}"] += 1
                self._tries += 1
            self.gateway = (self.gateway + 1) % len(self.world.gateways)
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        away, self._away = self._away, None
        return self.random.random() * min(LONGEST_PAUSE, 0.5 * 2**self._tries) if away is None else away

    def _connection(self) -> AbstractAsyncContextManager[Stream]:
        ttl = SHORT_TOKEN if self.random.random() < 0.1 else LONG_TOKEN
        headers = bearer(self.world.settings, self.user, ttl)
        url, cursor = self.world.gateways[self.gateway], self.place.cursor
        if self.transport == "sse":
            return sse(self.world.http, url, headers, cursor)
        return websocket(url, headers, cursor)

    async def _follow(self, stream: Stream) -> None:
        """One connection from its beginning to its end, written down."""
        self.world.counts["connections"] += 1
        self._write(
            "connected", user=self.user, transport=self.transport, gateway=self.gateway, cursor=self.place.cursor
        )
        by, detail = "error", ""
        self._stream, self._reading = stream, asyncio.create_task(self._read(stream))
        try:
            by, detail = await self._reading
        except asyncio.CancelledError:
            by, detail = "client", "cut" if self._away is not None else "stop"
            if self._away is None:
                self._reading.cancel()
                raise
        finally:
            self._stream = self._reading = None
            self._write("closed", code=stream.code(), by=by, detail=detail)

    async def _read(self, stream: Stream) -> tuple[str, str]:
        """Writes down frames to the end; who ended it, and why."""
        silence, leave = 2 * FIRST_HEARTBEAT, None
        clock = asyncio.get_running_loop().time
        while True:
            until = clock() + silence if leave is None else min(leave, clock() + silence)
            try:
                async with asyncio.timeout_at(until):
                    frame = await stream.next()
            except StopAsyncIteration:
                return ("server", "") if stream.code() != 1006 else ("error", "broken off")
            except TimeoutError:
                return "client", "silent" if leave is None else "drained"
            self._heard(frame)
            if frame["type"] == "hello":
                silence = 2.0 * frame["heartbeat_seconds"]
            elif frame["type"] == "drain":
                leave = clock() + frame["reconnect_after_ms"] / 1000

    def _heard(self, frame: Frame) -> None:
        kind = frame["type"]
        self._write("frame", frame=reduced(frame))
        self.place.keep(frame)
        self.world.counts[f"resumed {str(frame['resumed']).lower()}" if kind == "hello" else kind] += 1
        if kind == "hello":
            self._tries = 0
        elif kind == "heartbeat":
            self._beat.set()

    def _write(self, kind: str, **values: Any) -> None:
        self.world.history.write(kind, client=self.name, **values)
