"""A gateway that is told to end while one of aiokafka's clients closes, which swallows that, ends all the same."""

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient

from api import background
from api.live.changes import Changes
from api.live.consumer import ChangesConsumer
from api.live.hub import Hub
from api.live.pushes import Pushes
from api.services import wall_clock
from streams.settings import Settings
from streams.spans import Spans


@pytest.mark.parametrize("fails", [True, False], ids=["its consumer", "its look at the topic"])
async def test_a_consumer_that_is_cancelled_while_a_client_of_it_closes_ends(
    live_settings: Settings, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    left, cancelled, real = 2, asyncio.Event(), AIOKafkaClient.close  # the first is its first look

    async def close(client: AIOKafkaClient) -> None:
        nonlocal left
        left -= 1
        if not left:
            task.cancel()
            cancelled.set()
        await real(client)

    async def fail(self: ChangesConsumer, *_: object) -> None:
        raise OSError("the session ends, and closes its consumer")

    monkeypatch.setattr(AIOKafkaClient, "close", close)
    if fails:
        monkeypatch.setattr(ChangesConsumer, "_begin", fail)
    pushes = Pushes(Spans(live_settings, "gateway"))
    consumer = ChangesConsumer(live_settings, Hub(Changes(), 2, 20, pushes=pushes), wall_clock, pushes)
    task = background.start(consumer.run(), "changes-consumer")
    await asyncio.wait_for(cancelled.wait(), 30)
    await asyncio.wait([task], timeout=15)
    assert task.cancelled()
