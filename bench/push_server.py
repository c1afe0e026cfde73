"""A push gateway without Kafka and Cassandra, for `push.py`: the hub is fed what its parent commands.

    python bench/push_server.py direct|portable PORT

A command is a line on stdin, answered by a line of ANSWER and JSON on stdout when it is done: `look` (memory, CPU,
connections), `prepare COUNT` (changes, one each of so many users), `feed` (what is prepared).
"""

import asyncio
import gc
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import lab
import uvloop

from api import app
from api.live.gateway import Gateway
from api.live.ring import Record, Ring
from api.serve import make_server
from changes import change, record
from deploy.local.cluster import resident
from streams.settings import Settings
from streams.topics import partition_of
from tables.memory_orders import MemoryOrders

PARTITIONS = 48
CHUNK = 50  # records a step of the loop, as the gateway's consumer does it
FIRST_USER = 1_000_000
ANSWER = "@"


class Fed(Gateway):
    """A gateway whose records come from a benchmark."""

    async def start(self) -> None:
        self.hub.begin(Ring("bench", dict.fromkeys(range(PARTITIONS), 0), 600, 128 * 1024 * 1024))
        self._consumer.full = True
        self._tasks = [asyncio.create_task(self._beat())]
        self._versions = itertools.count(1)
        self._prepared: list[tuple[int, bytes, bytes]] = []

    def look(self) -> dict[str, float]:
        gc.collect()
        return {"bytes": resident(os.getpid()), "cpu": time.process_time(), "open": self.hub.count}

    def prepare(self, count: int) -> None:
        """One change each of the users FIRST_USER, and so on."""
        version = next(self._versions)
        for user in range(FIRST_USER, FIRST_USER + count):
            now = time.time_ns() // 1_000_000
            message = change("in_transit", version, user, user, recorded_at=now, note="Tiba di hub Surabaya")
            key, value = record(message)
            self._prepared.append((partition_of(key, PARTITIONS), key, value))

    async def feed(self) -> None:
        ring = self.hub.ring
        assert ring is not None
        for n, (partition, key, value) in enumerate(self._prepared, 1):
            self.hub.feed(partition, [Record(ring.next(partition), time.time_ns() // 1_000_000, key, value)])
            if n % CHUNK == 0:
                await asyncio.sleep(0)
        self._prepared.clear()


async def commands() -> AsyncIterator[list[str]]:
    """The lines on stdin, as words."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().split()


async def main(portable: bool, port: int) -> None:
    """Serves until stdin ends."""
    app.Gateway = Fed  # type: ignore[misc]
    app.CassandraOrders = SimpleNamespace(connect=_connect)  # type: ignore[assignment,misc]
    settings = Settings(_env_file=None, jwt_secret=lab.SECRET, http_port=port, drain_seconds=0)  # type: ignore[call-arg]
    server = make_server("gateway", settings, portable)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.05)
    gateway = server.app.gateway
    assert isinstance(gateway, Fed)
    async for name, *arguments in commands():
        answer: object = None
        if name == "look":
            answer = gateway.look()
        elif name == "prepare":
            gateway.prepare(int(arguments[0]))
        else:
            await gateway.feed()
        print(ANSWER + json.dumps(answer), flush=True)
    server.should_exit = True
    await serving


async def _connect(_: Settings) -> MemoryOrders:
    return MemoryOrders()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1] == "portable", int(sys.argv[2])))
