"""The way into Kafka: records are taken only when all in-sync replicas have them.

The producer is opened in the background and opened again after a fatal error, so that the API lives through an outage
of Kafka and says so: `ready` is False, and nothing is taken.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from api import background
from api.backlog import Backlog
from streams import kafka, log, metrics, topics
from streams.messages import Headers
from streams.settings import Settings
from streams.topics import Topic

LINGER_MS = 2
PROBE_SECONDS = 2.0
_RETRY_SECONDS = 1.0

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be produced: the key is the number in plain decimal."""

    topic: Topic
    key: int
    value: bytes
    headers: Headers


class Intake:
    """Produces orders and updates. `start` returns at once; `ready` says whether Kafka has answered lately."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self.ready = False
        self.backlog = Backlog(settings.intake_records)
        self._stuck_seconds = kafka.stuck_seconds(settings)
        self._silent_since: float | None = None  # since the last confirmation, when a record first waited in vain

    @property
    def failed(self) -> bool:
        """Whether its work has ended by an error."""
        return background.failed(self._task)

    async def start(self) -> None:
        self._task = background.start(self._keep_connected(), "intake")

    async def stop(self) -> None:
        """Sends what is under way, for a moment, and closes: all requests have their answers, and nobody was promised
        what is still unconfirmed."""
        await background.stop(self._task)
        self.ready = False
        if self._producer is not None:
            await kafka.close(self._producer)
            self._producer = None

    async def take(self, records: Sequence[Record]) -> list[bool]:
        """Which of the records Kafka has, confirmed within produce_timeout. Those of one key stay in this order.

        One that is not confirmed may still be written later: whoever sends it again must use the same ids.
        """
        by_key: dict[tuple[str, int], list[int]] = {}
        for index, record in enumerate(records):
            by_key.setdefault((record.topic.name, record.key), []).append(index)
        taken = [False] * len(records)
        deadline = asyncio.get_running_loop().time() + self._settings.produce_timeout
        with self.backlog.waiting(len(records)):
            await asyncio.gather(
                *(self._take_in_order(records, indexes, taken, deadline) for indexes in by_key.values())
            )
        return taken

    async def _take_in_order(
        self, records: Sequence[Record], indexes: list[int], taken: list[bool], deadline: float
    ) -> None:
        """Appends one key's records one after the other, then waits for all of their confirmations."""
        producer = self._producer
        if producer is None:
            return
        sent: list[asyncio.Future[object]] = []
        topic = records[indexes[0]].topic.name
        try:
            async with asyncio.timeout_at(deadline):
                for index in indexes:
                    sent.append(await self._append(producer, records[index]))  # noqa: PERF401 - keeps those before a time-out
                await asyncio.wait(sent)
        except TimeoutError:
            _log.warning("kafka_timeout", topic=topic, records=len(indexes))
            self._waited_in_vain(producer)
        except KafkaError as error:
            self._refused(producer, topic, error)
        for index, confirmed in zip(indexes, sent, strict=False):
            taken[index] = self._confirmed(producer, topic, confirmed)

    def _confirmed(self, producer: AIOKafkaProducer, topic: str, sent: "asyncio.Future[object]") -> bool:
        if not sent.done() or sent.cancelled():
            return False
        error = sent.exception()
        if isinstance(error, KafkaError):
            self._refused(producer, topic, error)
            return False
        if error is not None:
            raise error
        metrics.ACCEPTED.labels(topic).inc()
        self._silent_since = None
        return True

    async def _append(self, producer: AIOKafkaProducer, record: Record) -> "asyncio.Future[object]":
        confirmed: asyncio.Future[object] = await producer.send(
            self._settings.topic(record.topic.name), record.value, str(record.key).encode(), headers=record.headers
        )
        # Whoever waited may be gone by the time it fails: asyncio must not complain that nobody looked.
        confirmed.add_done_callback(lambda future: future.cancelled() or future.exception())
        return confirmed

    def _refused(self, producer: AIOKafkaProducer, topic: str, error: KafkaError) -> None:
        """An idempotent producer that lost its sequence (or its epoch) never sends again: another takes its place."""
        _log.warning("kafka_refused", topic=topic, error=repr(error))
        if not error.retriable:
            self._renew(producer)

    def _waited_in_vain(self, producer: AIOKafkaProducer) -> None:
        now = asyncio.get_running_loop().time()
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since > self._stuck_seconds:
            self._renew(producer)

    def _renew(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer, self.ready, self._silent_since = None, False, None
            metrics.RETRIES.labels("kafka").inc()

    async def _keep_connected(self) -> None:
        opened: AIOKafkaProducer | None = None
        while True:
            if self._producer is None:
                if opened is not None:
                    await kafka.close(opened)
                opened = self._producer = await self._open()
            self.ready = opened is not None and self._producer is opened and await self._answers(opened)
            await asyncio.sleep(PROBE_SECONDS if self.ready else _RETRY_SECONDS)

    async def _open(self) -> AIOKafkaProducer | None:
        """A started producer that knows both topics, or None when Kafka or a topic is not there."""
        producer: AIOKafkaProducer | None = None
        try:
            producer = kafka.producer(self._settings, "lacak-api", linger_ms=LINGER_MS)
            async with asyncio.timeout(self._settings.kafka_request_timeout):
                await producer.start()
                await self._find_topics(producer)
        except (KafkaError, OSError, TimeoutError) as error:
            _log.warning("kafka_away", bootstrap=self._settings.kafka_bootstrap, error=repr(error))
            metrics.RETRIES.labels("kafka").inc()
            if producer is not None:
                await kafka.close(producer)
            return None
        except asyncio.CancelledError:
            if producer is not None:
                await kafka.close(producer)
            raise
        _log.info("kafka_connected", bootstrap=self._settings.kafka_bootstrap)
        return producer

    async def _find_topics(self, producer: AIOKafkaProducer) -> None:
        """Raises UnknownTopicOrPartitionError unless both topics are there, TopicAuthorizationFailedError where this
        process may not use one."""
        for name in (self._settings.topic(topic.name) for topic in (topics.ORDERS, topics.UPDATES)):
            await producer.client.add_topic(name)
            if name in producer.client.cluster.unauthorized_topics:
                raise kafka.not_allowed(name)
            if not producer.client.cluster.partitions_for_topic(name):
                raise UnknownTopicOrPartitionError(f"there is no topic {name}; run `lacak topics`")

    async def _answers(self, producer: AIOKafkaProducer) -> bool:
        """Whether a broker answers a request for metadata."""
        try:
            async with asyncio.timeout(self._settings.produce_timeout):
                return bool(await producer.client.force_metadata_update())
        except (KafkaError, OSError, TimeoutError):
            return False
