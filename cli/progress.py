"""How far the order-tracking worker has read `orders`, as a time."""

from aiokafka import TopicPartition

from cli.logs import partitions, reader, record_at
from streams import kafka, topics
from streams.settings import Settings


async def read_until(settings: Settings, now: int) -> dict[int, int]:
    """By partition: everything appended before this time (ms) is acknowledged by the worker, so it is durable.

    `now` where it has read all; else the append time of the first record that it has not acknowledged.
    """
    assigned = await partitions(settings, settings.topic(topics.ORDERS.name))
    committed = await _committed(settings)
    until = {}
    async with reader(settings) as consumer:
        first, ends = await consumer.beginning_offsets(assigned), await consumer.end_offsets(assigned)
        for each in assigned:
            offset = max(committed.get(each, 0), first[each])
            read_all = offset >= ends[each]
            until[each.partition] = now if read_all else (await record_at(settings, consumer, each, offset)).timestamp
    return until


async def _committed(settings: Settings) -> dict[TopicPartition, int]:
    async with kafka.admin(settings, "lacak-cli") as client:
        offsets = await client.list_consumer_group_offsets(settings.topic(topics.TRACK_GROUP))
    return {each: meta.offset for each, meta in offsets.items()}
