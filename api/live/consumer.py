"""Reads `order-status-changed` for this gateway: all partitions, without a group, from its own offsets.

It begins `ring_seconds` back, so that the ring is full before anybody is served. It survives outages of Kafka and never
skips: what it reads next is what the ring says is next. Where that is gone (retention, a topic made anew) it begins a
new ring, and every client gets a snapshot.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from api.live.closes import RESTART
from api.live.hub import Hub
from api.live.pushes import Pushes
from api.live.ring import Record, Ring
from streams import kafka, log, metrics, topics
from streams.incarnation import incarnations
from streams.settings import Settings

RETRY_SECONDS = 1.0
CHECK_SECONDS = 5.0  # how often Kafka is asked whether the topic is still the same
SILENT_SECONDS = 15.0  # Kafka is away when it has not said so for so long
CHUNK = 50  # records, of all partitions together, after which others of the loop are served
POLLED = 500  # records

_log = log.get(__name__)
_AWAY = (KafkaError, OSError, TimeoutError)


class TopicReplaced(Exception):
    """The topic is not the one that was read: it was deleted and made anew, or has other partitions."""


class _Topic(NamedTuple):
    incarnation: str
    partitions: int


class ChangesConsumer:
    """Feeds the hub. `clock` gives ms."""

    def __init__(self, settings: Settings, hub: Hub, clock: Callable[[], int], pushes: Pushes) -> None:
        self._settings, self._hub, self._clock, self._pushes = settings, hub, clock, pushes
        self._topic = settings.topic(topics.CHANGED.name)
        self._heard_at = float("-inf")
        self._holes: set[tuple[int, int]] = set()
        self.full = False

    @property
    def heard(self) -> bool:
        """Whether Kafka answered lately."""
        return asyncio.get_running_loop().time() - self._heard_at < SILENT_SECONDS

    async def run(self) -> None:
        """Reads for ever. When it ends all the same, nobody is left on a connection that nothing feeds."""
        try:
            while True:
                await self._try()
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.full = False
            self._hub.end_all(RESTART)

    async def _try(self) -> None:
        try:
            await self._session()
        except* TopicReplaced as errors:
            _log.warning("topic_replaced", topic=self._topic, error=str(errors.exceptions[0]))
            self.full = False
        except* _AWAY as errors:
            metrics.RETRIES.labels("kafka").inc()
            _log.warning("kafka_away", topic=self._topic, error=repr(errors.exceptions[0]))

    async def _session(self) -> None:
        """One consumer's life: until something goes wrong."""
        topic = await self._look()
        partitions = [TopicPartition(self._topic, number) for number in range(topic.partitions)]
        consumer = kafka.consumer(self._settings, "lacak-live", auto_offset_reset="none")
        try:
            await consumer.start()
            consumer.assign(partitions)
            end = await self._begin(consumer, topic.incarnation, partitions)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(consumer, end))
                group.create_task(self._watch(topic))
        finally:
            await kafka.closed(consumer.stop())

    async def _begin(
        self, consumer: AIOKafkaConsumer, incarnation: str, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Goes on where the ring ends, if that is still there; else begins a new one. Gives the ends of the log."""
        first: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        end: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        ring = self._hub.ring
        if ring is None or not _continues(ring, incarnation, first, end):
            self.full = False
            ring = await self._new_ring(consumer, incarnation, end)
            self._hub.begin(ring)
        for partition in partitions:
            consumer.seek(partition, ring.next(partition.partition))
        return end

    async def _new_ring(self, consumer: AIOKafkaConsumer, incarnation: str, end: dict[TopicPartition, int]) -> Ring:
        back_to = self._clock() - int(self._settings.ring_seconds * 1000)
        found = await consumer.offsets_for_times(dict.fromkeys(end, back_to))
        starts = {at.partition: found[at].offset if found[at] else end[at] for at in end}
        return Ring(incarnation, starts, self._settings.ring_seconds, self._settings.ring_bytes)

    async def _follow(self, consumer: AIOKafkaConsumer, end: dict[TopicPartition, int]) -> None:
        """Up to `end`, where the ring is full, and on."""
        for at in end:
            # The consumer's own position too: the log may end with marks of transactions, which are no records.
            while self._next(at) < end[at] and await consumer.position(at) < end[at]:
                await self._read(consumer)
        if not self.full:
            self.full = True
            ring = self._hub.ring
            assert ring is not None
            _log.info("ring_full", incarnation=ring.incarnation, changes=ring.changes, bytes=ring.bytes)
        while True:
            await self._read(consumer)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        batches = await consumer.getmany(timeout_ms=1000, max_records=POLLED)
        now = self._pushes.now()
        fed = 0  # in this step of the loop
        for at, records in batches.items():
            self._heard_at = asyncio.get_running_loop().time()
            if not self._is_due(at, records[0].offset):
                consumer.seek(at, self._next(at))
                continue
            for start in range(0, len(records), CHUNK):
                chunk = records[start : start + CHUNK]
                self._feed(at, chunk, now)
                fed += len(chunk)
                if fed >= CHUNK:
                    fed = 0
                    await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _next(self, at: TopicPartition) -> int:
        assert self._hub.ring is not None
        return self._hub.ring.next(at.partition)

    def _is_due(self, at: TopicPartition, offset: int) -> bool:
        """Whether a batch that begins there is the next one. A hole that is there twice is believed: it is one in the
        log itself, which clients of Kafka may leave."""
        due = self._next(at)
        if offset <= due or (at.partition, due) in self._holes:
            self._holes.discard((at.partition, due))
            return True
        self._holes.add((at.partition, due))
        _log.warning("hole", partition=at.partition, due=due, offset=offset)
        return False

    def _feed(self, at: TopicPartition, records: Sequence[ConsumerRecord], now: int) -> None:
        due, received = self._next(at), self._pushes.received
        self._hub.feed(
            at.partition,
            [
                Record(each.offset, each.timestamp, each.key or b"", each.value or b"", received(each.headers, now))
                for each in records
                if each.offset >= due
            ],
        )

    async def _watch(self, known: _Topic) -> None:
        """Raises TopicReplaced when the topic is another one."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                now = await self._look()
            except _AWAY as error:
                _log.warning("kafka_away", topic=self._topic, error=repr(error))
                continue
            if now != known:
                raise TopicReplaced(f"{known} is now {now}")

    async def _look(self) -> _Topic:
        """The topic as Kafka has it now."""
        bare = kafka.client(self._settings, "lacak-live")
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await bare.bootstrap()
                await bare.set_topics([self._topic])
                if self._topic in bare.cluster.unauthorized_topics:
                    raise kafka.not_allowed(self._topic)
                found = await incarnations(bare, [self._topic])
        finally:
            await kafka.closed(bare.close())
        partitions = bare.cluster.partitions_for_topic(self._topic)
        if not partitions:
            raise KafkaError(f"no partitions of {self._topic} are known yet")
        self._heard_at = asyncio.get_running_loop().time()
        return _Topic(found[self._topic], len(partitions))


def _continues(ring: Ring, incarnation: str, first: dict[TopicPartition, int], end: dict[TopicPartition, int]) -> bool:
    """Whether the log still holds what the ring is to read next, in every partition."""
    if ring.incarnation != incarnation or ring.partitions != len(end):
        return False
    return all(first[at] <= ring.next(at.partition) <= end[at] for at in end)
