"""A push gateway without Kafka and Cassandra, for `run.py`: the hub is fed by the benchmark's clients.

    python bench/push/server.py direct|portable PORT FEED

FEED is a socket on which records come as `load.c` sends them: user, size, value.
"""

import asyncio
import gc
import signal
import sys
import time
from collections import deque
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import cast

sys.path.insert(0, str(Path(__file__).parents[1]))

import lab

sys.path.insert(0, str(lab.MADE))

import uvloop
from feed import split

from api import app
from api.live.consumer import CHUNK, POLLED
from api.live.gateway import Gateway
from api.live.hub import Hub
from api.live.ring import Record, Ring
from api.serve import make_server
from streams.settings import Settings
from streams.topics import partition_of
from tables.memory_orders import MemoryOrders

PARTITIONS = 48
INCARNATION = "Xk3d0gq7QPeE0pZ1pVnJ6w"  # as long as Kafka's
RING_BYTES = 512 * 1024 * 1024


class Feed(asyncio.Protocol):
    """Records from the socket to the hub, polled and fed as the gateway's consumer does it."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._rest, self._at = hub, b"", 0
        self._batches: deque[tuple[int, list[Record]]] = deque()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._rest, self._at = self._rest[self._at :] + data, 0
        if not self._batches:
            self._poll()

    def _poll(self) -> None:
        """Up to POLLED records, by partition; nothing more is read until they are fed."""
        ring, now = self._hub.ring, time.time_ns() // 1_000_000
        assert ring is not None and self._transport is not None
        polled, self._at = split(self._rest, self._at, POLLED, now, known, ring.next)
        for partition, records in polled.items():
            self._batches += [(partition, records[n : n + CHUNK]) for n in range(0, len(records), CHUNK)]
        if self._batches:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._feed)
        else:
            self._transport.resume_reading()

    def _feed(self) -> None:
        fed = 0
        while self._batches and fed < CHUNK:
            fed += len(self._batches[0][1])
            self._hub.feed(*self._batches.popleft())
        if self._batches:
            asyncio.get_running_loop().call_soon(self._feed)
        else:
            self._poll()


@cache
def known(user: int) -> tuple[bytes, int]:
    """A user's key and partition."""
    key = str(user).encode()
    return key, partition_of(key, PARTITIONS)


class Fed(Gateway):
    """A gateway whose records come from a benchmark."""

    async def start(self) -> None:
        self.hub.begin(Ring(INCARNATION, dict.fromkeys(range(PARTITIONS), 0), 600, RING_BYTES))
        self._consumer.full = True
        self._tasks = [asyncio.create_task(self._beat())]
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, gc.collect)


async def main(portable: bool, port: int, feed: str) -> None:
    """Serves until SIGTERM."""
    app.Gateway = Fed  # type: ignore[misc]
    app.CassandraOrders = SimpleNamespace(connect=_connect)  # type: ignore[assignment,misc]
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        jwt_secret=lab.SECRET,
        http_port=port,
        drain_seconds=0,
        max_connections=50_000,
        connections_per_user=50_000,
    )
    server = make_server("gateway", settings, portable)
    hub = server.app.gateway.hub
    feeding = await asyncio.get_running_loop().create_unix_server(lambda: Feed(hub), feed)
    await server.serve()
    feeding.close()


async def _connect(_: Settings) -> MemoryOrders:
    return MemoryOrders()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1] == "portable", int(sys.argv[2]), sys.argv[3]))
