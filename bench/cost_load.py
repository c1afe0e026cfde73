"""The simulated couriers of `figures.py`: what they post, and at what rate."""

import asyncio
import time
import uuid
from collections.abc import Coroutine, Iterable
from itertools import cycle, islice
from typing import Any

import aiohttp

from cli.couriers import traffic
from cli.reports import Reports
from streams.messages import Message, as_json

ORDERS = "/v1/orders"
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
BUSY = 503
USERS_EACH = 3  # orders of a user

Plan = list[tuple[str, Message]]
"""Paths and bodies of POSTs."""


def plan(orders: int, seed: int) -> Plan:
    """A plausible day. An event's id is as long as one that a courier's system makes."""
    reports, now = Reports(), time.time_ns() // 1_000_000
    made = []
    for n, move in enumerate(traffic(seed, orders, max(1, orders // USERS_EACH), now * 1000 + seed)):
        item = reports.item(move, now + n)
        body = {name: value for name, value in as_json(item.message).items() if value is not None}
        if item.is_order:
            made.append((ORDERS, body))
        else:
            id_order = body.pop("id_order")
            body["event_id"] = uuid.uuid5(uuid.NAMESPACE_OID, f"{id_order}/{body['event_id']}").hex
            made.append((f"{ORDERS}/{id_order}/status", body))
    return made


def orders(posts: Plan) -> list[str]:
    """The ids of the orders that it places."""
    return [body["id_order"] for path, body in posts if path == ORDERS]


def batches(posts: Plan, count: int, size: int) -> Plan:
    """Its updates again, many in one POST: the worker finds that they are duplicates, the API does not look."""
    updates = cycle([body | {"id_order": path.split("/")[3]} for path, body in posts if path != ORDERS])
    return [("/v1/status-updates", {"updates": list(islice(updates, size))}) for _ in range(count)]


async def paced(calls: Iterable[Coroutine[Any, Any, None]], rate: float) -> None:
    """Starts so many a second, whether those before have an answer or not; returns when all have one."""
    start, tasks = time.monotonic(), set[asyncio.Task[None]]()
    for n, call in enumerate(calls):
        await asyncio.sleep(max(0.0, start + n / rate - time.monotonic()))
        tasks.add(asyncio.create_task(call))
    await asyncio.gather(*tasks)


async def post_all(session: aiohttp.ClientSession, posts: Plan, rate: float) -> None:
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
