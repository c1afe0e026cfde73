"""Where `load` and `simulate` send to: Kafka here, the API in cli/publish_rest.py. Both keep each order's own order.

A sink is an async context manager; leaving it waits until all that it took has an answer. `Tally` counts the answers.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from streams import topics
from streams.codec import Codec
from streams.kafka import producer
from streams.messages import (
    ORDER_PLACED,
    STATUS_UPDATE,
    Invalid,
    Message,
    check_order,
    check_update,
    cloud_event,
)
from streams.settings import Settings

IN_FLIGHT = 2_000  # records without an acknowledgement
KEPT_PROBLEMS = 20


class Item(NamedTuple):
    """An OrderPlaced, or else a CourierStatusUpdate; `source` says where it came from, for a person."""

    is_order: bool
    message: Message
    source: str


@dataclass
class Tally:
    """What became of the items."""

    orders: int = 0
    updates: int = 0
    accepted: int = 0
    refused: int = 0  # for what they are
    unanswered: int = 0  # not acknowledged: they may have arrived or not
    problems: list[str] = field(default_factory=list)  # the first few

    @property
    def sent(self) -> int:
        return self.orders + self.updates

    def took(self, item: Item) -> None:
        """Counts an item on its way."""
        if item.is_order:
            self.orders += 1
        else:
            self.updates += 1

    def problem(self, item: Item, text: str) -> None:
        """Keeps a line about an item that was not accepted."""
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(f"{item.source}: {text}")


class Sink(Protocol):
    """Takes items."""

    tally: Tally

    async def send(self, item: Item) -> None:
        """Takes one item, waiting while too many have no answer yet."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...


class KafkaSink:
    """Produces with acks=all, idempotent, keyed by the plain decimal id_order."""

    def __init__(self, settings: Settings, process: str) -> None:
        self.tally = Tally()
        self._settings, self._process = settings, process
        self._codecs = {True: Codec("OrderPlaced"), False: Codec("CourierStatusUpdate")}
        self._topics = {True: settings.topic(topics.ORDERS.name), False: settings.topic(topics.UPDATES.name)}
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._producer: AIOKafkaProducer

    async def __aenter__(self) -> Self:
        self._producer = producer(self._settings, f"lacak-{self._process}", linger_ms=5)
        await self._producer.start()
        try:
            for topic in self._topics.values():  # so that a missing topic is one error, not one an item
                await self._producer.partitions_for(topic)
        except KafkaError:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._producer.stop()
        for _ in range(IN_FLIGHT):  # the last answers' callbacks
            await self._room.acquire()

    async def send(self, item: Item) -> None:
        """Produces one item. One that is invalid in itself is refused here, as the API would."""
        self.tally.took(item)
        try:
            (check_order if item.is_order else check_update)(item.message)
            value = self._codecs[item.is_order].encode(item.message)
        except Invalid as error:
            self._refuse(item, str(error))
            return
        await self._room.acquire()
        try:
            answer = await self._producer.send(
                self._topics[item.is_order],
                value,
                str(item.message["id_order"]).encode(),
                headers=self._headers(item),
            )
        except KafkaError as error:
            self._room.release()
            self._count(item, error)
            return
        answer.add_done_callback(lambda done: self._answered(item, done))

    def _headers(self, item: Item) -> list[tuple[str, bytes]]:
        order, message = item.is_order, item.message
        id_ = f"{message['id_order']}-{'placed' if order else message['event_id']}"
        time = message["placed_at" if order else "occurred_at"]
        return cloud_event(ORDER_PLACED if order else STATUS_UPDATE, id_, self._process, time, None)

    def _answered(self, item: Item, answer: "asyncio.Future[Any]") -> None:
        self._room.release()
        self._count(item, answer.exception())

    def _count(self, item: Item, error: BaseException | None) -> None:
        if error is None:
            self.tally.accepted += 1
        elif isinstance(error, MessageSizeTooLargeError):
            self._refuse(item, str(error))
        else:
            self.tally.unanswered += 1
            self.tally.problem(item, f"not acknowledged: {error}")

    def _refuse(self, item: Item, text: str) -> None:
        self.tally.refused += 1
        self.tally.problem(item, text)
