"""One round of `figures.py`: simulated couriers post at a steady rate, and each process tells what it used."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from statistics import mean
from threading import Event, Thread

import aiohttp
import httpx
import lab
from confluent_kafka import Consumer, TopicPartition
from cost_disk import topic_bytes
from cost_load import ORDERS, TRACE, Plan, batches, get_all, orders, post_all
from latency import headers

import stack
import topics_reader
from api.live import cursor, frames
from changes import change, record
from deploy.local.cluster import resident
from notify_worker import acknowledged, ends
from processes import Process, free_port, until
from streams.order import Position
from streams.settings import Settings

TOPICS = {
    "order": "orders",
    "update": "courier-status-updates",
    "changed": "order-status-changed",
    "notification": "user-notifications",
}
IDLE_SECONDS = 10
READS = 1000
BATCHES, BATCH, BATCH_RATE = 30, 100, 3
FLOOD, FLOOD_RATE, FLOOD_STEP = 10_000, 1000, 50
READERS = 4  # besides the gateway
CURSOR = Position("Xk3d0gq7QPeE0pZ1pVnJ6w", 7, 123_456)


class System:
    """All of Lacak's processes on topics and tables of their own."""

    def __init__(self, own: stack.Servers, settings: Settings) -> None:
        self.own, self.settings = own, settings
        self.processes = {kind: self._process(kind) for kind in ("api", "track", "notify", "gateway")}
        self.url = self._url("api")

    def __enter__(self) -> "System":
        for process in self.processes.values():
            process.start()
        for kind in ("api", "gateway"):
            until(partial(_ready, self._url(kind)), what=f"{kind}: /readyz")
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes.values():
            process.__exit__(None, None, None)

    def forget(self) -> None:
        """From now on the order-tracking worker has next to no order in memory."""
        self.processes["track"].stop()
        self.processes["track"] = self._process("track", cached_orders=1).start()

    def used(self) -> dict[str, float]:
        """CPU so far, of each process and server."""
        pids = {kind: process.child.pid for kind, process in self.processes.items() if process.child}
        pids |= {name: service.process.pid() or 0 for name, service in self.own.services.items()}
        return {name: lab.cpu_seconds(pid) for name, pid in pids.items()}

    def mib(self) -> dict[str, float]:
        """Resident memory of each process."""
        return {
            f"{kind}_mib": resident(process.child.pid) / 2**20
            for kind, process in self.processes.items()
            if process.child
        }

    def until_done(self) -> None:
        """Until both workers have acknowledged all that there is, and nothing more comes."""
        told = -1

        def still() -> bool:
            nonlocal told
            before, told = told, sum(count(self.settings, topic) for topic in TOPICS.values())
            changed = TOPICS["changed"]
            return told == before and acknowledged(self.settings) == ends(self.settings, changed)

        until(still, 120, "all is acknowledged")

    def _process(self, kind: str, **changes: object) -> Process:
        return Process(kind, self.settings.model_copy(update={"http_port": free_port(), **changes}))

    def _url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.processes[kind].settings.http_port}"


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def one_round(own: stack.Servers, settings: Settings, plans: list[Plan], rate: float) -> dict[str, float]:
    """Runs everything. `plans`: what warms up, what is measured, and what is measured with an empty cache."""
    with System(own, settings) as system:
        found = asyncio.run(_posted(system, plans, rate))
        idle = {name: found[f"{name}_idle_cores"] for name in system.used()}
        alone = _flooded(system, idle)
        with _readers(settings):
            together = _flooded(system, idle)
    found["gateway_us_per_change"] = alone["gateway"]
    found["kafka_us_per_fetched"] = max(0.0, together["kafka"] - alone["kafka"]) / READERS
    return found


async def _posted(system: System, plans: list[Plan], rate: float) -> dict[str, float]:
    auth = headers(system.settings, "orders:write", "status:write", "ops", courier=None) | TRACE
    async with aiohttp.ClientSession(system.url, connector=aiohttp.TCPConnector(limit=0), headers=auth) as session:

        async def post(posts: Plan, rate: float = rate) -> None:
            await post_all(session, posts, rate)
            await asyncio.to_thread(system.until_done)

        await post(plans[0])
        meter = Meter(system)
        await asyncio.sleep(IDLE_SECONDS)
        idle = meter.cores()
        meter = Meter(system, idle)
        await post(plans[1])
        each = meter.us(len(plans[1]))
        found = {f"{name}_us_per_event": each[name] for name in ("track", "notify", "kafka", "cassandra")}
        found |= {"api_us_per_post": each["api"], **sizes(system), **system.mib()}
        found |= {f"{name}_idle_cores": idle[name] for name in idle}
        meter = Meter(system, idle)
        paths = (f"{ORDERS}/{id_order}" for id_order in islice(cycle(orders(plans[1])), READS))
        await get_all(session, paths, rate)
        each = meter.us(READS)
        found |= {f"{name}_us_per_read": each[name] for name in ("api", "cassandra")}
        meter = Meter(system, idle)
        await post(batches(plans[1], BATCHES, BATCH), BATCH_RATE)
        found["api_us_per_batched_update"] = meter.us(BATCHES * BATCH)["api"]
        system.forget()
        await post(plans[2][: len(plans[0])])
        meter, left = Meter(system, idle), plans[2][len(plans[0]) :]
        await post(left)
        each = meter.us(len(left))
        found |= {f"{name}_us_per_uncached_event": each[name] for name in ("track", "cassandra")}
    return found


class Meter:
    """CPU from now on, less what each process uses when nothing comes."""

    def __init__(self, system: System, idle: Mapping[str, float] | None = None) -> None:
        self._system, self._idle = system, idle or {}
        self._before, self._start = system.used(), time.monotonic()

    def us(self, events: int) -> dict[str, float]:
        """µs an event, of each process."""
        seconds = time.monotonic() - self._start
        return {name: each * seconds / events * 1e6 for name, each in self.cores().items()}

    def cores(self) -> dict[str, float]:
        """Seconds of CPU a second."""
        now, seconds = self._system.used(), time.monotonic() - self._start
        return {name: max(0.0, (now[name] - self._before[name]) / seconds - self._idle.get(name, 0.0)) for name in now}


def count(settings: Settings, topic: str) -> int:
    """The topic's records."""
    return sum(ends(settings, topic).values())


def sizes(system: System) -> dict[str, float]:
    """Bytes a record as the broker keeps it (with its headers, its share of a batch's, no compression), and a frame."""
    settings = system.settings
    counts = {name: count(settings, topic) for name, topic in TOPICS.items()}
    found = {f"{name}_bytes": topic_bytes(system.own, settings, TOPICS[name]) / counts[name] for name in TOPICS}
    changes = topics_reader.messages(settings, TOPICS["changed"], "OrderStatusChanged")
    return {
        **found,
        "notifications_per_event": counts["notification"] / (counts["order"] + counts["update"]),
        "push_bytes": mean(len(frames.change(cursor.encode(CURSOR), each).websocket) for each in changes),
        "heartbeat_bytes": len(frames.heartbeat(CURSOR).websocket),
    }


def _flooded(system: System, idle: Mapping[str, float]) -> dict[str, float]:
    """µs a change that no client of the gateway's watches, at a steady rate."""
    meter, start = Meter(system, idle), time.monotonic()
    for at in range(0, FLOOD, FLOOD_STEP):
        time.sleep(max(0.0, start + at / FLOOD_RATE - time.monotonic()))
        made = (
            record(change("in_transit", 3, 1 + n, n % 9973, note="Tiba di hub")) for n in range(at, at + FLOOD_STEP)
        )
        topics_reader.write(system.settings, TOPICS["changed"], made)
    system.until_done()
    return meter.us(FLOOD)


@contextmanager
def _readers(settings: Settings) -> Iterator[None]:
    """Other consumers of all changes, as gateways are."""
    stop = Event()
    threads = [Thread(target=_read, args=(settings, stop)) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _read(settings: Settings, stop: Event) -> None:
    where = ends(settings, TOPICS["changed"])
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": "more"})
    consumer.assign([TopicPartition(settings.topic(TOPICS["changed"]), *at) for at in where.items()])
    while not stop.is_set():
        consumer.consume(500, 0.1)
    consumer.close()
