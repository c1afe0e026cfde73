"""The simulated couriers of `figures.py`: what they send, how, and at what rate."""

import asyncio
import time
import uuid
from collections.abc import Coroutine, Iterable, Iterator
from itertools import cycle, islice
from typing import Any

import aiohttp

import topics_reader
from cli.couriers import traffic
from cli.publish import Item
from cli.reports import Reports
from streams.codec import Codec
from streams.messages import Message, as_json
from streams.settings import Settings

ORDERS = "/v1/orders"
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
BUSY = 503
USERS_EACH = 3  # orders of a user

FLOW_STEP_SECONDS = 0.01
CODECS = {"orders": Codec("OrderPlaced"), "courier-status-updates": Codec("CourierStatusUpdate")}

Plan = list[Item]


def plan(orders: int, seed: int) -> Plan:
    """A plausible day. An event's id is as long as one that a courier's system makes."""
    reports, now = Reports(), time.time_ns() // 1_000_000
    made = []
    for n, move in enumerate(traffic(seed, orders, max(1, orders // USERS_EACH), now * 1000 + seed)):
        item = reports.item(move, now + n)
        if not item.is_order:
            item.message["event_id"] = uuid.uuid5(
                uuid.NAMESPACE_OID, f"{item.message['id_order']}/{item.message['event_id']}"
            ).hex
        made.append(item)
    return made


def orders(posts: Plan) -> list[int]:
    """The ids of the orders that it places."""
    return [item.message["id_order"] for item in posts if item.is_order]


def steps(count: int, step: int, rate: float) -> Iterator[int]:
    """The beginnings of steps of so many each, when they are due."""
    start = time.monotonic()
    for at in range(0, count, step):
        time.sleep(max(0.0, start + at / rate - time.monotonic()))
        yield at


def flow(settings: Settings, posts: Plan, rate: float) -> None:
    """Writes all of it straight into Kafka, so many a second."""
    step = max(1, round(rate * FLOW_STEP_SECONDS))
    for at in steps(len(posts), step, rate):
        for topic, codec in CODECS.items():
            now = [item.message for item in posts[at : at + step] if item.is_order == (topic == "orders")]
            records = ((str(each["id_order"]).encode(), codec.encode(each)) for each in now)
            topics_reader.write(settings, topic, records)


def batches(posts: Plan, count: int, size: int) -> Iterable[tuple[str, Message]]:
    """Its updates again, many in one POST: the worker finds that they are duplicates, the API does not look."""
    updates = cycle([_body(item) for item in posts if not item.is_order])
    return [("/v1/status-updates", {"updates": list(islice(updates, size))}) for _ in range(count)]


def singly(posts: Plan) -> Iterable[tuple[str, Message]]:
    """Path and body of a POST for each."""
    for item in posts:
        body = _body(item)
        yield (ORDERS, body) if item.is_order else (f"{ORDERS}/{body.pop('id_order')}/status", body)


def _body(item: Item) -> Message:
    return {name: value for name, value in as_json(item.message).items() if value is not None}


async def paced(calls: Iterable[Coroutine[Any, Any, None]], rate: float) -> None:
    """Starts so many a second, whether those before have an answer or not; returns when all have one."""
    start, tasks = time.monotonic(), set[asyncio.Task[None]]()
    for n, call in enumerate(calls):
        await asyncio.sleep(max(0.0, start + n / rate - time.monotonic()))
        tasks.add(asyncio.create_task(call))
    await asyncio.gather(*tasks)


async def post_all(session: aiohttp.ClientSession, posts: Iterable[tuple[str, Message]], rate: float) -> None:
    """Posts all of it."""
    await paced((_ask(session, "POST", path, body) for path, body in posts), rate)


async def get_all(session: aiohttp.ClientSession, paths: Iterable[str], rate: float) -> None:
    """Reads all of them."""
    await paced((_ask(session, "GET", path) for path in paths), rate)


async def _ask(session: aiohttp.ClientSession, method: str, path: str, body: Message | None = None) -> None:
    while True:
        async with session.request(method, path, json=body) as answer:
            text = await answer.text()
        if answer.status != BUSY:
            assert answer.status in (200, 202), text
            return
        await asyncio.sleep(1)
