"""Whether all input is handled: both groups have committed everything that their topics hold."""

import math
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams import topics
from streams.settings import Settings

INPUTS = {topics.TRACK_GROUP: (topics.ORDERS, topics.UPDATES), topics.NOTIFY_GROUP: (topics.CHANGED,)}
PAUSE = 1.0
TIMEOUT = 20.0  # seconds, of one question


class DidNotDrain(Exception):
    """Something was still not handled when the time was up; says what."""


def drain(settings: Settings, seconds: float, at_most: int = 0, within: float = math.inf) -> float:
    """Waits until no more than `at_most` records are left of either group's input; gives how long it took.

    For 0 nobody must be sending. Order tracking's output is the other's input: they are looked at in this order.
    A slow machine takes its time: raises `DidNotDrain` when it got no further for `seconds`, or when `within` is over.
    """
    began = time.monotonic()
    left, fewest, progress = "nobody could be asked", math.inf, began
    while time.monotonic() - progress < seconds and time.monotonic() - began < within:
        try:
            lags = {group: lag(settings, group) for group in INPUTS}
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


def lag(settings: Settings, group: str) -> int:
    """Records of the group's topics that it has not committed. Raises KafkaException."""
    names = [settings.topic(topic.name) for topic in INPUTS[group]]
    partitions = [TopicPartition(name, number) for name in names for number in range(settings.partitions)]
    # It asks, and never joins. The admin client's questions for the same crash librdkafka after a leader has changed.
    asking = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": settings.topic(group)})
    try:
        committed = asking.committed(partitions, TIMEOUT)
        return sum(_left(asking, each) for each in committed)
    finally:
        asking.close()


def _left(asking: Consumer, committed: TopicPartition) -> int:
    if committed.error is not None:
        raise KafkaException(committed.error)
    _, end = asking.get_watermark_offsets(committed, TIMEOUT)
    return max(0, int(end) - max(0, committed.offset))
