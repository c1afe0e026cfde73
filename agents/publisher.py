"""Publishes records so that those of one key keep their order, come what may.

Records of one output partition go as atomic record batches, and the next batch is sent only after the one before is
confirmed (DESIGN section 6, rule 3): otherwise version k, timed out and tried again, could first appear after k + 1.
An idempotent producer alone does not do: it forgets its sequence when it is made anew.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams import metrics
from streams.kafka import close, producer, stuck_seconds
from streams.log import get
from streams.messages import Headers
from streams.settings import Settings

log = get(__name__)
BATCH_BYTES = 64 * 1024
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Outgoing(NamedTuple):
    """One record to produce. `topic` is its name on this Kafka."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Session:
    """One producer, and whoever waits for it."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer, self._waiting, self._closed = producer, set[asyncio.Timeout](), False

    async def start(self) -> None:
        """Raises KafkaError or OSError when Kafka is away."""
        await self._producer.start()

    def batch(self) -> BatchBuilder:
        return self._producer.create_batch()

    async def send(self, batch: BatchBuilder, topic: str, partition: int) -> None:
        """Returns when the batch is confirmed. Raises KafkaError; also when the producer is closed meanwhile: aiokafka
        takes batches from those who waited for a place until after its sender is gone, and then nobody tells them."""
        if self._closed:
            raise _closed()
        try:
            async with asyncio.timeout(None) as patience:
                self._waiting.add(patience)
                await (await self._producer.send_batch(batch, topic, partition=partition))
        except TimeoutError:
            if patience.expired():
                raise _closed() from None
            raise
        finally:
            self._waiting.discard(patience)

    async def close(self) -> None:
        """Closes the producer. What is not confirmed by then may or may not be written, and whoever waits is told."""
        self._closed = True
        await close(self._producer)
        for patience in self._waiting:
            patience.reschedule(0)
        self._waiting.clear()


def _closed() -> KafkaConnectionError:
    return KafkaConnectionError("its producer was closed")


class Publisher:
    """A producer that tries until Kafka has it, and makes itself anew when its session is beyond repair."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings, self._client_id = settings, client_id
        self._session: Session | None = None
        self._renewing = asyncio.Lock()
        self._stuck_seconds = stuck_seconds(settings)
        self._confirmed_at = 0.0

    async def publish(self, records: Iterable[Outgoing]) -> None:
        """Returns when Kafka has all of them on all in-sync replicas; retries for ever.

        Cancelled, it may have written some, or may still write them.
        """
        partitions = defaultdict[tuple[str, int], list[Outgoing]](list)
        for record in records:
            partitions[record.topic, record.partition].append(record)
        await asyncio.gather(*(self._in_order(*where, those) for where, those in partitions.items()))

    async def stop(self) -> None:
        """Closes the producer; what was not confirmed may or may not be written."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _in_order(self, topic: str, partition: int, records: list[Outgoing]) -> None:
        pause = FIRST_PAUSE
        while records:
            try:
                records = records[await self._send(topic, partition, records) :]
                pause = FIRST_PAUSE
            except (KafkaError, OSError) as error:
                metrics.RETRIES.labels("kafka").inc()
                log.warning("kafka_away", topic=topic, partition=partition, error=repr(error), pause=pause)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _send(self, topic: str, partition: int, records: list[Outgoing]) -> int:
        """Sends as many as one record batch takes and gives their number when they are confirmed."""
        current = await self._started()
        batch = current.batch()
        count = 0
        for record in records:
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                break
            count += 1
        batch.close()
        try:
            await current.send(batch, topic, partition)
        except KafkaTimeoutError:  # it found no place in the producer's queue: nothing of it was sent
            if self._clock() - self._confirmed_at > self._stuck_seconds:
                await self._give_up(current)
            raise
        except KafkaError:
            await self._give_up(current)
            raise
        self._confirmed_at = self._clock()
        return count

    async def _started(self) -> Session:
        async with self._renewing:
            if self._session is None:
                fresh = Session(producer(self._settings, self._client_id, max_batch_size=BATCH_BYTES))
                try:
                    await fresh.start()
                except BaseException:
                    await fresh.close()
                    raise
                self._session, self._confirmed_at = fresh, self._clock()
            return self._session

    async def _give_up(self, broken: Session) -> None:
        """The sequence of a producer with a failed batch has a gap: only a new producer goes on safely."""
        async with self._renewing:
            if self._session is broken:
                self._session = None
                await broken.close()

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()
