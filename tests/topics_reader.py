"""Reads and writes topics with confluent-kafka: a client that is not ours."""

import time
from collections.abc import Iterable
from functools import cache
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.codec import Codec
from streams.settings import Settings

POLL_SECONDS = 0.05
"""`consume` waits for all of them: it returns what there is only when so long has passed."""


def write(
    settings: Settings,
    topic: str,
    records: Iterable[tuple[bytes | None, bytes | None]],
    headers: list[tuple[str, bytes]] | None = None,
    **config: Any,
) -> None:
    """Produces (key, value) pairs, by Kafka's partitioner unless `config` says other, until Kafka has them all."""
    producer = _producer(settings.kafka_bootstrap, **config)
    failed: list[str] = []
    for key, value in records:
        producer.produce(
            settings.topic(topic),
            value,
            key,
            headers=headers,
            on_delivery=lambda error, _: failed.append(str(error)) if error else None,
        )
        producer.poll(0)
    left = producer.flush(60)
    assert not left and not failed, (left, failed[:3])


@cache
def _producer(bootstrap: str, **config: Any) -> Producer:
    """One for all tests: it takes half a second until Kafka has given it an id."""
    # Idempotent: without it, a batch that a new topic's leader refused is written after those that follow it.
    ours = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "partitioner": "murmur2_random"}
    quiet = {"log_level": 2}  # it outlives the servers, and tells of each try to reach them
    return Producer({**ours, **quiet, **config})


def read(settings: Settings, topic: str) -> list[Message]:
    """Every record that the topic holds now, partition by partition."""
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka_bootstrap, "group.id": "reader", "enable.auto.commit": False}
    )
    try:
        name = settings.topic(topic)
        ends: dict[int, int] = {}
        for partition in consumer.list_topics(name, 20).topics[name].partitions:
            low, high = _watermarks(consumer, TopicPartition(name, partition))
            if high > low:
                ends[partition] = high
        consumer.assign([TopicPartition(name, partition, 0) for partition in ends])
        records: list[Message] = []
        stop = time.monotonic() + 60
        while ends and time.monotonic() < stop:
            for record in consumer.consume(1000, POLL_SECONDS):
                assert not record.error(), record.error()
                records.append(record)
                if record.offset() + 1 >= ends.get(record.partition(), 0):
                    ends.pop(record.partition(), None)
        assert not ends, f"not read to the end: {ends}"
        return records
    finally:
        consumer.close()


def _watermarks(consumer: Consumer, where: TopicPartition) -> tuple[int, int]:
    """The log's start and end; asked again while a broker that has just come back knows of no leader."""
    end = time.monotonic() + 60
    while True:
        try:
            offsets: tuple[int, int] = consumer.get_watermark_offsets(where, 20)
            return offsets
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > end:
                raise
            time.sleep(0.5)


def messages(settings: Settings, topic: str, name: str) -> list[dict[str, Any]]:
    """The topic's messages, decoded."""
    codec = Codec(name)
    return [codec.decode(record.value()) for record in read(settings, topic)]
