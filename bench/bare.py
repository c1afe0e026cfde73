"""The order-tracking worker's work under a bare aiokafka consumer, without Faust: what bench/worker.py compares with.

The same lanes, store and publisher; commits after each batch. It has no drain at rebalances and is not for use.
"""

import asyncio
import time

import lab  # noqa: F401  # puts the project on the path
from aiokafka import AIOKafkaConsumer
from faust.types import TP

from agents.patience import PatientOrders
from agents.publisher import Publisher
from agents.track import Tracker
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders


async def run(settings: Settings) -> None:
    """Works until it is killed."""
    publisher = Publisher(settings, "bare")
    store = PatientOrders(
        lambda: CassandraOrders.connect(settings), settings.writes_in_flight, lambda: int(time.time() * 1000)
    )
    tracker = Tracker(settings, store, publisher)
    consumer = AIOKafkaConsumer(
        *tracker.topics,
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=settings.topic("lacak-track"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        max_poll_records=2000,
    )
    await consumer.start()
    await consumer.getmany(timeout_ms=0)  # start() has joined the group: this only makes sure of it
    await tracker.assigned({TP(tp.topic, tp.partition): await consumer.position(tp) for tp in consumer.assignment()})
    while True:
        fetched = await consumer.getmany(timeout_ms=100)
        lanes: dict[int, list[TP]] = {}
        for tp in sorted(fetched, key=lambda tp: tracker.topics.index(tp.topic)):
            lanes.setdefault(tp.partition, []).append(tp)
        await asyncio.gather(*(_in_turn(tracker, [(tp, fetched[tp]) for tp in tps]) for tps in lanes.values()))
        if fetched:
            await consumer.commit({tp: records[-1].offset + 1 for tp, records in fetched.items()})


async def _in_turn(tracker: Tracker, units: list[tuple[TP, list[object]]]) -> None:
    for tp, records in units:
        await tracker.batch(TP(tp.topic, tp.partition), records)


if __name__ == "__main__":
    asyncio.run(run(Settings()))
