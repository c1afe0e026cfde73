"""Logs that hold more than changes: a gateway reads past what clients of Kafka are not given."""

import asyncio
from pathlib import Path

from confluent_kafka import Producer

from changes import record
from conftest import fresh_settings
from live_clients import bearer, journey, until_served, websocket
from rest import running
from stack import Servers
from streams.messages import Message
from streams.settings import Settings


async def test_marks_of_transactions_hold_nothing_up(servers: Servers, tmp_path: Path, user: int) -> None:
    """A mirror of the topic may write in transactions: each leaves a mark, which has an offset and is no record."""
    settings = await asyncio.to_thread(fresh_settings, servers, tmp_path, drain_seconds=0, heartbeat=1)
    config = {"transactional.id": settings.topic("mirror"), "partitioner": "murmur2_random"}
    mirror = Producer({"bootstrap.servers": settings.kafka_bootstrap, **config})
    mirror.init_transactions(30)
    commit(mirror, settings, *journey(user, 5, [1, 2]))
    with running("gateway", settings) as gateway:
        await asyncio.to_thread(until_served, gateway)
        async with websocket(gateway, headers=bearer(settings, user)) as client:
            await client.next("snapshot")
            for version in range(3, 6):
                commit(mirror, settings, *journey(user, 5, [version]))
                assert await client.changes(1) == [(5, version)]


def commit(producer: Producer, settings: Settings, *messages: Message) -> None:
    """Writes them in one transaction; each partition that has some ends with a mark."""
    producer.begin_transaction()
    for key, value in map(record, messages):
        producer.produce(settings.topic("order-status-changed"), value, key)
    producer.commit_transaction(30)
