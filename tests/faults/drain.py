"""Whether all input is handled: both groups have committed everything that their topics hold."""

import math
import time
from collections.abc import Iterable

from confluent_kafka import ConsumerGroupTopicPartitions as Group
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams import topics
from streams.settings import Settings

INPUTS = {topics.TRACK_GROUP: (topics.ORDERS, topics.UPDATES), topics.NOTIFY_GROUP: (topics.CHANGED,)}
PAUSE = 1.0


class DidNotDrain(Exception):
    """Something was still not handled when the time was up; says what."""


def drain(settings: Settings, seconds: float, at_most: int = 0, within: float = math.inf) -> float:
    """Waits until no more than `at_most` records are left of either group's input; gives how long it took.

    For 0 nobody must be sending. Order tracking's output is the other's input: they are looked at in this order.
    A slow machine takes its time: raises `DidNotDrain` when it got no further for `seconds`, or when `within` is over.
    """
    began = time.monotonic()
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    left, fewest, progress = "nobody could be asked", math.inf, began
    while time.monotonic() - progress < seconds and time.monotonic() - began < within:
        try:
            lags = {group: lag(admin, settings, group) for group in INPUTS}
        except KafkaException as error:
            left = str(error)
        else:
            if max(lags.values()) <= at_most:
                return time.monotonic() - began
            left = ", ".join(f"{count} records of {group}" for group, count in lags.items() if count)
            if sum(lags.values()) < fewest:
                fewest, progress = sum(lags.values()), time.monotonic()
        time.sleep(PAUSE)
    raise DidNotDrain(f"after {time.monotonic() - began:.0f} s there are {left}")


def lag(admin: AdminClient, settings: Settings, group: str) -> int:
    """Records of the group's topics that it has not committed. Raises KafkaException."""
    names = [settings.topic(topic.name) for topic in INPUTS[group]]
    partitions = [TopicPartition(name, number) for name in names for number in range(settings.partitions)]
    committed = _committed(admin, settings.topic(group), partitions)
    ends = _ends(admin, partitions)
    return sum(max(0, end - max(0, committed.get(where, 0))) for where, end in ends.items())


def _ends(admin: AdminClient, partitions: Iterable[TopicPartition]) -> dict[tuple[str, int], int]:
    asked = admin.list_offsets({partition: OffsetSpec.latest() for partition in partitions}, request_timeout=20)
    return {(each.topic, each.partition): future.result().offset for each, future in asked.items()}


def _committed(admin: AdminClient, group: str, partitions: list[TopicPartition]) -> dict[tuple[str, int], int]:
    (answer,) = admin.list_consumer_group_offsets([Group(group, partitions)], request_timeout=20).values()
    found = answer.result().topic_partitions
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error if isinstance(each.error, KafkaError) else KafkaError(each.error))
    return {(each.topic, each.partition): each.offset for each in found}
