"""CPU of the order-tracking worker an event, in its parts and against a bare aiokafka loop in the same run.

    python bench/worker.py [--orders 3000]

One order is 1 OrderPlaced and 7 updates. The parts are measured alone, in this process, on the same records; the two
whole pipelines are processes of their own that drain the same backlog, one after the other, twice, each on new topics
and tables.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import lab

import topics_reader
from agents.lane import Effects, Lane
from agents.patience import PatientOrders
from agents.publisher import Publisher
from agents.records import Kind, Record, parse
from agents.track import Tracker
from fresh import environment
from logs import T0, order_message, update_message
from processes import Process, until
from streams.codec import Codec
from streams.order import Position
from streams.settings import Settings
from streams.topics import partition_of
from tables.cassandra_orders import CassandraOrders
from tables.memory_orders import MemoryOrders
from tables.orders import DAY_MS

WAY = ("confirmed", "picked_up", "in_transit", "in_transit", "in_transit", "out_for_delivery", "delivered")
EVENTS = 1 + len(WAY)
ORDER, UPDATE = Codec("OrderPlaced"), Codec("CourierStatusUpdate")


def messages(orders: int) -> dict[Kind, list[tuple[bytes, bytes]]]:
    """The backlog: all orders, then their updates, step by step as they would come."""
    ids = range(1, orders + 1)
    placed = [(str(i).encode(), ORDER.encode(order_message(i, id_user=i % 1000, produk_nama="Kopi"))) for i in ids]
    updates = [
        (
            str(i).encode(),
            UPDATE.encode(
                update_message(status, i, event_id=f"{i}-{n}", occurred_at=T0 + n * 1000, note="Paket di gudang")
            ),
        )
        for n, status in enumerate(WAY, 1)
        for i in ids
    ]
    return {Kind.ORDERS: placed, Kind.UPDATES: updates}


# -- the parts


def batches(
    backlog: dict[Kind, list[tuple[bytes, bytes]]], partitions: int, size: int
) -> list[tuple[int, Kind, list[Record]]]:
    """The backlog as a worker meets it: batches of one partition, as large as it takes them."""
    made = []
    for kind, pairs in backlog.items():
        logs: dict[int, list[Record]] = {}
        for key, value in pairs:
            p = partition_of(key, partitions)
            log = logs.setdefault(p, [])
            log.append(Record(kind, Position("x", p, len(log)), T0 + 9_999_999, key, value, []))
        made += [(p, kind, log[at : at + size]) for p, log in logs.items() for at in range(0, len(log), size)]
    return made


async def parts(settings: Settings, backlog: dict[Kind, list[tuple[bytes, bytes]]]) -> dict[str, float]:
    """µs CPU an event of each part, alone."""
    work = batches(backlog, settings.partitions, settings.batch_records)
    events = sum(map(len, backlog.values()))
    start = time.process_time()
    for _, _, records in work:
        for record in records:
            parse(record, settings.partitions)
    decode = time.process_time() - start

    memory = MemoryOrders(clock=lambda: T0)
    lanes: dict[int, Lane] = {}
    effects: list[Effects] = []
    start = time.process_time()
    for p, kind, records in work:
        lane = lanes.get(p) or lanes.setdefault(p, _lane(memory, p, settings))
        effects.append(await lane.judge(records))
        lane.advance(kind, records[-1].position.offset + 1)
    fold = time.process_time() - start - decode

    store = PatientOrders(lambda: CassandraOrders.connect(settings), settings.writes_in_flight, lambda: T0)
    publisher = Publisher(settings, "bench")
    tracker = Tracker(settings, store, publisher)
    await store.load(1)  # connected
    start = time.process_time()
    for each in effects:
        await asyncio.gather(*map(store.write, each.writes))
    cassandra = time.process_time() - start
    start = time.process_time()
    for at in range(0, len(effects), settings.partitions):
        await asyncio.gather(
            *(publisher.publish(tracker._outgoing(each)) for each in effects[at : at + settings.partitions])
        )
    publish = time.process_time() - start
    await tracker.stop()
    taken = {"decode and validate": decode, "fold": fold, "Cassandra": cassandra, "publish": publish}
    return {name: seconds / events * 1e6 for name, seconds in taken.items()}


def _lane(store: MemoryOrders, partition: int, settings: Settings) -> Lane:
    positions = {kind: Position("x", partition, 0) for kind in Kind}
    return Lane(store, positions, partitions=settings.partitions, retention_ms=90 * DAY_MS, cached=50_000)


# -- the wholes


def drained(settings: Settings, events: int) -> bool:
    """Whether the pipeline has published every change."""
    return len(topics_reader.read(settings, "order-status-changed")) >= events


def whole(settings: Settings, backlog: dict[Kind, list[tuple[bytes, bytes]]], kind: str) -> tuple[float, float]:
    """(µs CPU an event, events a second) of one pipeline that drains the backlog, its start not counted."""
    events = sum(map(len, backlog.values()))
    process = Process("track", settings) if kind == "faust" else None
    child = process.start().child if process else _bare(settings)
    assert child is not None
    try:
        topics_reader.write(settings, "orders", [(b"9999999", ORDER.encode(order_message(9_999_999)))])
        until(lambda: drained(settings, 1), what="the first event")
        before, start = lab.cpu_seconds(child.pid), time.monotonic()
        for topic, pairs in backlog.items():
            topics_reader.write(settings, topic, pairs)
        until(lambda: drained(settings, events + 1), 300)
        return (lab.cpu_seconds(child.pid) - before) / events * 1e6, events / (time.monotonic() - start)
    finally:
        child.kill()
        child.wait()


def _bare(settings: Settings) -> "subprocess.Popen[Any]":
    command = [sys.executable, str(Path(__file__).parent / "bare.py")]
    return subprocess.Popen(
        command, env={**os.environ, **environment(settings)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def main() -> None:
    """Prints the report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--orders", type=int, default=3000)
    backlog = messages(options.parse_args().orders)
    events = sum(map(len, backlog.values()))
    print(f"order-tracking worker, {events} events, 12 partitions, one Kafka and one Cassandra on this machine\n")
    with lab.servers() as (own, folder):
        for name, figure in asyncio.run(parts(lab.fresh(own, folder), backlog)).items():
            lab.row(name, f"{figure:.1f} µs", "CPU an event, alone")
        found: dict[str, list[tuple[float, float]]] = {"faust": [], "bare": []}
        for kind in ("faust", "bare", "bare", "faust"):
            found[kind].append(whole(lab.fresh(own, folder), backlog, kind))
    cpu = {kind: median(each for each, _ in runs) for kind, runs in found.items()}
    rate = {kind: median(each for _, each in runs) for kind, runs in found.items()}
    lab.row(
        "the worker (Faust, batch consumer)", f"{cpu['faust']:.1f} µs", f"{rate['faust']:.0f} events/s, load included"
    )
    lab.row(
        "a bare aiokafka loop doing the same", f"{cpu['bare']:.1f} µs", f"{rate['bare']:.0f} events/s, load included"
    )
    lab.row("what Faust costs", f"{cpu['faust'] - cpu['bare']:.1f} µs", f"ratio {cpu['faust'] / cpu['bare']:.2f}")


if __name__ == "__main__":
    main()
