"""Where `load` and `simulate` send to: Kafka, or the REST API. Both keep each order's own order, within bounds.

A sink is an async context manager; leaving it waits until all that it took has an answer. `Tally` counts the answers.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from cli.edge import Failed, now_ms
from streams import topics
from streams.codec import Codec
from streams.kafka import producer
from streams.messages import (
    ORDER_PLACED,
    STATUS_UPDATE,
    Invalid,
    Message,
    as_json,
    check_order,
    check_update,
    cloud_event,
)
from streams.settings import Settings

IN_FLIGHT = 2_000  # records without an acknowledgement
REQUESTS = 32  # under way at a time
TRY_AGAIN = frozenset({429, 502, 503, 504})
LONGEST_WAIT = 10.0
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


class RestSink:
    """Posts to the API, so many requests at a time, one of an order; tried again while the API is busy or away.

    `patience`: after so many seconds without any answer it raises `Failed`; at the start at once. None is never.
    """

    def __init__(self, url: str, token: Callable[[], str], patience: float | None = 60.0) -> None:
        self.tally = Tally()
        self._url, self._token, self._patience = url, token, patience
        self._room = asyncio.Semaphore(REQUESTS)
        self._last: dict[int, asyncio.Task[None]] = {}  # of each order that has one under way

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(base_url=self._url, timeout=httpx.Timeout(15.0), trust_env=False)
        self._answered = now_ms()
        if self._patience is not None:
            await self._greet()
        self._tasks = await asyncio.TaskGroup().__aenter__()
        return self

    async def _greet(self) -> None:
        try:
            await self._client.get("/healthz")
        except httpx.TransportError as error:
            await self._client.aclose()
            raise Failed(f"the API at {self._url} does not answer ({_words(error)}); `make up` starts it") from error

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._tasks.__aexit__(*error)  # type: ignore[arg-type]
        finally:
            await self._client.aclose()

    async def send(self, item: Item) -> None:
        """Starts to post one item, after the one before it of the same order."""
        await self._room.acquire()
        self.tally.took(item)
        id_order = item.message["id_order"]
        task = self._tasks.create_task(self._in_turn(item, self._last.get(id_order)))
        self._last[id_order] = task
        task.add_done_callback(lambda done: self._done(id_order, done))

    async def _in_turn(self, item: Item, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        await self._post(item)

    def _done(self, id_order: int, task: "asyncio.Task[None]") -> None:
        self._room.release()
        if self._last.get(id_order) is task:
            del self._last[id_order]

    async def _post(self, item: Item) -> None:
        body = {name: value for name, value in as_json(item.message).items() if value is not None}
        path = "/v1/orders" if item.is_order else f"/v1/orders/{body.pop('id_order')}/status"
        tries = 0
        while True:
            answer, why, wait = await self._try(path, body, tries)
            if answer is not None and answer.status_code not in TRY_AGAIN:
                self._answered = now_ms()
                self._count(item, answer)
                return
            tries += 1
            if self._patience is not None and now_ms() - self._answered > self._patience * 1000:
                raise Failed(f"the API takes nothing any more: {why}")
            await asyncio.sleep(wait)

    async def _try(self, path: str, body: Message, tries: int) -> tuple[httpx.Response | None, str, float]:
        """The answer or None, why there is none, and how long to wait before the next try."""
        wait = random.uniform(0, min(LONGEST_WAIT, 0.25 * 2**tries))
        try:
            answer = await self._client.post(path, json=body, headers={"authorization": f"Bearer {self._token()}"})
        except httpx.TransportError as error:
            return None, f"{self._url}: {_words(error)}", wait
        after = answer.headers.get("retry-after", "")
        return answer, f"{answer.status_code} {problem(answer)}", max(wait, float(after) if after.isdigit() else 0.0)

    def _count(self, item: Item, answer: httpx.Response) -> None:
        if answer.status_code == 202:
            self.tally.accepted += 1
        else:
            self.tally.refused += 1
            self.tally.problem(item, f"{answer.status_code} {problem(answer)}")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def problem(answer: httpx.Response) -> str:
    """What a problem+json answer says, in one line."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    if not isinstance(body, dict):
        return answer.text[:200]
    errors = [f"{e.get('field')}: {e.get('detail')}" for e in body.get("errors", []) if isinstance(e, dict)]
    return "; ".join([str(body.get("detail") or body.get("title") or answer.reason_phrase), *errors])
