"""All of Lacak's processes for `figures.py`, and what they use."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

import httpx
import lab
from confluent_kafka import Consumer, TopicPartition

import stack
from deploy.local.cluster import resident
from notify_worker import acknowledged, ends
from processes import Process, free_port, until
from streams.settings import Settings

TOPICS = {
    "order": "orders",
    "update": "courier-status-updates",
    "changed": "order-status-changed",
    "notification": "user-notifications",
}


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


@contextmanager
def readers(settings: Settings, number: int) -> Iterator[None]:
    """Other consumers of all changes, as gateways are."""
    stop = Event()
    threads = [Thread(target=_read, args=(settings, stop)) for _ in range(number)]
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
