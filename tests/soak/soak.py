#!/usr/bin/env python
"""A crowd of live clients that is cut at random, while its gateways are killed and restarted: nobody misses anything.

    python tests/soak/soak.py [--clients 5000] [--cuts 300] [--seconds 60] [--rate 200]

Half of them WebSockets, half of them event streams; two gateways, one worker, one Kafka, one Cassandra. Each client
checks the versions that it is shown. Exits with 1 when one saw a gap or a step back, or missed the last one.
"""

import argparse
import asyncio
import itertools
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

import uvloop  # noqa: E402

import stack  # noqa: E402
import topics_reader  # noqa: E402
from api.auth import issue_token  # noqa: E402
from api.live.ceiling import raise_file_limit  # noqa: E402
from crowd import Crowd  # noqa: E402
from fresh import fresh_settings  # noqa: E402
from lacak import ready  # noqa: E402
from logs import order_message, update_message  # noqa: E402
from processes import Process, free_port, running, until  # noqa: E402
from streams.codec import Codec  # noqa: E402
from streams.settings import Settings  # noqa: E402

ORDER, UPDATE, CHANGED = Codec("OrderPlaced"), Codec("CourierStatusUpdate"), Codec("OrderStatusChanged")
FIRST_USER = 1_000_000
ARRIVALS = 400
"""Clients a second, at the beginning."""
AWAY = 3.0
"""Seconds for which a killed gateway is away."""
DRAIN = 5.0
SETTLE = 60.0
"""Seconds, a bound, for the last change to reach everybody."""


@dataclass(frozen=True)
class Size:
    """How many clients, cuts and updates a second, and for how long."""

    clients: int = 5000
    cuts: float = 300
    seconds: float = 60
    rate: float = 200

    @property
    def users(self) -> range:
        """Each has one order, of the same number."""
        return range(FIRST_USER, FIRST_USER + self.clients)


@contextmanager
def updates(settings: Settings, size: Size) -> Iterator[None]:
    """Random orders move, at the rate."""
    stop = Event()

    def flow() -> None:
        began, numbers = time.monotonic(), itertools.count()
        done = 0
        while not stop.wait(0.05):
            due = int((time.monotonic() - began) * size.rate)
            topics_reader.write(settings, "courier-status-updates", (scan(next(numbers)) for _ in range(due - done)))
            done = due

    def scan(number: int) -> tuple[bytes, bytes]:
        order, now = random.choice(size.users), time.time_ns() // 1_000_000
        message = update_message("in_transit", order, event_id=f"scan-{number}", occurred_at=now)
        return str(order).encode(), UPDATE.encode(message)

    thread = Thread(target=flow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def place(settings: Settings, size: Size) -> None:
    """An order each; returns when the worker has them."""
    orders = (
        (str(user).encode(), ORDER.encode(order_message(user, id_user=user, placed_at=time.time_ns() // 1_000_000)))
        for user in size.users
    )
    topics_reader.write(settings, "orders", orders)
    until(lambda: set(size.users) <= versions(settings).keys(), 120, "all orders are placed")


def versions(settings: Settings) -> dict[int, int]:
    """The last version of each order, as published."""
    found: dict[int, int] = {}
    for record in topics_reader.read(settings, "order-status-changed"):
        message = CHANGED.decode(record.value())
        found[message["id_order"]] = max(message["version"], found.get(message["id_order"], 0))
    return found


def at_rest(settings: Settings) -> dict[int, int]:
    """The last versions, when no more come."""
    before, now = {}, versions(settings)
    while now != before:
        time.sleep(2)
        before, now = now, versions(settings)
    return now


def tokens(settings: Settings, size: Size) -> dict[int, str]:
    """Each user's."""
    now, secret = int(time.time()), settings.jwt_secret
    return {
        user: issue_token(secret, audience="lacak", ttl=3600, now=now, sub=str(user), scopes=["orders:read"])
        for user in size.users
    }


async def soak(settings: Settings, size: Size) -> Crowd:
    """The whole story, on these servers."""
    ports = [free_port(), free_port()]
    ours = {"http_host": "127.0.0.1", "drain_seconds": DRAIN}
    one, two = (
        Process("gateway", settings.model_copy(update={**ours, "http_port": port}), f"gateway-{port}") for port in ports
    )
    with ExitStack() as held:
        held.enter_context(running(Process("track", settings), one, two))
        await asyncio.to_thread(place, settings, size)
        await asyncio.to_thread(until, lambda: all(ready(f"http://127.0.0.1:{port}") for port in ports))
        crowd = Crowd(ports, tokens(settings, size))
        try:
            await crowd.arrive(ARRIVALS)
            with updates(settings, size):
                await asyncio.gather(
                    crowd.be_cut(size.cuts, size.seconds), kill(one, size.seconds / 4), restart(two, size.seconds / 2)
                )
            await crowd.until_shown(await asyncio.to_thread(at_rest, settings), SETTLE)
        finally:
            await crowd.leave()
    return crowd


async def kill(gateway: Process, after: float) -> None:
    """With -9, and it comes back."""
    await asyncio.sleep(after)
    gateway.kill9()
    await asyncio.sleep(AWAY)
    gateway.start()


async def restart(gateway: Process, after: float) -> None:
    """As a deploy does it."""
    await asyncio.sleep(after)
    await asyncio.to_thread(gateway.stop, DRAIN + 10)
    gateway.start()


@contextmanager
def on_servers() -> Iterator[Settings]:
    """A Kafka and a Cassandra of our own, and a Lacak on them that is not started."""
    raise_file_limit()
    with TemporaryDirectory(prefix="lacak-soak-") as folder:
        own = stack.start_servers(Path(folder) / "servers")
        try:
            yield fresh_settings(own, Path(folder), partitions=12)
        finally:
            own.stop()


def report(crowd: Crowd) -> int:
    """Prints what happened; how many faults there were."""
    for name, number in sorted(crowd.count.items()):
        print(f"{number:10,}  {name}")
    for kind, sentences in crowd.faults.items():
        print(f"{len(sentences):10,}  {kind.upper()}")
        print(*sentences[:5], sep="\n", end="\n" if sentences else "")
    return sum(map(len, crowd.faults.values()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("clients", 5000), ("cuts", 300), ("seconds", 60), ("rate", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    size = Size(**vars(parser.parse_args()))
    with on_servers() as settings:
        return 1 if report(uvloop.run(soak(settings, size))) else 0


if __name__ == "__main__":
    sys.exit(main())
