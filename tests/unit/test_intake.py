"""A producer that confirms nothing any more is replaced, while the broker answers all the rest."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from api import intake
from api.intake import Intake, Record
from streams import kafka, topics
from streams.settings import Settings

TIMEOUT = 0.05
RECORD = Record(topics.ORDERS, 7, b"", [])


class Producer:
    """Confirms, unless it is stuck; its client answers either way."""

    def __init__(self, stuck: bool) -> None:
        self.stuck, self.closed = stuck, False
        self.client = SimpleNamespace(
            add_topic=self._at_once,
            force_metadata_update=self._at_once,
            cluster=SimpleNamespace(partitions_for_topic=lambda _: {0}, unauthorized_topics=set()),
        )

    async def _at_once(self, *_: Any) -> bool:
        return True

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.closed = True

    async def send(self, *_: Any, **__: Any) -> "asyncio.Future[object]":
        sent: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if not self.stuck:
            sent.set_result(None)
        return sent


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> list[Producer]:
    """Those that were made: the first is stuck."""
    made: list[Producer] = []

    def make(*_: Any, **__: Any) -> Producer:
        made.append(Producer(stuck=not made))
        return made[-1]

    monkeypatch.setattr(kafka, "producer", make)
    monkeypatch.setattr(intake, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(intake, "PROBE_SECONDS", 0.01)
    return made


async def ready(one: Intake) -> None:
    while not one.ready:
        await asyncio.sleep(0.01)


async def test_a_producer_that_is_stuck_is_replaced(producers: list[Producer]) -> None:
    settings = Settings(_env_file=None, produce_timeout=TIMEOUT, kafka_request_timeout=2 * TIMEOUT)  # type: ignore[call-arg]
    one = Intake(settings)
    await one.start()
    await ready(one)
    assert await one.take([RECORD]) == [False]
    assert len(producers) == 1 and one.ready, "one that waited in vain proves nothing"
    async with asyncio.timeout(60):
        while await one.take([RECORD]) != [True]:
            await ready(one)
    assert [each.stuck for each in producers] == [True, False]
    assert producers[0].closed and not producers[1].closed
    await one.stop()
    assert producers[1].closed
