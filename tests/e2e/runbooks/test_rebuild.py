"""docs/operations/rebuild.md: a table that is wrong is made anew from what it follows from, beside the worker."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

import stack
from fresh import drop, fresh_settings
from order_examples import RETENTION_MS, a_life, an_order, written
from parcels import LISTS, cassandra, everything, lose, now, place, scan, versions
from processes import Process, until
from runbook import Runbook
from streams.order import Order, placed
from streams.settings import Settings
from tables import cursors
from tables.cassandra_orders import CassandraOrders
from tables.lifetime import order_timestamp
from tables.orders import Current, OrderWrite, expires_at
from tables.rebuild import Rebuild
from tables.verdicts import FIRST, LAST, Found, Table

SCANS = ("picked_up", "in_transit", "out_for_delivery", "delivered")
COUNT = 40
IDS = range(1, COUNT + 1)


@pytest.fixture(scope="module")
def settings(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = fresh_settings(servers, tmp_path_factory.mktemp("rebuild"))
    yield settings
    drop(settings)


@pytest.fixture(scope="module")
def session(settings: Settings) -> Iterator[Session]:
    with cassandra(settings) as session:
        yield session


# -- beside the worker


def test_tables_from_an_older_snapshot_become_what_they_were_and_updates_go_on(
    settings: Settings, session: Session, tmp_path: Path
) -> None:
    page = Runbook("rebuild", settings, tmp_path)
    with Process("track", settings):
        place(settings, IDS)
        scan(settings, IDS, *SCANS[:3])
        until(lambda: versions(session) == dict.fromkeys(IDS, 4), what="all are out for delivery")
        before, lives = everything(session), lifetimes(session)
        asyncio.run(go_back(settings, session))
        lose(session, LISTS)

        assert f"{COUNT} orders: {COUNT} would be written, 0 right" in page.run("Look")
        assert versions(session) == dict.fromkeys(IDS, 2), "it has only looked"

        printed = page.run("Rebuild")
        assert f"\n{COUNT} orders: {COUNT} written, 0 right" in printed
        assert "1\tdiffers\tpicked_up 2\tout_for_delivery 4\n" in printed
        assert all(abs(life - lives[each]) < 120 for each, life in lifetimes(session).items())
        page.run("The lists")
        assert everything(session) == before

        asyncio.run(go_back(settings, session))
        with ThreadPoolExecutor() as beside:
            delivering = beside.submit(deliver, settings)
            page.run("Rebuild")
            delivering.result()
        until(lambda: versions(session) == dict.fromkeys(IDS, 5), what="whatever the worker wrote is newer than ours")
        assert f"{COUNT} orders: 0 would be written, {COUNT} right" in page.run("It is over")
    lose(session, before)


def deliver(settings: Settings) -> None:
    """One after the other, for some seconds."""
    for each in IDS:
        scan(settings, [each], SCANS[3])
        time.sleep(0.1)


async def go_back(settings: Settings, session: Session) -> None:
    """`orders` is as it was when all had been picked up."""
    store = await CassandraOrders.connect(settings)
    stored = [order for each in IDS if (order := await store.load(each)) is not None]
    session.execute("TRUNCATE orders", timeout=60)
    for order, rows in ((each.order, each.rows[:2]) for each in stored):
        until = expires_at(order, rows[-1].recorded_at, RETENTION_MS)
        await store.write(OrderWrite(Current.of(order, rows), (), until, lists=False), now())
    await store.close()


def lifetimes(session: Session) -> dict[int, int]:
    """The seconds that each order has to live."""
    return dict(tuple(row) for row in session.execute("SELECT id_order, TTL(status) FROM orders"))


# -- one order at a time


@pytest.fixture
async def store(settings: Settings) -> Any:
    store = await CassandraOrders.connect(settings)
    yield store
    await store.close()


async def an_orders_life(store: CassandraOrders) -> tuple[Order, Current]:
    """An order that has been delivered, and what its row is to say."""
    order = an_order(placed_at=now() - 3_600_000, recorded_at=now() - 3_600_000)
    life = a_life(order)
    await store.write(written(order, life, lists=True), now())
    return order, Current.of(order, life)


async def rebuilt(settings: Settings, table: Table = Table.ORDERS, dry: bool = False) -> dict[int, Found]:
    """What a rebuild finds."""
    work = await Rebuild.connect(settings, table, dry, now)
    try:
        return {each.id_order: each.found async for page in work.pages(FIRST, LAST, 8) for each in page.orders}
    finally:
        await work.close()


async def test_a_wrong_value_of_the_same_version_is_put_right(
    settings: Settings, session: Session, store: CassandraOrders
) -> None:
    """Cassandra takes the larger of two values with one timestamp, unless one lives longer."""
    for wrong in ("aaa", "zzz"):
        order, right = await an_orders_life(store)
        change = "UPDATE orders USING TIMESTAMP %s AND TTL %s SET courier = %s WHERE id_order = %s"
        session.execute(change, (order_timestamp(right), 95 * 86_400, wrong, order.id_order))
        assert (await rebuilt(settings))[order.id_order] is Found.DIFFERS
        assert await store.order(order.id_order) == right
        assert (await rebuilt(settings))[order.id_order] is Found.SAME


async def test_what_was_written_by_hand_is_told_and_not_taken_for_done(
    settings: Settings, session: Session, store: CassandraOrders
) -> None:
    order, _ = await an_orders_life(store)
    session.execute("UPDATE orders SET status = 'lost' WHERE id_order = %s", (order.id_order,))
    assert (await rebuilt(settings))[order.id_order] is Found.HELD


async def test_an_order_whose_own_row_is_gone_is_told_and_not_made_up(
    settings: Settings, session: Session, store: CassandraOrders
) -> None:
    order, _ = await an_orders_life(store)
    session.execute("DELETE FROM orders WHERE id_order = %s", (order.id_order,))
    assert (await rebuilt(settings))[order.id_order] is Found.UNKNOWN
    assert await store.order(order.id_order) is None


@pytest.mark.parametrize("lost", [2, 5], ids=["in the middle", "the last"])
async def test_a_history_that_lacks_rows_changes_nothing(
    settings: Settings, session: Session, store: CassandraOrders, lost: int
) -> None:
    order, right = await an_orders_life(store)
    row = a_life(order)[lost - 1]
    session.execute(
        "DELETE FROM order_status_history WHERE id_order = %s AND id_order_status_history = %s",
        (order.id_order, row.id_order_status_history),
    )
    assert (await rebuilt(settings))[order.id_order] is Found.BROKEN
    assert await store.order(order.id_order) == right


async def test_a_list_gets_what_it_lacks_and_nothing_else(
    settings: Settings, session: Session, store: CassandraOrders
) -> None:
    (order, right), (other, _) = await an_orders_life(store), await an_orders_life(store)
    session.execute("TRUNCATE orders_by_produk", timeout=60)
    await store.write(written(other, [placed(other)], lists=True), now())
    found = await rebuilt(settings, Table.OF_PRODUK)
    assert (found[order.id_order], found[other.id_order]) == (Found.DIFFERS, Found.SAME)
    page = await store.orders_of_user(order.id_user, 100)
    assert right in page.items
    assert (await rebuilt(settings, Table.OF_PRODUK))[order.id_order] is Found.SAME


async def test_a_months_entry_is_part_of_a_customers_list_and_looking_writes_nothing(
    settings: Settings, session: Session, store: CassandraOrders
) -> None:
    order, _ = await an_orders_life(store)
    session.execute("TRUNCATE months_by_user", timeout=60)
    for dry, found in ((True, Found.DIFFERS), (False, Found.DIFFERS), (True, Found.SAME)):
        assert (await rebuilt(settings, Table.OF_USER, dry))[order.id_order] is found
    assert (order.id_user,) in {tuple(row) for row in session.execute("SELECT id_user FROM months_by_user")}


async def test_a_deleted_row_of_a_list_is_told_and_not_taken_for_done(
    settings: Settings, session: Session, store: CassandraOrders
) -> None:
    order, _ = await an_orders_life(store)
    place = (order.id_produk, cursors.day_of(order.placed_at), order.placed_at, order.id_order)
    where = "id_produk = %s AND day = %s AND placed_at = %s AND id_order = %s"
    session.execute(f"DELETE FROM orders_by_produk WHERE {where}", place)
    assert (await rebuilt(settings, Table.OF_PRODUK))[order.id_order] is Found.HELD


async def test_a_deleted_row_stays_hidden_from_whoever_writes_it_again_until_the_table_was_truncated(
    session: Session, store: CassandraOrders
) -> None:
    """What restore.md and replay.md say of a DELETE."""
    order, right = await an_orders_life(store)
    session.execute("DELETE FROM orders WHERE id_order = %s", (order.id_order,))
    await store.write(written(order, a_life(order), lists=True), now())
    assert await store.order(order.id_order) is None
    session.execute("TRUNCATE orders", timeout=60)
    await store.write(written(order, a_life(order), lists=True), now())
    assert await store.order(order.id_order) == right


async def test_it_goes_on_where_another_one_ended(settings: Settings, store: CassandraOrders) -> None:
    ids = {(await an_orders_life(store))[0].id_order for _ in range(5)}
    work = await Rebuild.connect(settings, Table.ORDERS, True, now)
    every = [page async for page in work.pages(FIRST, LAST, 8)]
    halves = [[page async for page in work.pages(*ends, 8)] for ends in ((FIRST, 0), (0, LAST))]
    left = [page async for page in work.pages(every[-1].token, LAST, 8)]
    await work.close()
    assert left == [], "all has been seen"
    seen = [{each.id_order for page in pages for each in page.orders} for pages in (every, *halves)]
    assert ids <= seen[0] == seen[1] | seen[2]
    assert not seen[1] & seen[2]
