"""Reads topics from start to end without a group: nobody's offsets are touched, and the reader ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError, for_code

from agents import lenient
from streams import kafka
from streams.settings import Settings

FETCH_MS = 500


@asynccontextmanager
async def reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer in no group, with nothing assigned. It reads what the workers read, whatever headers are called."""
    lenient.install()
    consumer = kafka.consumer(
        settings, "lacak-cli", auto_offset_reset="earliest", max_partition_fetch_bytes=kafka.MAX_REQUEST
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def partitions(settings: Settings, topic: str) -> list[TopicPartition]:
    """The partitions of a topic, by number. Raises a KafkaError when it is not there."""
    async with kafka.admin(settings, "lacak-cli") as client:
        (described,) = await client.describe_topics([topic])
    if described["error_code"]:
        raise for_code(described["error_code"])(topic)
    return [TopicPartition(topic, number) for number in sorted(part["partition"] for part in described["partitions"])]


async def records(
    settings: Settings, topics: list[str], since: int | None = None, only: int | None = None
) -> AsyncIterator[Any]:
    """All records that the topics hold now, a partition's in order.

    With `since` (ms), those appended from then on; with `only`, those of the partitions of this number.
    """
    assigned = [each for topic in topics for each in await partitions(settings, topic)]
    assigned = [each for each in assigned if only is None or each.partition == only]
    async with reader(settings) as consumer:
        ends = await consumer.end_offsets(assigned)
        starts = await _starts(consumer, assigned, ends, since)
        left = {each for each in assigned if starts[each] < ends[each]}
        consumer.assign(list(left))
        for each in left:
            consumer.seek(each, starts[each])
        while left:
            async for record in _fetched(consumer, left, ends):
                yield record


async def _fetched(
    consumer: AIOKafkaConsumer, left: set[TopicPartition], ends: dict[TopicPartition, int]
) -> AsyncIterator[Any]:
    for each, batch in (await consumer.getmany(*left, timeout_ms=FETCH_MS)).items():
        for record in batch:
            if record.offset < ends[each]:
                yield record
    for each in list(left):
        if await consumer.position(each) >= ends[each]:
            left.remove(each)
            consumer.pause(each)


async def _starts(
    consumer: AIOKafkaConsumer, assigned: list[TopicPartition], ends: dict[TopicPartition, int], since: int | None
) -> dict[TopicPartition, int]:
    starts: dict[TopicPartition, int] = await consumer.beginning_offsets(assigned)
    if since is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(assigned, max(0, since)))
        starts = {each: found[each].offset if found[each] else ends[each] for each in assigned}
    return starts


async def record_at(settings: Settings, consumer: AIOKafkaConsumer, where: TopicPartition, offset: int) -> Any:
    """The first record at or after an offset. Raises KafkaTimeoutError when there is none in time."""
    consumer.assign([where])
    consumer.seek(where, offset)
    try:
        return await asyncio.wait_for(consumer.getone(where), settings.kafka_request_timeout)
    except TimeoutError as error:
        raise KafkaTimeoutError(f"nothing at {where.topic}:{where.partition}:{offset}") from error
