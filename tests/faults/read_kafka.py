"""Topics read whole by librdkafka: a client that is not the pipeline's."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from evidence import Record, pack_headers

PATIENCE = 60.0


class NotReadToTheEnd(Exception):
    """Kafka gave nothing for a while, and the topic's end was not reached."""


def incarnations(bootstrap: str, topics: Sequence[str]) -> dict[str, str]:
    """The id of each topic, as Kafka's tools print it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    found = admin.describe_topics(TopicCollection(list(topics)), request_timeout=PATIENCE)
    ids = {name: future.result().topic_id for name, future in found.items()}
    return {
        name: _text(each.get_most_significant_bits(), each.get_least_significant_bits()) for name, each in ids.items()
    }


def _text(high: int, low: int) -> str:
    raw = b"".join((half % 2**64).to_bytes(8, "big") for half in (high, low))
    return urlsafe_b64encode(raw).decode().rstrip("=")


def read(bootstrap: str, topic: str) -> list[Record]:
    """Every record of the topic up to its end, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "lacak-fault-checker",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            "fetch.max.bytes": 16 * 1024 * 1024,
            "queued.max.messages.kbytes": 32 * 1024,
        }
    )
    try:
        partitions = sorted(consumer.list_topics(topic, PATIENCE).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        records = _until_the_ends(consumer, set(partitions), topic)
    finally:
        consumer.close()
    return sorted(records)


def _until_the_ends(consumer: Consumer, open_: set[int], topic: str) -> list[Record]:
    records: list[Record] = []
    heard = time.monotonic()
    while open_:
        some = consumer.consume(1000, 0.2)  # it waits for all of them, or for so long
        if some:
            heard = time.monotonic()
        elif time.monotonic() > heard + PATIENCE:
            raise NotReadToTheEnd(f"{topic}: {sorted(open_)}")
        records += filter(None, (_taken(message, open_) for message in some))
    return records


def _taken(message: Message, open_: set[int]) -> Record | None:
    """The record; or None for what only tells that a partition ends, or that a broker is away for now."""
    error = message.error()
    if error is None:
        return _record(message)
    if error.code() == KafkaError._PARTITION_EOF:
        open_.discard(message.partition())
    elif not error.retriable():
        raise KafkaException(error)
    return None


def _record(message: Message) -> Record:
    kind, timestamp = message.timestamp()
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        raise ValueError(f"{message.topic()}: not the log-append time but {kind}")
    packed = pack_headers(message.headers() or ())
    return Record(message.partition(), message.offset(), timestamp, message.key(), message.value(), packed)
