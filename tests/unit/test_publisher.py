"""Rule 3: the next record of a partition is sent only after the ones before are confirmed."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    OutOfOrderSequenceNumber,
)
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator

from agents import publisher
from agents.publisher import Outgoing, Publisher, Session
from streams.settings import Settings

BATCH = 3


class Builder:
    """Takes BATCH records."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []

    def append(self, *, value: bytes | None, **_: Any) -> bool | None:
        if len(self.values) == BATCH:
            return None
        self.values.append(value)
        return True

    def close(self) -> None:
        pass


class Producer:
    """Stands where aiokafka's producer does, and fails as the test says; what it wrote is in `log`."""

    made: list["Producer"]
    log: list[tuple[int, list[bytes | None]]]
    script: list[KafkaError | None]

    def __init__(self) -> None:
        self.in_flight: set[int] = set()
        self.made.append(self)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def create_batch(self) -> Builder:
        return Builder()

    async def send_batch(self, batch: Builder, topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert partition not in self.in_flight, "sent before the one before was confirmed"
        self.in_flight.add(partition)
        return asyncio.ensure_future(self._write(partition, batch))

    async def _write(self, partition: int, batch: Builder) -> None:
        await asyncio.sleep(0)
        self.in_flight.discard(partition)
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        self.log.append((partition, batch.values))


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> type[Producer]:
    Producer.made, Producer.log, Producer.script = [], [], []
    monkeypatch.setattr(publisher, "producer", lambda *_, **__: Producer())
    monkeypatch.setattr(publisher, "FIRST_PAUSE", 0)
    return Producer


def records(partition: int, count: int) -> list[Outgoing]:
    return [Outgoing("t", partition, b"k", b"%d" % number, []) for number in range(count)]


async def test_records_of_a_partition_go_in_batches_one_after_the_other(kafka: type[Producer]) -> None:
    await Publisher(Settings(_env_file=None), "test").publish(records(0, 7) + records(1, 2))
    assert [values for where, values in kafka.log if where == 0] == [[b"0", b"1", b"2"], [b"3", b"4", b"5"], [b"6"]]
    assert [values for where, values in kafka.log if where == 1] == [[b"0", b"1"]]


@pytest.mark.parametrize("error", [KafkaConnectionError(), KafkaTimeoutError(), OutOfOrderSequenceNumber()])
async def test_a_batch_that_failed_is_sent_again_before_what_follows(kafka: type[Producer], error: KafkaError) -> None:
    kafka.script = [error, None, error, error, None]
    await Publisher(Settings(_env_file=None), "test").publish(records(0, 5))
    assert [values for _, values in kafka.log] == [[b"0", b"1", b"2"], [b"3", b"4"]]


async def test_a_producer_whose_sequence_broke_is_made_anew(kafka: type[Producer]) -> None:
    kafka.script = [OutOfOrderSequenceNumber()]
    await Publisher(Settings(_env_file=None), "test").publish(records(0, 1))
    assert len(kafka.made) == 2


async def test_a_producer_that_is_full_and_confirms_nothing_for_long_is_made_anew(
    kafka: type[Producer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka is away, or it is stuck: both look the same, and a new one does no harm."""
    now = iter([0.0, 29.0, 31.0, 31.0, 40.0, 40.0])
    monkeypatch.setattr(Publisher, "_clock", lambda _: next(now))
    kafka.script = [KafkaTimeoutError(), KafkaTimeoutError(), KafkaTimeoutError(), None]
    await Publisher(Settings(_env_file=None, kafka_request_timeout=15), "test").publish(records(0, 1))
    assert len(kafka.made) == 2
    assert [values for _, values in kafka.log] == [[b"0"]]


class Forgetful:
    """The part of aiokafka's producer in which batches wait; nobody sends them."""

    def __init__(self) -> None:
        self.client = self._sender = self
        self.accumulator = MessageAccumulator(None, 1000, 0, 60)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[None]":
        confirmed: asyncio.Future[None] = await self.accumulator.add_batch(batch, TopicPartition(topic, partition), 60)
        return confirmed


class Stuck(Forgetful):
    """Has a sender that does nothing any more."""

    async def stop(self) -> None:
        await asyncio.sleep(3600)

    close = stop


class Ended(Forgetful):
    """Has ended in good order: all that was in its queue is refused. Who waited for a place takes it after that."""

    async def stop(self) -> None:
        self.accumulator._pop_batch(TopicPartition("t", 0)).failure(LeaderNotAvailableError())
        await self.accumulator.close()


@pytest.mark.parametrize("kind", [Stuck, Ended])
async def test_who_waits_for_a_producer_that_is_closed_is_told(
    kind: type[Forgetful], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aiokafka forgets them: a partition whose update waited so stood still until a restart."""
    monkeypatch.setattr("streams.kafka.CLOSE_SECONDS", 0.05)
    old = kind()
    session = Session(old)  # type: ignore[arg-type]
    batch = old.accumulator.create_builder()
    batch.append(timestamp=None, key=b"k", value=b"v")
    waiting = [asyncio.create_task(session.send(batch, "t", 0)) for _ in range(3)]
    await asyncio.sleep(0)
    await session.close()
    with pytest.raises(KafkaError):
        await session.send(batch, "t", 0)
    told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert all(isinstance(each, KafkaError) for each in told)


async def test_who_waited_for_a_producer_that_was_closed_publishes_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Ended):
        async def start(self) -> None:
            pass

        def create_batch(self) -> BatchBuilder:
            return self.accumulator.create_builder()

    class Good(Refusing):
        async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[None]":
            sent.append(partition)
            return asyncio.ensure_future(asyncio.sleep(0))

        async def stop(self) -> None:
            pass

    sent: list[int] = []
    kinds = iter([Refusing, Good])
    monkeypatch.setattr(publisher, "producer", lambda *_, **__: next(kinds)())
    monkeypatch.setattr(publisher, "FIRST_PAUSE", 0)
    ours = Publisher(Settings(_env_file=None), "test")
    publishing = [asyncio.create_task(ours.publish(records(0, 1))) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert ours._session is not None
    await ours._give_up(ours._session)
    await asyncio.wait_for(asyncio.gather(*publishing), 5)
    assert sent == [0] * 5
