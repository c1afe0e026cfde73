"""Between the snapshot and the first change there is no gap."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from live_clients import TRANSPORTS, bearer, journey, publish, query, store, websocket
from order_examples import a_row, an_order, written
from rest import Rest, problem, running
from streams.order import Order, placed
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders
from tables.orders import DAY_MS, Page

transports = pytest.mark.parametrize("transport", TRANSPORTS)


def an_order_of(user: int, days_ago: float = 0.1) -> Order:
    at = int(time.time() * 1000 - days_ago * DAY_MS)
    return an_order(id_user=user, placed_at=at, recorded_at=at, promised_at=None)


def ended(order: Order, hours_ago: float, status: str = "delivered") -> Any:
    at = int(time.time() * 1000 - hours_ago * 3_600_000)
    row = a_row(2, status, 2, previous_status="placed", occurred_at=at, recorded_at=at)
    return written(order, [placed(order), row], lists=True)


def mended(order: Order, hours_ago: float) -> Any:
    """Ended so long ago, and taken back by an operator since then."""
    first, last = (int(time.time() * 1000 - hours * 3_600_000) for hours in (hours_ago, hours_ago / 2))
    rows = [
        placed(order),
        a_row(2, "delivered", 2, previous_status="placed", occurred_at=first, recorded_at=first),
        a_row(3, "in_transit", 3, previous_status="delivered", occurred_at=last, recorded_at=last, corrects=2),
    ]
    return written(order, rows, lists=True)


def is_open(order: Order) -> Any:
    return written(order, [placed(order)], lists=True)


async def snapshot(rest: Rest, user: int, transport: str = "websocket", *orders: int) -> list[dict[str, Any]]:
    async with TRANSPORTS[transport](rest, query(orders=orders), bearer(rest.settings, user)) as client:
        shown: list[dict[str, Any]] = (await client.next("snapshot"))["orders"]
        return shown


def ids(shown: list[dict[str, Any]]) -> list[int]:
    return [int(order["id_order"]) for order in shown]


@transports
async def test_it_shows_open_orders_and_those_that_ended_in_24_hours(transport: str, gateway: Rest, user: int) -> None:
    new, old = an_order_of(user), an_order_of(user, days_ago=60)
    yesterday, long_ago = an_order_of(user, days_ago=4), an_order_of(user, days_ago=5)
    lost, another = an_order_of(user, days_ago=30), an_order_of(user + 100_000)
    writes = [is_open(new), is_open(old), ended(yesterday, 23), ended(long_ago, 25), ended(lost, 24 * 20, "lost")]
    await store(gateway.settings, *writes, is_open(another))
    shown = await snapshot(gateway, user, transport)
    assert ids(shown) == [new.id_order, yesterday.id_order, lost.id_order, old.id_order], "a lost order may be found"
    assert (shown[0]["status"], shown[0]["version"], shown[0]["produk_nama"]) == ("placed", 1, "Kopi Gayo 250 g")
    assert shown[0]["placed_at"].endswith("Z") and isinstance(shown[0]["id_order"], str)
    narrowed = await snapshot(gateway, user, transport, new.id_order, another.id_order, long_ago.id_order, 12345)
    assert ids(narrowed) == [new.id_order]


@transports
async def test_an_order_whose_end_was_taken_back_is_there_again_and_its_change_says_so(
    transport: str, gateway: Rest, user: int
) -> None:
    order = an_order_of(user, days_ago=5)
    await store(gateway.settings, mended(order, hours_ago=60))
    async with TRANSPORTS[transport](gateway, headers=bearer(gateway.settings, user)) as client:
        [shown] = (await client.next("snapshot"))["orders"]
        assert (shown["status"], shown["version"]) == ("in_transit", 3)
        publish(gateway.settings, *journey(user, order.id_order, [4], corrects=3), *journey(user, order.id_order, [5]))
        assert [(await client.next("change"))["order"]["corrects"] for _ in range(2)] == [3, None]


@pytest.mark.parametrize("portable", [False], indirect=True, ids=["direct"])  # the transport has no part in it
async def test_it_pages_through_many_orders(gateway: Rest, user: int) -> None:
    orders = [replace(an_order_of(user), placed_at=an_order_of(user).placed_at - n) for n in range(450)]
    await store(gateway.settings, *map(is_open, orders))
    assert set(ids(await snapshot(gateway, user))) == {order.id_order for order in orders}


@transports
async def test_changes_while_the_snapshot_is_read_follow_it(
    transport: str, gateway: Rest, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is Cassandra; its answer is only held back until the changes have been published."""
    order = an_order_of(user)
    await store(gateway.settings, is_open(order))
    reads = CassandraOrders.orders_of_user

    async def held_back(self: CassandraOrders, id_user: int, limit: int, cursor: str | None = None) -> Page:
        page = await reads(self, id_user, limit, cursor)
        await asyncio.to_thread(publish, gateway.settings, *journey(user, order.id_order, range(2, 12)))
        await asyncio.sleep(0.5)
        return page

    monkeypatch.setattr(CassandraOrders, "orders_of_user", held_back)
    async with TRANSPORTS[transport](gateway, headers=bearer(gateway.settings, user)) as client:
        frame = await client.next("snapshot")
        assert [each["version"] for each in frame["orders"]] == [1]
        # What a client that is cut now has to resume from.
        cursor = client.cursor
        assert await client.changes(10) == [(order.id_order, n) for n in range(2, 12)]
    async with TRANSPORTS[transport](gateway, query(cursor), bearer(gateway.settings, user)) as client:
        assert (await client.next())["resumed"] is True
        assert await client.changes(10) == [(order.id_order, n) for n in range(2, 12)]


async def test_no_event_has_an_id_before_the_snapshot(
    gateway: Rest, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat in between would let a client resume past a snapshot that it never got."""
    reads = CassandraOrders.orders_of_user

    async def slow(self: CassandraOrders, id_user: int, limit: int, cursor: str | None = None) -> Page:
        await asyncio.sleep(2.5)
        return await reads(self, id_user, limit, cursor)

    monkeypatch.setattr(CassandraOrders, "orders_of_user", slow)
    async with websocket(gateway, headers=bearer(gateway.settings, user)) as client:
        assert [(await client.next())["type"] for _ in range(3)] == ["hello", "snapshot", "heartbeat"]


async def test_without_cassandra_a_client_is_told_to_try_later_and_a_resume_works(
    gateway: Rest, live_settings: Settings, user: int
) -> None:
    async with websocket(gateway, headers=bearer(gateway.settings, user)) as client:
        await client.next("snapshot")
        cursor = client.cursor
    nowhere = live_settings.model_copy(update={"cassandra_hosts": "127.0.0.1", "cassandra_port": 1})
    with running("gateway", nowhere) as rest:
        rest.until_ready()
        async with websocket(rest, headers=bearer(rest.settings, user)) as client:
            await asyncio.wait_for(client.socket.wait_closed(), 30)
            assert client.socket.close_code == 1013
        answer = rest.get("/v1/live/sse", bearer(rest.settings, user))
        problem(answer, 503, "store-away")
        assert answer.headers["retry-after"]
        async with websocket(rest, query(cursor), bearer(rest.settings, user)) as client:
            assert (await client.next())["resumed"] is True
